/** Rows: reading their vectors and keys back, the row of a key, and giving the last ones up. */
import { room, type ArrayType } from './room';
import { assertOpen, attempt, type IndexCore } from './core';
import { checkKeys, checkRows } from './arguments/validate';

/** What the addon gives for a key that no live row has. */
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

/** To be called as the one writer. Numbers of rows that go will be those of others. */
export async function rollBack(core: IndexCore, rows: number): Promise<void> {
  if (rows < core.binding.count(core.handle)) core.renumbered++;
  await core.binding.rollback(core.handle, rows, 0);
}
