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

/** All queries, `repeat` times. Speed is per CPU time, which other programs disturb less. */
function measure(
  queries: readonly Float32Array[],
  repeat: number,
  search: (query: Float32Array) => unknown,
): Pick<Point, 'ms' | 'queriesPerSecond'> {
  const times: number[] = [];
  const before = process.cpuUsage();
  for (let turn = 0; turn < repeat; turn++) {
    for (const query of queries) times.push(timeMs(() => search(query)));
  }
  const { user, system } = process.cpuUsage(before);
  const { mean, p50, p95, p99, min } = summarize(times);
  return {
    ms: { mean: round(mean), p50: round(p50), p95: round(p95), p99: round(p99), min: round(min) },
    queriesPerSecond: round((1e6 * times.length) / (user + system)),
  };
}

function sweep(
  index: VectorIndex,
  name: string,
  queries: readonly Float32Array[],
  options: BenchOptions,
): Point[] {
  const { k, repeat } = options;
  const truths = queries.map((query) => index.searchExact(query, k).distances);
  const exact = measure(queries, 1, (query) => index.searchExact(query, k));
  const points: Point[] = [{ queries: name, efSearch: 'exact', recall: 1, ...exact }];
  for (const efSearch of options.efSearch) {
    const shares = queries.map((query, i) =>
      recall(index.search(query, k, { efSearch }).distances, truths[i] ?? []),
    );
    points.push({
      queries: name,
      efSearch,
      recall: round(shares.reduce((sum, share) => sum + share, 0) / shares.length),
      ...measure(queries, repeat, (query) => index.search(query, k, { efSearch })),
    });
  }
  return points;
}

export async function searchSuite(options: BenchOptions): Promise<SuiteResult> {
  const count = Math.max(...options.rows);
  const set = makeClipLike(count, QUERIES, options.dim);
  const { rows, queries, textQueries, ...dataset } = set;
  const storages = options.storages.length > 0 ? options.storages : (['f32'] as const);
  const indexes = [];
  const tables: string[] = [];
  for (const storage of storages) {
    await using index = await VectorIndex.create({ dim: options.dim, storage });
    await index.add(rows, { threads: options.threads });
    await index.warm();
    const points = [
      ...sweep(index, 'held-out rows', rowsOf(queries, options.dim), options),
      ...sweep(index, 'text-like', rowsOf(textQueries, options.dim), options),
    ];
    const { M, efConstruction, kernel, bytesResident } = index.stats();
    indexes.push({ storage, M, efConstruction, kernel, bytesResident, points });
    tables.push(
      formatTable(
        `search: ${storage}, recall@${options.k}, milliseconds and queries per second of processor time, ` +
          `${count} x ${options.dim}, one thread, mean cosine ${set.meanCosine.toFixed(2)}, seed ${set.seed}`,
        ['queries', 'efSearch', 'recall', 'mean', 'p50', 'p95', 'p99', 'queries/s'],
        points.map(({ queries: kind, efSearch, recall: share, ms, queriesPerSecond }) => [
          ...[kind, String(efSearch), share.toFixed(3)],
          ...[ms.mean, ms.p50, ms.p95, ms.p99, queriesPerSecond],
        ]),
      ),
    );
  }
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
      indexes,
    },
    tables,
  };
}
