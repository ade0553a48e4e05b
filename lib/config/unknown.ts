/** Warnings about unknown settings, which are ignored. */
import { suggest } from '../base/options';
import type { ConfigFile } from './file';
import { ROWS, type SettingName } from './settings';

const FILE_KEYS = (Object.keys(ROWS) as SettingName[]).filter((name) => !ROWS[name].notInFile);

export function unknownKeys(file: ConfigFile | undefined): string[] {
  if (file === undefined) return [];
  return Object.keys(file.values)
    .filter((key) => !Object.hasOwn(ROWS, key) || ROWS[key as SettingName].notInFile === true)
    .map(
      (key) => `${file.path}: "${key}" is not a setting and is ignored${meantBy(key, FILE_KEYS)}`,
    );
}

/** Variables that other parts read. */
const OTHER_VARIABLES = ['SIGHTLINE_ADDON', 'SIGHTLINE_FFMPEG', 'SIGHTLINE_KERNEL'];

/** Only variables with our own prefix. Those of tests and harnesses have another one. */
export function unknownVariables(env: Readonly<Record<string, string | undefined>>): string[] {
  const settings = Object.values(ROWS).flatMap((row) => [...row.env, `${row.env[0]}_FILE`]);
  const known = [...settings, ...OTHER_VARIABLES].filter((name) => name.startsWith('SIGHTLINE_'));
  return Object.keys(env)
    .filter((name) => /^SIGHTLINE_(?!TEST_|ENCODER_FAULTS|FUZZ|SEED|SCREENSHOT)/.test(name))
    .filter((name) => !known.includes(name))
    .map((name) => `${name} is not a variable of Sightline and is ignored${meantBy(name, known)}`);
}

function meantBy(name: string, known: readonly string[]): string {
  const meant = suggest(name, known);
  return meant === undefined ? '' : `: did you mean ${meant}?`;
}
