/** Pools states of positions into rows, and normalizes rows. Pure. */
import type { Pooling } from '../tower-io';

/**
 * Pools states into rows.
 *
 * `mean` sums in double precision over the positions whose mask is not 0 and divides by their number
 * (at least 1e-9, as sentence-transformers does, so that an empty mask gives zeros and no NaN).
 *
 * @param states  shape [rows, positions, dim]; for `none` [rows, dim]
 * @param mask    shape [rows, positions]; undefined: every position counts
 * @param out     receives [rows, dim] from `offset` on
 */
export function poolStates(
  states: Float32Array,
  { rows, dim, pooling }: { rows: number; dim: number; pooling: Pooling },
  mask: ArrayLike<bigint | number> | undefined,
  out: Float32Array,
  offset: number,
): void {
  if (pooling === 'none') {
    out.set(states.subarray(0, rows * dim), offset);
    return;
  }
  const positions = states.length / (rows * dim);
  for (let row = 0; row < rows; row++) {
    const from = row * positions * dim;
    const to = offset + row * dim;
    if (pooling === 'first') out.set(states.subarray(from, from + dim), to);
    else meanInto(states, { from, positions, dim }, mask, row * positions, out, to);
  }
}

function meanInto(
  states: Float32Array,
  { from, positions, dim }: { from: number; positions: number; dim: number },
  mask: ArrayLike<bigint | number> | undefined,
  maskFrom: number,
  out: Float32Array,
  to: number,
): void {
  const sums = new Float64Array(dim);
  let count = 0;
  for (let position = 0; position < positions; position++) {
    if (mask !== undefined && Number(mask[maskFrom + position]) === 0) continue;
    count++;
    const at = from + position * dim;
    for (let i = 0; i < dim; i++) sums[i] = (sums[i] as number) + (states[at + i] as number);
  }
  for (let i = 0; i < dim; i++) out[to + i] = (sums[i] as number) / Math.max(count, 1e-9);
}

/**
 * Scales [at, at + dim) to unit length. A row without a direction becomes zero.
 *
 * @returns what is wrong with such a row
 */
export function toUnit(rows: Float32Array, at: number, dim: number): string | undefined {
  let sum = 0;
  for (let i = at; i < at + dim; i++) sum += (rows[i] as number) ** 2;
  const length = Math.sqrt(sum);
  // Below this, values have underflowed; no model means such a vector.
  if (Number.isFinite(sum) && length > 1e-30) {
    for (let i = at; i < at + dim; i++) rows[i] = (rows[i] as number) / length;
    return undefined;
  }
  rows.fill(0, at, at + dim);
  return Number.isFinite(sum) ? 'zero' : 'not finite';
}
