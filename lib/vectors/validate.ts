/** Checks of arguments: the right type, the right range, and a message that says what was received. */
import { makeError, type LibraryError } from '../errors';
import type { NativeKeys } from '../native';
import { outOfRange, wrongLength, wrongType } from './describe';
import { checkInput, toFloats, type VectorInput } from './input';
import type { CreateOptions, Metric, Storage } from './types';

export { wrongType } from './describe';

/** On disk: never renumber. */
const METRICS: Record<Metric, number> = { cosine: 0, euclidean: 1, dot: 2 };
/** In the order of their native numbers. */
const STORAGES: readonly Storage[] = ['f32', 'f16', 'i8', 'i4', 'inline'];
const METRIC_NAMES: readonly Metric[] = ['cosine', 'euclidean', 'dot'];

export const MAX_K = 10_000;
export const MAX_EF = 10_000;
export const MAX_THREADS = 256;
export const MAX_ROWS = 2 ** 28;
const MAX_LABEL_BYTES = 255;

export const metricName = (number: number): Metric => METRIC_NAMES[number] as Metric;

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
  readonly storage: number;
}

/** Applies the defaults. */
export function checkCreateOptions(options: CreateOptions): CheckedParameters {
  checkOptions(options);
  const { metric = 'cosine' } = options;
  if (typeof metric !== 'string') throw wrongType('metric', 'a string', metric);
  if (!Object.hasOwn(METRICS, metric)) {
    throw outOfRange('metric', METRIC_NAMES.map((name) => `'${name}'`).join(', '), metric);
  }
  return {
    dim: checkInteger('dim', options.dim, 1, 8192),
    metric: METRICS[metric],
    M: checkInteger('M', options.M ?? 16, 2, 128),
    efConstruction: checkInteger('efConstruction', options.efConstruction ?? 200, 1, MAX_EF),
    seed: checkInteger('seed', options.seed ?? 42, 0, Number.MAX_SAFE_INTEGER),
    label: checkLabel(options.label ?? ''),
    storage: storageNumber(checkStorage(options.storage) ?? 'f32'),
  };
}

/** undefined where none is named. */
export function checkStorage(value: unknown): Storage | undefined {
  if (value === undefined || isStorage(value)) return value;
  if (typeof value !== 'string') throw wrongType('storage', 'a string', value);
  throw outOfRange('storage', STORAGES.map((name) => `'${name}'`).join(', '), value);
}

export function isStorage(value: unknown): value is Storage {
  return STORAGES.includes(value as Storage);
}

/** The native number. */
export function storageNumber(storage: Storage): number {
  return STORAGES.indexOf(storage);
}

export function storageName(storage: number): Storage {
  return STORAGES[storage] as Storage;
}

/** @throws ERR_ARG_TYPE | ERR_DIM_MISMATCH */
export function checkVectors(name: string, value: unknown, dim: number): VectorInput {
  const input = checkInput(name, value);
  if (input.length % dim === 0) return input;
  throw wrongLength(
    `${name} has ${input.length} values, which is no multiple of the index's dim ${dim}`,
    input.length,
    dim,
  );
}

/** The query as floats. */
export function checkQuery(value: unknown, dim: number): Float32Array {
  const query = value instanceof Float32Array ? value : toFloats(checkInput('query', value));
  if (query.length === dim) return query;
  throw wrongLength(`query has ${query.length} values, the index holds ${dim}`, query.length, dim);
}

/** A copy; bigints as BigInt64Array, numbers as Float64Array. */
export function checkKeys(name: string, value: unknown): NativeKeys {
  if (value instanceof BigInt64Array) return value.slice();
  if (!Array.isArray(value) && !(value instanceof Float64Array)) {
    throw wrongType(name, 'an array of numbers, a Float64Array or a BigInt64Array', value);
  }
  if (typeof value[0] === 'bigint') return checkBigints(name, value as unknown[]);
  const keys = new Float64Array(value.length);
  for (let i = 0; i < keys.length; i++) {
    const key: unknown = value[i];
    if (typeof key !== 'number') throw wrongType(`${name}[${i}]`, 'a number', key);
    if (!Number.isSafeInteger(key)) {
      throw outOfRange(
        `${name}[${i}]`,
        'a whole number of at most 2^53 - 1 (larger ones: as bigint)',
        key,
      );
    }
    keys[i] = key;
  }
  return keys;
}

function checkBigints(name: string, values: readonly unknown[]): BigInt64Array {
  const keys = new BigInt64Array(values.length);
  for (const [i, key] of values.entries()) {
    if (typeof key !== 'bigint') throw wrongType(`${name}[${i}]`, 'a bigint like the first', key);
    keys[i] = key;
    if (keys[i] !== key) throw outOfRange(`${name}[${i}]`, 'a 64-bit whole number', key);
  }
  return keys;
}

export function checkSignal(value: unknown): AbortSignal | undefined {
  if (value === undefined || value instanceof AbortSignal) return value;
  throw wrongType('signal', 'an AbortSignal', value);
}

export type Progress = (done: number, total: number) => void;

export function checkProgress(value: unknown): Progress | undefined {
  if (value === undefined || typeof value === 'function') return value as Progress | undefined;
  throw wrongType('onProgress', 'a function', value);
}

/** @throws ERR_ABORTED with `details.done`, if the signal says so */
export function throwIfAborted(
  signal: AbortSignal | undefined,
  what: string,
  details: Readonly<Record<string, unknown>>,
): void {
  if (signal?.aborted !== true) return;
  throw makeError('ERR_ABORTED', `aborted after ${what}`, { details, cause: signal.reason });
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
export function findRepeatedKey(keys: NativeKeys): LibraryError | undefined {
  const seen = new Set<number | bigint>();
  for (const key of keys) {
    if (seen.has(key)) {
      return makeError('ERR_KEY_EXISTS', `key ${key} is given twice`, { details: { key } });
    }
    seen.add(key);
  }
  return undefined;
}
