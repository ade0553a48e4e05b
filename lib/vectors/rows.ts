/** Rows: reads vectors and keys, finds the row of a key, and rolls back. */
import { room, type ArrayType } from './room';
import { assertOpen, attempt, type IndexCore } from './core';
import { checkKeys, checkRows } from './arguments/validate';

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

/** @param Keys  numbers, which are NaN beyond 2^53 - 1, or all 64 bits */
export function copyKeys<T extends Float64Array | BigInt64Array>(
  core: IndexCore,
  rows: ArrayLike<number>,
  Keys: ArrayType<T>,
): T {
  assertOpen(core);
  const wanted = checkRows(rows);
  const out = room(Keys, wanted.length);
  attempt(() => core.binding.copyKeys(core.handle, wanted, out));
  return out;
}

export function rowOf(core: IndexCore, key: number | bigint): number | undefined {
  assertOpen(core);
  const out = new Uint32Array(1);
  const keys = checkKeys('key', [key]);
  attempt(() => core.binding.rowsOf(core.handle, keys, out));
  return out[0] === NO_ROW ? undefined : out[0];
}

/** Call as the one writer. The dropped row numbers will be used again. */
export async function rollBack(core: IndexCore, rows: number): Promise<void> {
  if (rows < core.binding.count(core.handle)) core.renumbered++;
  await core.binding.rollback(core.handle, rows, 0);
}
