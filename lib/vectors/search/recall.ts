/** Measures the recall of the graph search against the exact scan of the same index. */
import type { IndexCore } from '../core';
import { searchBatch } from './search';

/** A hit counts if its distance is within this of the true k-th: rows may be equal, so ids mislead. */
const TIE = 1e-5;

/** Queries, and for each the largest distance of a true neighbor. */
export interface Truth {
  readonly queries: Float32Array;
  readonly count: number;
  readonly k: number;
  /** For each query the row that is the query itself and does not count, or -1. */
  readonly self: Int32Array;
  /** For each query: the number of true neighbors, and the distance of the last. */
  readonly wanted: Uint32Array;
  readonly limits: Float32Array;
}

/** Rows scanned to find live ones: keys are looked up on the calling thread, 0.1 us each. */
const MAX_LOOKED_AT = 20_000;

/** Up to `most` live rows, evenly spaced: deterministic, no random numbers. */
export function sampleRows(core: IndexCore, most: number): Uint32Array {
  const count = core.binding.count(core.handle);
  const some = liveRows(core, spread(count, Math.max(MAX_LOOKED_AT, most)));
  const live = some.length > 0 ? some : liveRows(core, spread(count, count));
  return spread(live.length, most).map((i) => live[i] as number);
}

/** Up to `most` numbers from 0 to n - 1, evenly spaced. */
function spread(n: number, most: number): Uint32Array {
  const size = Math.min(n, most);
  return Uint32Array.from({ length: size }, (_, i) => Math.floor(((i + 0.5) * n) / size));
}

function liveRows(core: IndexCore, rows: Uint32Array): Uint32Array {
  const keys = new BigInt64Array(rows.length);
  core.binding.copyKeys(core.handle, rows, keys);
  const now = new Uint32Array(rows.length);
  core.binding.rowsOf(core.handle, keys, now);
  // A row was replaced or removed if its key maps to another row or none.
  return rows.filter((row, i) => now[i] === row);
}

/** Ground truth for `queries`. `rows`: set when the queries are rows of the index. */
export async function findTruth(
  core: IndexCore,
  queries: Float32Array,
  rows: Uint32Array | undefined,
  k: number,
  options: { readonly threads?: number; readonly signal?: AbortSignal },
): Promise<Truth> {
  const slots = rows === undefined ? k : k + 1;
  const exact = await searchBatch(core, queries, slots, { ...options, exact: true });
  const count = exact.counts.length;
  const truth = {
    queries,
    count,
    k,
    self: new Int32Array(count).fill(-1),
    wanted: new Uint32Array(count),
    limits: new Float32Array(count),
  };
  if (rows !== undefined) truth.self.set(rows);
  for (let q = 0; q < count; q++) {
    const found = withoutSelf(exact.nodes, q, slots, exact.counts[q] ?? 0, truth.self[q] ?? -1);
    const wanted = Math.min(k, found.length);
    truth.wanted[q] = wanted;
    const last = found[wanted - 1];
    truth.limits[q] = last === undefined ? -Infinity : (exact.distances[last] as number) + TIE;
  }
  return truth;
}

/** Result slots of query q that are not the query itself. */
function withoutSelf(
  nodes: Uint32Array,
  q: number,
  slots: number,
  count: number,
  self: number,
): number[] {
  const at: number[] = [];
  for (let i = q * slots; i < q * slots + count; i++) if (nodes[i] !== self) at.push(i);
  return at;
}

/** Mean over the queries with any neighbors of found true neighbors / true neighbors. */
export async function measureRecall(
  core: IndexCore,
  truth: Truth,
  efSearch: number,
  options: { readonly threads?: number; readonly signal?: AbortSignal },
): Promise<{ recall: number; seconds: number }> {
  const slots = truth.self.some((row) => row >= 0) ? truth.k + 1 : truth.k;
  const started = performance.now();
  const found = await searchBatch(core, truth.queries, slots, { ...options, efSearch });
  const seconds = (performance.now() - started) / 1000;
  let sum = 0;
  let queries = 0;
  for (let q = 0; q < truth.count; q++) {
    const wanted = truth.wanted[q] as number;
    if (wanted === 0) continue;
    const self = truth.self[q] as number;
    const limit = truth.limits[q] as number;
    const hits = withoutSelf(found.nodes, q, slots, found.counts[q] ?? 0, self)
      .slice(0, wanted)
      .filter((i) => (found.distances[i] as number) <= limit).length;
    sum += hits / wanted;
    queries++;
  }
  return { recall: queries === 0 ? 1 : sum / queries, seconds };
}
