/** Search curves: recall against speed, and speeds read off them at a given recall. */

export interface CurvePoint {
  readonly efSearch: number;
  readonly recall: number;
  readonly qps: number;
}

export interface Curve {
  readonly name: string;
  readonly points: readonly CurvePoint[];
}

/** Points no other beats in both recall and speed, by rising recall. */
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
 * Queries per second at a recall: between the two neighbouring points of the frontier, straight in
 * log(qps) over recall; at or below the first point that point's own speed, never more.
 *
 * @returns undefined when no point reaches the recall
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
