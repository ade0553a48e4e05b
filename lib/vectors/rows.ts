/** Rows: reads vectors and keys, finds the row of a key, and rolls back. */
import type { NativeKeys } from '../native';
import { room, type ArrayType } from './room';
import { assertOpen, attempt, type IndexCore } from './core';
import { checkKeys, checkRows } from './arguments/validate';
import { copyMetadata, copyStringKeys } from './payloads/payload';
import {
  assertIntegerKeys,
  checkStringKey,
  isStringArray,
  stringKeysOf,
} from './payloads/string-keys';
import type { Metadata } from './types';

/** Returned by the addon for a key without a live row. */
export const NO_ROW = 0xffffffff;

/** Throws as VectorIndex.vectors. */
export function copyVectors(core: IndexCore, rows: ArrayLike<number>): Float32Array {
  assertOpen(core);
  const wanted = checkRows(rows);
  const out = room(Float32Array, wanted.length * core.dim);
  attempt(() => core.binding.copyRows(core.handle, wanted, out));
  return out;
}

/** Throws as VectorIndex.keysOf. */
export function copyAnyKeys(core: IndexCore, rows: ArrayLike<number>): string[] | Float64Array {
  if (core.strings === undefined) return copyKeys(core, rows, Float64Array);
  assertOpen(core);
  return copyStringKeys(core, checkRows(rows));
}

/** Throws as VectorIndex.metadataOf. */
export function metadataOf(core: IndexCore, rows: ArrayLike<number>): (Metadata | undefined)[] {
  assertOpen(core);
  return copyMetadata(core, checkRows(rows));
}

/** @param Keys  numbers, which are NaN beyond 2^53 - 1, or all 64 bits */
export function copyKeys<T extends Float64Array | BigInt64Array>(
  core: IndexCore,
  rows: ArrayLike<number>,
  Keys: ArrayType<T>,
): T {
  assertOpen(core);
  const wanted = checkRows(rows);
  assertIntegerKeys(core, 'read them with keysOf()');
  const out = room(Keys, wanted.length);
  attempt(() => core.binding.copyKeys(core.handle, wanted, out));
  return out;
}

export function rowOf(core: IndexCore, key: unknown): number | undefined {
  assertOpen(core);
  const out = new Uint32Array(1);
  let keys: NativeKeys;
  if (core.strings === undefined) keys = checkKeys('key', [key]);
  else {
    const strings = core.strings;
    const known = checkStringKey('key', key);
    const id = attempt(() => strings.find(known));
    if (id === undefined) return undefined;
    keys = Float64Array.of(id);
  }
  attempt(() => core.binding.rowsOf(core.handle, keys, out));
  return out[0] === NO_ROW ? undefined : out[0];
}

/** The integers that stand for keys; without those of strings that no row has. */
export function knownIds(core: IndexCore, keys: NativeKeys | readonly string[]): NativeKeys {
  if (!isStringArray(keys)) return keys as NativeKeys;
  return stringKeysOf(core)
    .findAll(keys)
    .filter((id) => !Number.isNaN(id));
}

/** Call as the one writer. The dropped row numbers will be used again. */
export async function rollBack(core: IndexCore, rows: number): Promise<void> {
  if (rows < core.binding.count(core.handle)) core.renumbered++;
  core.truncations++;
  try {
    await core.binding.rollback(core.handle, rows, 0);
  } finally {
    // Searches in between may have read rows that are gone by now.
    core.truncations++;
  }
}
