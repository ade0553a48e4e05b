/** `readKeys` and `writeKeys`: keys of rows, as a one-dimensional array of whole numbers. */
import { types } from 'node:util';
import path from 'node:path';
import { outOfRange } from '../../base/options';
import type { Keys } from '../types';
import { checkKeys, checkPath } from '../arguments/validate';
import { allocate, unsupported } from './byte-file';
import type { Dtype, Values } from './dtypes';
import { checkFormat } from './formats';
import { openVectors, type ReadOptions } from './vector-file';
import { prepareVectors } from './write-vectors';

const BLOCK_KEYS = 64 * 1024;
const WHOLE: readonly Dtype[] = ['i8', 'u8', 'i4', 'u4', 'i1', 'u1'];

/**
 * Reads keys from a file of whole numbers: `.npy` of any integer type with one axis or one column, or
 * `.ivecs` with one column. `add` accepts the result as it is; `Number(keys[i])` makes a number.
 *
 * @returns 64-bit keys
 * @throws as `openVectors`, and ERR_FILE_UNSUPPORTED (not whole numbers, several columns, or a uint64
 *   beyond 2^63 - 1)
 */
export async function readKeys(file: string, options: ReadOptions = {}): Promise<BigInt64Array> {
  await using source = await openVectors(file, options);
  const { rows, dim, dtype } = source;
  if (!WHOLE.includes(dtype)) {
    throw unsupported(source.path, `holds ${dtype}, but keys are whole numbers`);
  }
  if (rows > 0 && dim !== 1) {
    throw unsupported(source.path, `holds ${dim} columns, but keys have one`);
  }
  const keys = allocate(source.path, rows, BigInt64Array);
  for (let first = 0; first < rows; first += BLOCK_KEYS) {
    const values = await source.readValues(first, Math.min(BLOCK_KEYS, rows - first));
    keys.set(signed(source.path, values), first);
  }
  return keys;
}

/** @throws ERR_FILE_UNSUPPORTED for a key that 64 bits with a sign cannot hold */
export function signed(file: string, values: Values): BigInt64Array {
  if (types.isBigInt64Array(values)) return values;
  if (!types.isBigUint64Array(values)) {
    return BigInt64Array.from(values as Int32Array, (value) => BigInt(value));
  }
  const keys = new BigInt64Array(values.buffer, values.byteOffset, values.length);
  const at = keys.findIndex((key) => key < 0n);
  if (at < 0) return keys;
  throw unsupported(file, `key ${values[at]} is beyond 2^63 - 1`);
}

/**
 * Writes keys as `.npy`, int64, one axis.
 *
 * @returns keys written
 * @throws ERR_ARG_TYPE | ERR_ARG_RANGE | ERR_DISK_FULL | ERR_IO | ERR_FILE_MISSING (no such folder)
 */
export async function writeKeys(file: string, keys: Keys): Promise<number> {
  const full = path.resolve(checkPath('path', file));
  const format = checkFormat(full, undefined);
  if (format !== 'npy') throw outOfRange('file', 'a name that ends in .npy', file);
  const checked = checkKeys('keys', keys);
  const source = types.isBigInt64Array(checked)
    ? checked
    : BigInt64Array.from(checked, (key) => BigInt(key));
  const { prepared, rows } = await prepareVectors({
    file: full,
    format,
    source,
    dim: undefined,
    emptyType: 'i8',
  });
  await prepared.commit();
  return rows;
}
