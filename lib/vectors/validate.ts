/** Checks of arguments: the right type, the right range, and a message that says what was received. */
import { makeError, type LibraryError } from '../errors';
import type { CreateOptions, Keys, Metric } from './types';

/** On disk: never renumber. */
const METRICS: Record<Metric, number> = { cosine: 0, euclidean: 1, dot: 2 };
const METRIC_NAMES: readonly Metric[] = ['cosine', 'euclidean', 'dot'];

export const MAX_K = 10_000;
export const MAX_EF = 10_000;
export const MAX_THREADS = 256;
export const MAX_ROWS = 2 ** 28;
const MAX_LABEL_BYTES = 255;

export const metricName = (number: number): Metric => METRIC_NAMES[number] as Metric;

/** What a message calls a value. */
function describe(value: unknown): string {
  if (value === null) return 'null';
  if (typeof value === 'string') return JSON.stringify(value.slice(0, 64));
  if (typeof value === 'number' || typeof value === 'boolean') return String(value);
  if (typeof value === 'bigint') return `${value}n`;
  if (typeof value !== 'object') return `a ${typeof value}`;
  const name: unknown = Object.prototype.toString.call(value).slice(8, -1);
  return `an object (${String(name)})`;
}

export function wrongType(name: string, expected: string, value: unknown): LibraryError {
  return makeError('ERR_ARG_TYPE', `${name} must be ${expected}, received ${describe(value)}`, {
    details: { name, expected },
  });
}

function outOfRange(name: string, expected: string, value: unknown): LibraryError {
  return makeError('ERR_ARG_RANGE', `${name} must be ${expected}, received ${describe(value)}`, {
    details: { name, expected, value },
  });
}

export function checkInteger(name: string, value: unknown, low: number, high: number): number {
  if (typeof value !== 'number') throw wrongType(name, 'a number', value);
  if (!Number.isInteger(value) || value < low || value > high) {
    throw outOfRange(name, `a whole number from ${low} to ${high}`, value);
  }
  return value;
}

export function checkThreads(value: unknown): number {
  return value === undefined ? 0 : checkInteger('threads', value, 1, MAX_THREADS);
}

/** Infinity when absent. */
export function checkThreshold(value: unknown): number {
  if (value === undefined) return Infinity;
  if (typeof value !== 'number') throw wrongType('threshold', 'a number', value);
  if (Number.isNaN(value)) throw outOfRange('threshold', 'a number other than NaN', value);
  return value;
}

export function checkOptions(value: unknown): asserts value is object {
  if (typeof value !== 'object' || value === null) throw wrongType('options', 'an object', value);
}

export function checkBoolean(name: string, value: unknown): boolean {
  if (value === undefined) return false;
  if (typeof value !== 'boolean') throw wrongType(name, 'a boolean', value);
  return value;
}

export function checkPath(value: unknown): string {
  if (typeof value !== 'string') throw wrongType('path', 'a string', value);
  if (value === '' || value.includes('\0')) {
    throw outOfRange('path', 'a file name without NUL, not empty', value);
  }
  return value;
}

export function checkLabel(value: unknown): string {
  if (typeof value !== 'string') throw wrongType('label', 'a string', value);
  const bytes = Buffer.from(value);
  // A lone surrogate would come back as another character.
  if (bytes.length > MAX_LABEL_BYTES || bytes.toString() !== value) {
    throw outOfRange('label', `well-formed text of at most ${MAX_LABEL_BYTES} bytes`, value);
  }
  return value;
}

export interface CheckedParameters {
  readonly dim: number;
  readonly metric: number;
  readonly M: number;
  readonly efConstruction: number;
  readonly seed: number;
  readonly label: string;
}

/** Applies the defaults. */
export function checkCreateOptions(options: CreateOptions): CheckedParameters {
  checkOptions(options);
  const { metric = 'cosine', storage = 'f32' } = options;
  if (typeof metric !== 'string') throw wrongType('metric', 'a string', metric);
  if (!Object.hasOwn(METRICS, metric)) {
    throw outOfRange('metric', METRIC_NAMES.map((name) => `'${name}'`).join(', '), metric);
  }
  if (typeof storage !== 'string') throw wrongType('storage', 'a string', storage);
  if (storage !== 'f32') throw outOfRange('storage', "'f32'", storage);
  return {
    dim: checkInteger('dim', options.dim, 1, 8192),
    metric: METRICS[metric],
    M: checkInteger('M', options.M ?? 16, 2, 128),
    efConstruction: checkInteger('efConstruction', options.efConstruction ?? 200, 1, MAX_EF),
    seed: checkInteger('seed', options.seed ?? 42, 0, Number.MAX_SAFE_INTEGER),
    label: checkLabel(options.label ?? ''),
  };
}

/** Rows in a flat array of vectors. */
export function checkVectors(name: string, value: unknown, dim: number): number {
  if (!(value instanceof Float32Array)) throw wrongType(name, 'a Float32Array', value);
  if (value.length % dim !== 0) {
    throw makeError(
      'ERR_DIM_MISMATCH',
      `${name} has ${value.length} values, which is no multiple of the index's dim ${dim}`,
      { details: { length: value.length, dim } },
    );
  }
  return value.length / dim;
}

export function checkQuery(value: unknown, dim: number): asserts value is Float32Array {
  if (!(value instanceof Float32Array)) throw wrongType('query', 'a Float32Array', value);
  if (value.length !== dim) {
    throw makeError(
      'ERR_DIM_MISMATCH',
      `query has ${value.length} values, the index holds ${dim}`,
      {
        details: { length: value.length, dim },
      },
    );
  }
}

/** A copy as Float64Array. */
export function checkKeys(name: string, value: unknown): Float64Array {
  if (!Array.isArray(value) && !(value instanceof Float64Array || value instanceof BigInt64Array)) {
    throw wrongType(name, 'an array of numbers, a Float64Array or a BigInt64Array', value);
  }
  const keys = new Float64Array(value.length);
  for (let i = 0; i < keys.length; i++) {
    const key: unknown = value[i];
    if (typeof key !== 'number' && !(typeof key === 'bigint' && value instanceof BigInt64Array)) {
      throw wrongType(`${name}[${i}]`, 'a number', key);
    }
    const number = Number(key);
    if (!Number.isSafeInteger(number)) {
      throw outOfRange(`${name}[${i}]`, 'a whole number of at most 2^53 - 1', key);
    }
    keys[i] = number;
  }
  return keys;
}

/** A copy as Uint32Array. */
export function checkRows(value: ArrayLike<number>): Uint32Array {
  const isArrayLike = typeof value === 'object' && value !== null && Number.isInteger(value.length);
  if (!isArrayLike) throw wrongType('rows', 'an array of row numbers', value);
  const rows = new Uint32Array(checkInteger('rows.length', value.length, 0, MAX_ROWS));
  for (let i = 0; i < rows.length; i++) {
    rows[i] = checkInteger(`rows[${i}]`, value[i], 0, MAX_ROWS);
  }
  return rows;
}

/** The error for keys that stand twice, or undefined. */
export function findRepeatedKey(keys: Float64Array | Keys): LibraryError | undefined {
  const seen = new Set<number>();
  for (const key of keys) {
    const number = Number(key);
    if (seen.has(number)) {
      return makeError('ERR_KEY_EXISTS', `key ${number} is given twice`, {
        details: { key: number },
      });
    }
    seen.add(number);
  }
  return undefined;
}
