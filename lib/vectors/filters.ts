/** Filters: keys and predicates become a bitset over rows, which is all the addon knows. */
import { types } from 'node:util';
import { checkUsable, room } from './arrays';
import { attempt } from './core';
import type { NativeBinding, NativeHandle } from '../native';
import { wrongType } from '../options';
import { NO_ROW } from './rows';
import type { Filter } from './types';
import { checkKeys } from './validate';

/**
 * @returns bit `r & 7` of byte `r >> 3` for row r; a bitset is given back as it is
 * @throws ERR_ARG_TYPE | ERR_ARG_RANGE, and whatever the predicate throws
 */
export function compileFilter(
  binding: NativeBinding,
  handle: NativeHandle,
  filter: Filter,
): Uint8Array {
  if (types.isUint8Array(filter)) return checkUsable('filter', filter);
  const count = binding.count(handle);
  const bits = new Uint8Array((count + 7) >> 3);
  if (typeof filter === 'function') {
    const rows = Uint32Array.from({ length: count }, (_, row) => row);
    const keys = new Float64Array(count);
    binding.copyKeys(handle, rows, keys);
    for (let row = 0; row < count; row++) {
      if (filter(keys[row] as number)) set(bits, row);
    }
    return bits;
  }
  if (typeof filter !== 'object' || filter === null) {
    throw wrongType('filter', 'a Uint8Array, an array of keys or a function', filter);
  }
  const keys = checkKeys('filter', filter);
  const rows = room(Uint32Array, keys.length);
  attempt(() => binding.rowsOf(handle, keys, rows));
  // A row that came after `count` was read lies beyond the bitset, and storing there does nothing.
  for (const row of rows) if (row !== NO_ROW) set(bits, row);
  return bits;
}

function set(bits: Uint8Array, row: number): void {
  bits[row >> 3] = (bits[row >> 3] as number) | (1 << (row & 7));
}
