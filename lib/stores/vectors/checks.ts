/** Argument checks before anything is sent: type, range, and a message with the received value. */
import { types } from 'node:util';
import { checkPresent } from '../../base/arrays';
import { makeError } from '../../base/errors';
import { outOfRange, wrongType } from '../../base/options';
import type { Metric, StoreKeys } from './vector-store';

export { checkInteger, outOfRange, wrongType } from '../../base/options';

/** Most rows of a table: the engine's limit of row numbers. */
export const MAX_ROWS = 2 ** 32 - 1;

export function checkOneOf<T extends string>(
  name: string,
  value: unknown,
  allowed: readonly T[],
): T {
  if (allowed.includes(value as T)) return value as T;
  throw outOfRange(name, `one of ${allowed.join(', ')}`, value);
}

/**
 * A string that PostgreSQL can hold: no NUL, no lone surrogate (it would be read back as another
 * character).
 *
 * @throws ERR_ARG_TYPE | ERR_ARG_RANGE
 */
export function checkText(name: string, value: unknown): string {
  if (typeof value !== 'string') throw wrongType(name, 'a string', value);
  if (value.includes('\0') || /\p{Surrogate}/u.test(value))
    throw outOfRange(name, 'well-formed text without NUL', value);
  return value;
}

/** @throws ERR_ARG_TYPE | ERR_ARG_RANGE */
export function checkKeys(name: string, value: unknown): StoreKeys {
  if (!Array.isArray(value) && !types.isFloat64Array(value))
    throw wrongType(name, 'an array of numbers or a Float64Array', value);
  for (let i = 0; i < value.length; i++) {
    const key: unknown = value[i];
    if (typeof key !== 'number') throw wrongType(`${name}[${i}]`, 'a number', key);
    if (!Number.isSafeInteger(key))
      throw outOfRange(`${name}[${i}]`, 'a whole number of at most 2^53 - 1', key);
  }
  return value as StoreKeys;
}

/**
 * A checked copy of the vectors; at unit length for cosine, as in the engine.
 *
 * @returns shape [n, dim]
 * @throws ERR_ARG_TYPE | ERR_DIM_MISMATCH | ERR_VECTOR_INVALID naming the vector
 */
export function checkVectors(
  name: string,
  value: unknown,
  shape: { readonly n: number; readonly dim: number; readonly metric: Metric },
): Float32Array {
  const { n, dim, metric } = shape;
  if (!types.isFloat32Array(value)) throw wrongType(name, 'a Float32Array', value);
  checkPresent(name, value);
  if (value.length !== n * dim) {
    throw makeError(
      'ERR_DIM_MISMATCH',
      `${name} has ${value.length} values, expected ${n} x ${dim}: embed with the model the store was made with`,
      { details: { length: value.length, rows: n, dim } },
    );
  }
  const out = value.slice();
  for (let row = 0; row < n; row++) {
    let sum = 0;
    for (let i = row * dim; i < (row + 1) * dim; i++) sum += (out[i] as number) ** 2;
    if (!Number.isFinite(sum) || (metric === 'cosine' && sum === 0)) {
      const what = sum === 0 ? 'all zeros, which has no direction' : 'not finite';
      throw makeError('ERR_VECTOR_INVALID', `${name}: vector ${row} is ${what}`, {
        details: { row },
      });
    }
    if (metric !== 'cosine') continue;
    const scale = 1 / Math.sqrt(sum);
    for (let i = row * dim; i < (row + 1) * dim; i++) out[i] = (out[i] as number) * scale;
  }
  return out;
}
