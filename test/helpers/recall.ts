/** Recall of the graph search against the exact scan of the same index. */
import type { VectorIndex } from '../../lib/engine';

export interface RecallOptions {
  readonly k?: number;
  readonly efSearch?: number;
}

/**
 * Found true neighbors / k, mean over the queries. A hit counts if its distance is within 1e-5 of the
 * true k-th: rows repeat, so ids alone mislead.
 */
export async function recallOf(
  index: VectorIndex,
  queries: Float32Array,
  options: RecallOptions = {},
): Promise<number> {
  const { k = 10, efSearch } = options;
  const truth = await index.searchBatch(queries, k, { exact: true });
  const found = await index.searchBatch(queries, k, efSearch === undefined ? {} : { efSearch });
  const wanted = Math.min(k, index.liveCount);
  let hits = 0;
  for (let q = 0; q < truth.counts.length; q++) {
    if (truth.counts[q] !== wanted || found.counts[q] !== wanted) {
      throw new Error(`query ${q}: ${truth.counts[q]} exact and ${found.counts[q]} found`);
    }
    const limit = (truth.distances[q * k + wanted - 1] as number) + 1e-5;
    for (let i = 0; i < wanted; i++) if ((found.distances[q * k + i] as number) <= limit) hits++;
  }
  return hits / (truth.counts.length * wanted);
}
