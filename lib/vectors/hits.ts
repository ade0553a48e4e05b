/** Results: from the addon's flat arrays to the facade's, and from distance to similarity. */
import type { NativeBatch } from '../native/binding';
import type { BatchHits, Hits, Metric } from './types';

/** See Hits.similarities. */
export function similaritiesOf(metric: Metric, distances: Float32Array): Float32Array {
  const similarities = new Float32Array(distances.length);
  for (let i = 0; i < distances.length; i++) {
    const distance = distances[i] as number;
    similarities[i] =
      metric === 'cosine' ? 1 - distance : metric === 'dot' ? -distance : 1 / (1 + distance);
  }
  return similarities;
}

/** The first query of a batch as single hits. */
export function firstOf(metric: Metric, batch: NativeBatch): Hits {
  const count = batch.counts[0] ?? 0;
  const distances = batch.distances.slice(0, count);
  return {
    keys: batch.keys.slice(0, count),
    nodes: batch.nodes.slice(0, count),
    distances,
    similarities: similaritiesOf(metric, distances),
  };
}

export function batchOf(metric: Metric, k: number, batch: NativeBatch): BatchHits {
  return {
    k,
    counts: batch.counts,
    keys: batch.keys,
    nodes: batch.nodes,
    distances: batch.distances,
    similarities: similaritiesOf(metric, batch.distances),
  };
}
