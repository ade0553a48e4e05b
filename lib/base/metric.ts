/** How vectors are compared, and what a distance means. */
export type Metric = 'cosine' | 'euclidean' | 'dot';

/** See `Hits.similarities` and `StoreHits.similarities`. */
export function similarityOf(metric: Metric, distance: number): number {
  if (metric === 'cosine') return 1 - distance;
  return metric === 'dot' ? -distance : 1 / (1 + distance);
}
