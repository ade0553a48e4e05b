/**
 * All pairs of files below a distance, by the index instead of n squared: each file asks for its nearest, with a list that grows
 * until it reaches beyond the distance. Distances are exact; the graph may miss a pair from one side and find it from the other.
 */
import { throwIfAborted } from '../../base/abort';
import { makeError } from '../../base/errors';
import type { VectorIndex } from '../../vectors';

export interface ExrPairsOptions {
  /** Greatest distance of a pair: cosine, 0 to 2; euclidean, 0 to 2. */
  readonly maxDistance: number;
  /** Most pairs kept, the closest; default 100,000. */
  readonly limit?: number;
  readonly signal?: AbortSignal;
}

export interface ExrPair {
  readonly a: number;
  readonly b: number;
  readonly distance: number;
}

export interface ExrPairs {
  /** Closest first; `a` is the smaller id. */
  readonly pairs: readonly ExrPair[];
  /** Files joined by pairs, directly or over others; largest first. */
  readonly clusters: readonly (readonly number[])[];
  /** There were more pairs than `limit`, or than a list holds. */
  readonly isTruncated: boolean;
}

const FIRST_K = 16;
const MOST_K = 4096;
const QUERIES = 512;
const DEFAULT_LIMIT = 100_000;

/** @throws ERR_ABORTED | ERR_ARG_RANGE, and what the engine throws */
export async function pairsOf(index: VectorIndex, options: ExrPairsOptions): Promise<ExrPairs> {
  const { maxDistance, limit = DEFAULT_LIMIT, signal } = options;
  if (!(maxDistance >= 0 && maxDistance <= 2))
    throw makeError('ERR_ARG_RANGE', 'maxDistance must be from 0 to 2');
  const rows = Uint32Array.from({ length: index.count }, (_, row) => row);
  const keys = index.keysOf(rows);
  const joined = new Joined();
  const found = new Closest(limit);
  let isCut = false;
  let waiting = [...rows].filter((row) => index.rowOf(keys[row] as number) === row);
  for (let k = FIRST_K; waiting.length > 0; k *= 4) {
    const unfinished: number[] = [];
    for (let at = 0; at < waiting.length; at += QUERIES) {
      throwIfAborted(signal, 'the search for pairs was aborted');
      const some = waiting.slice(at, at + QUERIES);
      const hits = await index.searchBatch(index.vectors(some), k, {
        threshold: maxDistance,
        efSearch: Math.max(64, k + 32),
      });
      some.forEach((row, i) => {
        const count = hits.counts[i] as number;
        if (count === k && k < Math.min(MOST_K, index.liveCount)) {
          unfinished.push(row);
          return;
        }
        isCut ||= count === k && k < index.liveCount;
        const self = keys[row] as number;
        for (let hit = i * k; hit < i * k + count; hit++) {
          const other = hits.keys[hit] as number;
          if (other === self) continue;
          joined.join(self, other);
          found.add(Math.min(self, other), Math.max(self, other), hits.distances[hit] as number);
        }
      });
    }
    waiting = unfinished;
  }
  return {
    pairs: found.sorted(),
    clusters: joined.groups(),
    isTruncated: isCut || found.hasDropped,
  };
}

/** The closest pairs, each once; holds at most twice the limit. */
class Closest {
  private pairs = new Map<string, ExrPair>();
  private bound = Infinity;
  hasDropped = false;

  constructor(private readonly limit: number) {}

  add(a: number, b: number, distance: number): void {
    if (distance > this.bound) return;
    this.pairs.set(`${a} ${b}`, { a, b, distance });
    if (this.pairs.size < 2 * this.limit) return;
    const kept = this.sorted();
    this.bound = kept.at(-1)?.distance ?? 0;
    this.pairs = new Map(kept.map((pair) => [`${pair.a} ${pair.b}`, pair]));
  }

  sorted(): ExrPair[] {
    const all = [...this.pairs.values()].sort(
      (x, y) => x.distance - y.distance || x.a - y.a || x.b - y.b,
    );
    this.hasDropped ||= all.length > this.limit;
    return all.slice(0, this.limit);
  }
}

/** Union-find. */
class Joined {
  private readonly parent = new Map<number, number>();

  private root(id: number): number {
    let at = id;
    for (let up = this.parent.get(at); up !== undefined && up !== at; up = this.parent.get(at)) {
      this.parent.set(at, this.parent.get(up) ?? up);
      at = up;
    }
    return at;
  }

  join(a: number, b: number): void {
    const [x, y] = [this.root(a), this.root(b)];
    this.parent.set(x, x);
    this.parent.set(y, x);
  }

  groups(): number[][] {
    const byRoot = new Map<number, number[]>();
    for (const id of this.parent.keys()) {
      const root = this.root(id);
      const group = byRoot.get(root);
      if (group === undefined) byRoot.set(root, [id]);
      else group.push(id);
    }
    return [...byRoot.values()]
      .map((group) => group.sort((a, b) => a - b))
      .sort((a, b) => b.length - a.length || (a[0] as number) - (b[0] as number));
  }
}
