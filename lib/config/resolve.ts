/** Resolves every setting from its sources, in order of precedence, and records the origin. */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import type { Variables } from '../base/environment';
import { makeError, messageOf } from '../base/errors';
import { CONFIG_FILE } from '../base/files/names';
import { readConfigFile, type ConfigFile } from './file';
import { Expected } from './parsers';
import { ROWS, SETTING_NAMES, type SettingName, type Settings } from './settings';
import { unknownKeys, unknownVariables } from './unknown';

export interface Origin {
  readonly from: 'flag' | 'environment' | 'file' | 'default';
  /** `--fps`, `SIGHTLINE_FPS`, the path of the file, or an empty string for defaults. */
  readonly name: string;
}

export interface ResolvedConfig {
  readonly settings: Settings;
  readonly origins: Readonly<Record<SettingName, Origin>>;
  /** Warnings, for example about an unknown key in the file. */
  readonly warnings: readonly string[];
}

export interface ConfigSources {
  /** Values as text or already typed; undefined means not given. */
  readonly flags?: Readonly<Partial<Record<SettingName, unknown>>> | undefined;
  readonly env?: Variables | undefined;
  readonly file?: ConfigFile | undefined;
}

/**
 * Resolves every setting.
 *
 * @throws ERR_ARG_RANGE naming the flag, variable or file key, the expected and the received value
 */
export function resolveConfig(sources: ConfigSources = {}): ResolvedConfig {
  const settings: Record<string, unknown> = {};
  const origins: Partial<Record<SettingName, Origin>> = {};
  for (const name of SETTING_NAMES) {
    const found = findValue(name, sources);
    origins[name] = found?.origin ?? { from: 'default', name: '' };
    settings[name] = found === undefined ? ROWS[name].default : parseValue(name, found);
  }
  settings.ignore = everyRule(sources);
  return {
    settings: settings as unknown as Settings,
    origins: origins as Record<SettingName, Origin>,
    warnings: [...unknownKeys(sources.file), ...unknownVariables(sources.env ?? {})],
  };
}

/**
 * Ignore patterns of all origins are combined, weakest first: a pattern on the command line must not cancel
 * those of the library.
 */
function everyRule({ file, env, flags }: ConfigSources): readonly string[] {
  const rules = [{ file }, { env }, { flags }].flatMap((origin) => {
    const found = findValue('ignore', origin);
    return found === undefined ? [] : (parseValue('ignore', found) as readonly string[]);
  });
  return [...new Set(rules)];
}

/** The patterns in the library's own file. @throws ERR_ARG_TYPE | ERR_ARG_RANGE | ERR_IO */
export function rulesOfLibrary(dir: string): readonly string[] {
  const file = readConfigFile(path.join(dir, CONFIG_FILE));
  return file === undefined ? [] : everyRule({ file });
}

interface FoundValue {
  readonly value: unknown;
  readonly origin: Origin;
}

function findValue(name: SettingName, sources: ConfigSources): FoundValue | undefined {
  const row = ROWS[name];
  const flag = sources.flags?.[name];
  if (flag !== undefined) return { value: flag, origin: { from: 'flag', name: row.flag } };
  const env = sources.env ?? {};
  for (const variable of row.env) {
    const value = env[variable];
    // An empty variable counts as unset, and so does `null`, which spec 003 writes.
    if (value !== undefined && value !== '' && value !== 'null')
      return { value, origin: { from: 'environment', name: variable } };
  }
  const secretFile = env[`${row.env[0]}_FILE`];
  if (secretFile !== undefined && secretFile !== '')
    return {
      value: readText(secretFile).trim(),
      origin: { from: 'environment', name: `${row.env[0]}_FILE` },
    };
  const inFile = row.notInFile === true ? undefined : sources.file?.values[name];
  if (inFile !== undefined && inFile !== null)
    return { value: inFile, origin: { from: 'file', name: sources.file?.path ?? '' } };
  return undefined;
}

function parseValue(name: SettingName, found: FoundValue): unknown {
  try {
    return ROWS[name].parse(found.value);
  } catch (error) {
    if (!(error instanceof Expected)) throw error;
    const where =
      found.origin.from === 'file' ? `"${name}" in ${found.origin.name}` : found.origin.name;
    const received = ROWS[name].secret === true ? 'something else' : JSON.stringify(found.value);
    throw makeError('ERR_ARG_RANGE', `${where} takes ${error.message}, received ${received}`, {
      details: { setting: name, origin: found.origin },
    });
  }
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (cause) {
    throw makeError('ERR_IO', `${path} could not be read: ${messageOf(cause)}`, { cause });
  }
}
