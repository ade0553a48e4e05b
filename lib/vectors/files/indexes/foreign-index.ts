/** An index file of another engine: its rows with keys, and the parameters it was built with. */
import type { Metric } from '../../types';

export type ForeignFormat = 'hnswlib' | 'usearch';

export interface ForeignBlock {
  /** Live rows only, shape [keys.length, dim]. */
  readonly vectors: Float32Array;
  readonly keys: BigInt64Array;
  /** Records read so far, including deleted ones. */
  readonly done: number;
}

export interface ForeignIndex {
  readonly format: ForeignFormat;
  readonly dim: number;
  /** Records, including deleted ones. */
  readonly rows: number;
  /** Absent if the file does not say. */
  readonly metric?: Metric;
  readonly M?: number;
  readonly efConstruction?: number;
  /** Set when the caller must give a metric: why the file's own cannot be used. */
  readonly metricProblem?: string;
  /** Rows in file order; links are ignored. */
  blocks(): AsyncGenerator<ForeignBlock, void, void>;
}

/** Packs the rows of a block for which `isLive` is true. */
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
