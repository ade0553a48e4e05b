/** Compiles keys and predicates to bitsets over the current rows. */
import { makeError } from '../../base/errors';
import type { NativeKeys } from '../../native';
import { wrongType } from '../../base/options';
import type { IndexCore } from '../core';
import { copyStringKeys } from '../payloads/payload';
import { countFrom, room } from '../room';
import { NO_ROW } from '../rows';

/** Unknown keys set no bit; duplicate keys set theirs twice. */
export function bitsOfKeys(core: IndexCore, keys: NativeKeys): Uint8Array {
  const { binding, handle } = core;
  const bits = room(Uint8Array, (binding.count(handle) + 7) >> 3);
  const rows = room(Uint32Array, keys.length);
  binding.rowsOf(handle, keys, rows);
  // A row added after `count` was read lies beyond the bitset; the store is ignored.
  for (const row of rows) if (row !== NO_ROW) set(bits, row);
  return bits;
}

/** Calls the predicate once per live row. */
export function bitsOfPredicate(core: IndexCore, predicate: (key: never) => boolean): Uint8Array {
  const { binding, handle } = core;
  const count = binding.count(handle);
  const rows = countFrom(0, count);
  const keys = room(Float64Array, count);
  binding.copyKeys(handle, rows, keys);
  // Keys beyond 2^53 - 1 would all be NaN there.
  let exact: BigInt64Array | undefined;
  if (keys.some(Number.isNaN)) {
    exact = room(BigInt64Array, count);
    binding.copyKeys(handle, rows, exact);
  }
  const strings = core.strings === undefined ? undefined : copyStringKeys(core, rows);
  const now = room(Uint32Array, count);
  if (binding.liveCount(handle) < count) binding.rowsOf(handle, exact ?? keys, now);
  else now.set(rows);
  const bits = room(Uint8Array, (count + 7) >> 3);
  for (let row = 0; row < count; row++) {
    if (now[row] !== row) continue;
    const key = keys[row] as number;
    const given = strings?.[row] ?? (Number.isNaN(key) ? exact?.[row] : key);
    const answer: unknown = predicate(given as never);
    if (isYes(answer)) set(bits, row);
  }
  return bits;
}

/** true and numbers other than 0 and NaN count as yes; false, null, undefined, 0 and NaN as no. */
function isYes(answer: unknown): boolean {
  if (typeof answer === 'boolean') return answer;
  if (answer === undefined || answer === null) return false;
  if (typeof answer === 'number') return answer !== 0 && !Number.isNaN(answer);
  // A promise, an iterator or 'false' is truthy, and would match every row.
  if (isThenable(answer)) {
    // A rejection nobody handles would end the process.
    Promise.resolve(answer).catch(() => undefined);
    throw makeError(
      'ERR_ARG_TYPE',
      'filter(key) must return true or false, received a promise: a filter cannot be an async ' +
        'function; await what it needs first, or give the keys',
      { details: { name: 'filter(key)', expected: 'true or false' } },
    );
  }
  throw wrongType('filter(key)', 'true or false', answer);
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  const isObject = typeof value === 'object' || typeof value === 'function';
  return isObject && typeof (value as { then?: unknown } | null)?.then === 'function';
}

function set(bits: Uint8Array, row: number): void {
  bits[row >> 3] = (bits[row >> 3] as number) | (1 << (row & 7));
}
