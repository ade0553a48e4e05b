/** Option rules used in several parts. Rules of one part are declared there. */
import { isWithin, rangeText, type NumberKind } from '../ranges';
import { outOfRange, wrongType } from './describe';
import { readOptions, type OptionRules, type Rule } from './read';

/** For single arguments; the rules `integer` and `number` check the same. */
export function checkInteger(name: string, value: unknown, low: number, high: number): number {
  return inRange(name, value, low, high, 'integer');
}

export const integer =
  (low: number, high: number): Rule<number> =>
  (name, value) =>
    inRange(name, value, low, high, 'integer');

export const number =
  (low: number, high: number): Rule<number> =>
  (name, value) =>
    inRange(name, value, low, high, 'number');

function inRange(
  name: string,
  value: unknown,
  low: number,
  high: number,
  kind: NumberKind,
): number {
  if (typeof value !== 'number') throw wrongType(name, 'a number', value);
  if (isWithin(value, low, high, kind)) return value;
  throw outOfRange(name, rangeText(low, high, kind), value);
}

/** Infinity is a valid bound. */
export const BOUND: Rule<number> = (name, value) => {
  if (typeof value !== 'number') throw wrongType(name, 'a number', value);
  if (!Number.isNaN(value)) return value;
  throw outOfRange(name, 'a number other than NaN', value);
};

export const BOOLEAN: Rule<boolean> = (name, value) => {
  if (typeof value === 'boolean') return value;
  throw wrongType(name, 'a boolean', value);
};

export const STRING: Rule<string> = (name, value) => {
  if (typeof value === 'string') return value;
  throw wrongType(name, 'a string', value);
};

/** A string that is not empty. */
export const TEXT: Rule<string> = (name, value) => {
  const text = STRING(name, value);
  if (text !== '' && !text.includes('\0')) return text;
  throw outOfRange(name, 'a non-empty string without NUL', value);
};

export const oneOf =
  <T extends string>(choices: readonly T[]): Rule<T> =>
  (name, value) => {
    const text = STRING(name, value);
    if (choices.includes(text as T)) return text as T;
    throw outOfRange(name, choices.map((choice) => `'${choice}'`).join(', '), value);
  };

/** For functions: only the compiler can check the signature. */
export function FUNCTION<T>(name: string, value: unknown): T {
  if (typeof value === 'function') return value as T;
  throw wrongType(name, 'a function', value);
}

/** Duck typing: an AbortSignal of another realm is one too. */
export const SIGNAL: Rule<AbortSignal> = (name, value) => {
  const signal = value as Partial<AbortSignal> | null;
  const isSignal =
    typeof signal === 'object' &&
    signal !== null &&
    typeof signal.aborted === 'boolean' &&
    typeof signal.addEventListener === 'function';
  if (isSignal) return value as AbortSignal;
  throw wrongType(name, 'an AbortSignal', value);
};

/** An object with arbitrary names, for example environment variables. */
export function RECORD<T>(name: string, value: unknown): T {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as T;
  throw wrongType(name, 'an object', value);
}

export const arrayOf =
  <T>(rule: Rule<T>): Rule<readonly T[]> =>
  (name, value) => {
    if (!Array.isArray(value)) throw wrongType(name, 'an array', value);
    return value.map((item, i) => rule(`${name}[${i}]`, item));
  };

/** Nested options. */
export const objectOf =
  <T extends object>(rules: OptionRules<T>): Rule<T> =>
  (name, value) =>
    readOptions(name, value, rules);

/** For values that are checked where they are used, because the check needs more context. */
export function ANYTHING<T>(_name: string, value: unknown): T {
  return value as T;
}
