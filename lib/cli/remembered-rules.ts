/**
 * `--ignore` and `--unignore`. The rules are stored in the library's `config.json`, because the next sync
 * would otherwise add the excluded files again.
 */
import { renameSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { readConfigFile } from '../config';
import { makeError, messageOf } from '../base/errors';
import { CONFIG_FILE } from '../base/files/names';
import { printable } from './output/format';
import type { Flags, Session } from './session';

const listOf = (value: unknown): readonly string[] =>
  Array.isArray(value) ? value.map(String) : [];

/**
 * Saves the rules of the flags, except in a dry run. The library must be open for writing.
 *
 * @param dir  folder of the library
 * @throws ERR_ARG_RANGE if `--unignore` names no rule of the library; ERR_IO
 */
export function rememberRules(session: Session, flags: Flags, dir: string): void {
  const added = listOf(flags.ignore);
  const removed = listOf(flags.unignore);
  if (added.length + removed.length === 0) return;
  const file = path.join(dir, CONFIG_FILE);
  const values = readConfigFile(file)?.values ?? {};
  const before = listOf(values.ignore);
  const unknown = removed.find((rule) => !before.includes(rule));
  if (unknown !== undefined) throw notRemembered(unknown, before);
  const after = [...new Set([...before, ...added])].filter((rule) => !removed.includes(rule));
  if (flags.dryRun === true) return;
  if (after.join('\n') === before.join('\n')) return;
  write(file, { ...values, ignore: after });
  const say = (verb: string, rules: readonly string[], tail: string): void => {
    const shown = rules.map((rule) => JSON.stringify(rule)).join(', ');
    if (rules.length > 0) session.io.note(`${verb} for this library: ${printable(shown)}${tail}`);
  };
  say('left out from now on', added, ' ("--unignore" takes it back)');
  say('no longer left out', removed, '');
}

function notRemembered(rule: string, rules: readonly string[]): Error {
  const known = rules.length === 0 ? 'it has none' : `it has ${JSON.stringify(rules)}`;
  return makeError(
    'ERR_ARG_RANGE',
    `--unignore ${JSON.stringify(rule)} is not a rule of this library: ${known}`,
    { details: { rule, rules } },
  );
}

function write(file: string, values: object): void {
  const beside = `${file}.${process.pid}.tmp`;
  try {
    writeFileSync(beside, `${JSON.stringify(values, undefined, 2)}\n`, { flush: true });
    renameSync(beside, file);
  } catch (cause) {
    throw makeError('ERR_IO', `${file} could not be written: ${messageOf(cause)}`, { cause });
  }
}
