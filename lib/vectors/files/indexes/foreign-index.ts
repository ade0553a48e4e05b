/** What an index file of another engine is to us: rows with keys, and the parameters it was made with. */
import type { Metric } from '../../types';

export type ForeignFormat = 'hnswlib' | 'usearch';

export interface ForeignBlock {
  /** Live rows only, shape [keys.length, dim]. */
  readonly vectors: Float32Array;
  readonly keys: BigInt64Array;
  /** Records of the file read so far, those marked as deleted included. */
  readonly done: number;
}

export interface ForeignIndex {
  readonly format: ForeignFormat;
  readonly dim: number;
  /** Records, those marked as deleted included. */
  readonly rows: number;
  /** Absent where the file does not say. */
  readonly metric?: Metric;
  readonly M?: number;
  readonly efConstruction?: number;
  /** Why a metric must be given, when the file's own has no counterpart here. */
  readonly metricProblem?: string;
  /** Rows in the file's order; links are not looked at. */
  blocks(): AsyncGenerator<ForeignBlock, void, void>;
}

/** The rows of a block that `isLive`, packed. */
export function pickLive(
  vectors: Float32Array,
  keys: BigInt64Array,
  isLive: (row: number) => boolean,
): { vectors: Float32Array; keys: BigInt64Array } {
  const dim = vectors.length / Math.max(1, keys.length);
  const live = Uint32Array.from(keys.keys()).filter(isLive);
  if (live.length === keys.length) return { vectors, keys };
  const packed = new Float32Array(live.length * dim);
  for (const [to, from] of live.entries()) {
    packed.set(vectors.subarray(from * dim, (from + 1) * dim), to * dim);
  }
  return { vectors: packed, keys: BigInt64Array.from(live, (row) => keys[row] as bigint) };
}
