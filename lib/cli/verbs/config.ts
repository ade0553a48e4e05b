/** `config [print]`: the settings in force and their origins. */
import { makeError } from '../../base/errors';
import { isSecret, SETTING_NAMES, type Origin } from '../../config';
import { EXIT, type ExitCode } from '../exit-codes';
import { printable } from '../output/format';
import type { Io } from '../output/io';
import { startSession, type Flags } from '../session';

export async function runConfigVerb(
  words: readonly string[],
  flags: Flags,
  io: Io,
): Promise<ExitCode> {
  const [root, ...more] = words[0] === 'print' ? words.slice(1) : words;
  if (more.length > 0)
    throw makeError(
      'ERR_ARG_TYPE',
      `config takes one folder, not also ${printable(more[0] ?? '')}`,
    );
  const { settings, origins } = startSession(root, flags, io).config;
  const rows = SETTING_NAMES.map((name) => {
    const value = settings[name] ?? null;
    return {
      name,
      value: isSecret(name) && value !== null ? '(set)' : value,
      origin: origins[name],
    };
  });
  const isWithOrigin = flags.showOrigin === true;
  if (io.isJson) {
    io.json(
      Object.fromEntries(
        rows.map(({ name, value, origin }) => [name, isWithOrigin ? { value, origin } : value]),
      ),
    );
    return EXIT.ok;
  }
  const show = (value: unknown): string => printable(value === null ? '-' : JSON.stringify(value));
  io.table(
    [{ title: 'setting' }, { title: 'value' }, ...(isWithOrigin ? [{ title: 'origin' }] : [])],
    rows.map(({ name, value, origin }) => [
      name,
      show(value),
      ...(isWithOrigin ? [describeOrigin(origin)] : []),
    ]),
  );
  return EXIT.ok;
}

const describeOrigin = (origin: Origin): string =>
  origin.from === 'default' ? 'default' : `${origin.from} ${printable(origin.name)}`;
