/** Curves of recall against speed. */

export interface CurvePoint {
  readonly efSearch: number;
  readonly recall: number;
  readonly qps: number;
}

export interface Curve {
  readonly name: string;
  readonly points: readonly CurvePoint[];
}

/** The Pareto frontier, by increasing recall. */
export function frontier(points: readonly CurvePoint[]): CurvePoint[] {
  const sorted = [...points].sort((a, b) => b.recall - a.recall || b.qps - a.qps);
  let best = -Infinity;
  return sorted
    .filter(({ qps }) => {
      if (qps <= best) return false;
      best = qps;
      return true;
    })
    .reverse();
}

/**
 * Queries per second at a recall, by linear interpolation of log(qps) on the frontier; below the first point
 * that point's speed.
 *
 * @returns undefined if no point reaches the recall
 */
export function qpsAt(points: readonly CurvePoint[], recall: number): number | undefined {
  const front = frontier(points);
  const above = front.findIndex((point) => point.recall >= recall);
  const upper = front[above];
  if (upper === undefined) return undefined;
  const lower = front[above - 1];
  if (lower === undefined || upper.recall === lower.recall) return upper.qps;
  const share = (recall - lower.recall) / (upper.recall - lower.recall);
  return Math.exp(Math.log(lower.qps) * (1 - share) + Math.log(upper.qps) * share);
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? Number.NaN) + upper) / 2;
}
