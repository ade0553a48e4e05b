/** Recall and latency of the graph over a sweep of efSearch, with the exact scan as a competitor. */
import { VectorIndex } from '../../lib/vectors';
import { makeClipLike } from '../clip-like';
import type { BenchOptions } from '../options';
import { recall, round, summarize, timeMs, type Summary } from '../statistics';
import type { SuiteResult } from '../suite';
import { formatTable } from '../table';

const QUERIES = 300;

interface Point {
  readonly queries: string;
  readonly efSearch: number | 'exact';
  readonly recall: number;
  readonly ms: Summary;
  readonly queriesPerSecond: number;
}

function rowsOf(vectors: Float32Array, dim: number): Float32Array[] {
  return Array.from({ length: vectors.length / dim }, (_, i) =>
    vectors.subarray(i * dim, (i + 1) * dim),
  );
}

function point(queries: string, efSearch: Point['efSearch'], times: number[], mean: number): Point {
  const all = summarize(times);
  const ms = Object.fromEntries(
    Object.entries(all).map(([key, value]) => [key, round(value as number)]),
  ) as unknown as Summary;
  return {
    queries,
    efSearch,
    recall: round(mean),
    ms,
    queriesPerSecond: round(1000 / all.mean),
  };
}

function sweep(
  index: VectorIndex,
  name: string,
  queries: readonly Float32Array[],
  options: BenchOptions,
): Point[] {
  const { k } = options;
  const truths = queries.map((query) => index.searchExact(query, k).distances);
  const exactTimes = queries.map((query) => timeMs(() => index.searchExact(query, k)));
  const points = [point(name, 'exact', exactTimes, 1)];
  for (const efSearch of options.efSearch) {
    for (const query of queries.slice(0, 50)) index.search(query, k, { efSearch });
    let found = 0;
    const times: number[] = [];
    for (let round = 0; round < options.repeat; round++) {
      queries.forEach((query, i) => {
        const started = performance.now();
        const hits = index.search(query, k, { efSearch });
        times.push(performance.now() - started);
        if (round === 0) found += recall(hits.distances, truths[i] ?? []);
      });
    }
    points.push(point(name, efSearch, times, found / queries.length));
  }
  return points;
}

export async function searchSuite(options: BenchOptions): Promise<SuiteResult> {
  const count = Math.max(...options.rows);
  const set = makeClipLike(count, QUERIES, options.dim);
  await using index = await VectorIndex.create({ dim: options.dim });
  await index.add(set.rows, { threads: options.threads });
  const points = [
    ...sweep(index, 'held-out rows', rowsOf(set.queries, options.dim), options),
    ...sweep(index, 'text-like', rowsOf(set.textQueries, options.dim), options),
  ];
  const { rows, queries, textQueries, ...dataset } = set;
  const { M, efConstruction, kernel, bytesResident } = index.stats();
  return {
    data: {
      dataset: {
        ...dataset,
        shape: [rows.length / set.dim, set.dim],
        queries: queries.length / set.dim,
        textQueries: textQueries.length / set.dim,
      },
      k: options.k,
      repeat: options.repeat,
      M,
      efConstruction,
      kernel,
      bytesResident,
      points,
    },
    tables: [
      formatTable(
        `search: recall@${options.k} and milliseconds per query, ${count} x ${options.dim}, one thread, ` +
          `mean cosine ${set.meanCosine.toFixed(2)}, seed ${set.seed}`,
        ['queries', 'efSearch', 'recall', 'mean', 'p50', 'p95', 'p99', 'queries/s'],
        points.map(({ queries: kind, efSearch, recall: share, ms, queriesPerSecond }) => [
          ...[kind, String(efSearch), share.toFixed(3)],
          ...[ms.mean, ms.p50, ms.p95, ms.p99, queriesPerSecond],
        ]),
      ),
    ],
  };
}
