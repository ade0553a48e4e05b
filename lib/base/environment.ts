/**
 * Reads settings from environment variables, with the same error messages everywhere. Pure: may use
 * `errors.ts` and `ranges.ts` only. The package's settings are in `config/`; parts that can be used alone
 * (encoders, service, stores) read the variables of specs 002 and 003 through this file.
 */
import { makeError } from './errors';
import { isWithin, rangeText, type NumberKind } from './ranges';

export type Variables = Readonly<Record<string, string | undefined>>;

/** Undefined when unset, empty, or `null`, which spec 003 writes for "not set". */
export function textOf(env: Variables, name: string): string | undefined {
  const value = env[name]?.trim();
  return value === undefined || value === '' || value === 'null' ? undefined : value;
}

/** @throws ERR_ARG_RANGE */
export function truthOf(env: Variables, name: string): boolean | undefined {
  const value = textOf(env, name);
  if (value === undefined) return undefined;
  const truth = asTruth(value);
  if (truth === undefined) throw refused(env, name, 'true or false');
  return truth;
}

/** A choice, case-insensitive; undefined when it is none of them. */
export function asTruth(word: string): boolean | undefined {
  const lower = word.toLowerCase();
  if (['true', '1', 'yes', 'on'].includes(lower)) return true;
  if (['false', '0', 'no', 'off'].includes(lower)) return false;
  return undefined;
}

/** @throws ERR_ARG_RANGE */
export function numberOf(
  env: Variables,
  name: string,
  low: number,
  high: number,
  kind: NumberKind = 'integer',
): number | undefined {
  const value = textOf(env, name);
  if (value === undefined) return undefined;
  const parsed = Number(value);
  if (isWithin(parsed, low, high, kind)) return parsed;
  throw refused(env, name, rangeText(low, high, kind));
}

function refused(env: Variables, name: string, what: string): Error {
  return makeError('ERR_ARG_RANGE', `${name} must be ${what}, received ${textOf(env, name)}`, {
    details: { name, value: textOf(env, name) },
  });
}
