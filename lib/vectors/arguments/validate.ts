/** Argument checks: type, range, and a message with the received value. */
import { types } from 'node:util';
import type { NativeKeys } from '../../native';
import { checkInteger, outOfRange, wrongType } from '../../base/options';
import { checkPresent } from '../../base/arrays';
import { room } from '../room';
import { checkInput, joinVectors, toFloats, type VectorInput } from './input';
import { wrongLength } from './lengths';
import type { KeyType, Metric, Storage } from '../types';

/** On disk: never renumber. */
const METRICS: Record<Metric, number> = { cosine: 0, euclidean: 1, dot: 2 };
/** In the order of their native numbers. */
export const STORAGES: readonly Storage[] = ['f32', 'f16', 'i8', 'i4', 'inline'];
export const METRIC_NAMES: readonly Metric[] = ['cosine', 'euclidean', 'dot'];

export const KEY_TYPES: readonly KeyType[] = ['integer', 'string'];

export const MAX_THREADS = 256;
export const MAX_ROWS = 2 ** 28;
const MAX_LABEL_BYTES = 255;

export const metricName = (number: number): Metric => METRIC_NAMES[number] as Metric;

export const metricNumber = (metric: Metric): number => METRICS[metric];

export function checkPath(name: string, value: unknown): string {
  if (typeof value !== 'string') throw wrongType(name, 'a string', value);
  if (value === '' || value.includes('\0')) {
    throw outOfRange(name, 'a non-empty file name without NUL', value);
  }
  return value;
}

export function checkLabel(name: string, value: unknown): string {
  if (typeof value !== 'string') throw wrongType(name, 'a string', value);
  const bytes = Buffer.from(value);
  // A lone surrogate would be read back as another character.
  if (bytes.length > MAX_LABEL_BYTES || bytes.toString() !== value) {
    throw outOfRange(name, `well-formed text of at most ${MAX_LABEL_BYTES} bytes`, value);
  }
  return value;
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
  if (Array.isArray(value) && typeof value[0] !== 'number') return joinVectors(name, value, dim);
  const input = checkInput(name, value);
  // Numbers in an array are one vector: more of them are rather a mistake of shape.
  if (Array.isArray(value) ? input.length === dim : input.length % dim === 0) return input;
  throw wrongLength(
    `${name} has ${input.length} values, not a multiple of the index's dim ${dim}`,
    input.length,
    dim,
  );
}

/** The query as floats. */
export function checkQuery(value: unknown, dim: number): Float32Array {
  const query = types.isFloat32Array(value) ? value : toFloats(checkInput('query', value));
  if (query.length === dim) return checkPresent('query', query);
  throw wrongLength(`query has ${query.length} values, the index holds ${dim}`, query.length, dim);
}

/** A copy; bigints as BigInt64Array, numbers as Float64Array. */
export function checkKeys(name: string, value: unknown): NativeKeys {
  if (types.isBigInt64Array(value)) {
    const copy = room(BigInt64Array, checkPresent(name, value).length);
    copy.set(value);
    return copy;
  }
  if (!Array.isArray(value) && !types.isFloat64Array(value)) {
    throw wrongType(name, 'an array of numbers, a Float64Array or a BigInt64Array', value);
  }
  if (types.isFloat64Array(value)) checkPresent(name, value);
  if (typeof value[0] === 'bigint') return checkBigints(name, value as unknown[]);
  const keys = room(Float64Array, value.length);
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
  const keys = room(BigInt64Array, values.length);
  for (const [i, key] of values.entries()) {
    if (typeof key !== 'bigint') throw wrongType(`${name}[${i}]`, 'a bigint like the first', key);
    keys[i] = key;
    if (keys[i] !== key) throw outOfRange(`${name}[${i}]`, 'a 64-bit whole number', key);
  }
  return keys;
}

export type Progress = (done: number, total: number) => void;

/** A copy as Uint32Array. */
export function checkRows(value: ArrayLike<number>): Uint32Array {
  const isArrayLike = typeof value === 'object' && value !== null && Number.isInteger(value.length);
  if (!isArrayLike) throw wrongType('rows', 'an array of row numbers', value);
  if (types.isTypedArray(value)) checkPresent('rows', value);
  const rows = room(Uint32Array, checkInteger('rows.length', value.length, 0, MAX_ROWS));
  for (let i = 0; i < rows.length; i++) {
    rows[i] = checkInteger(`rows[${i}]`, value[i], 0, MAX_ROWS);
  }
  return rows;
}
