/** Percentiles, and recall. */

export interface Summary {
  readonly mean: number;
  readonly p50: number;
  readonly p95: number;
  readonly p99: number;
  readonly min: number;
}

/** Nearest-rank percentile of ascending values; NaN of none. */
export function percentile(sorted: readonly number[], share: number): number {
  const rank = Math.max(1, Math.ceil(share * sorted.length));
  return sorted[rank - 1] ?? Number.NaN;
}

export function summarize(values: readonly number[]): Summary {
  const sorted = [...values].sort((a, b) => a - b);
  const mean = sorted.reduce((sum, value) => sum + value, 0) / sorted.length;
  return {
    mean,
    p50: percentile(sorted, 0.5),
    p95: percentile(sorted, 0.95),
    p99: percentile(sorted, 0.99),
    min: sorted[0] ?? Number.NaN,
  };
}

/** Frames repeat, so a hit counts by its distance, not its id. */
const TIE = 1e-5;

/**
 * @param found   distances, best first
 * @param truth   distances of the exact answer, best first; its last is the k-th
 */
export function recall(found: ArrayLike<number>, truth: ArrayLike<number>): number {
  if (truth.length === 0) return 1;
  const limit = (truth[truth.length - 1] ?? 0) + TIE;
  const hits = Array.from(found).filter((distance) => distance <= limit).length;
  return Math.min(hits, truth.length) / truth.length;
}

export const round = (value: number, digits = 4): number => Number(value.toPrecision(digits));

export function timeMs(work: () => unknown): number {
  const started = performance.now();
  work();
  return performance.now() - started;
}
