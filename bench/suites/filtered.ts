/**
 * Searches random subsets, 50 % to 0.1 % of the rows, at recall 0.95 and above; compared with the same index
 * without a filter and with the exact scan of the subset.
 */
import { VectorIndex, type Storage } from '../../lib/vectors';
import { Random } from '../clip-like';
import { median, qpsAt, type CurvePoint } from '../curves';
import { engineIndex, type EngineIndex } from '../engine-index';
import type { BenchOptions } from '../options';
import { recall, round } from '../statistics';
import type { SuiteResult } from '../suite';
import { formatTable } from '../table';

const SHARES = [1, 0.5, 0.1, 0.05, 0.01, 0.001];
const EF_SEARCH = [10, 16, 32, 64, 128, 256, 512];
const QUERIES = 200;
const RECALL = 0.95;
const SEED = 99;
/** CPU time of a pass. */
const PASS_US = 250_000;

function randomMask(rows: number, share: number): Uint8Array {
  const random = new Random(SEED);
  const mask = new Uint8Array(Math.ceil(rows / 8));
  for (let row = 0; row < rows; row++) {
    if (random.unit() < share) mask[row >> 3] = (mask[row >> 3] ?? 0) | (1 << (row & 7));
  }
  return mask;
}

/** Median of `repeat` passes. */
function rateOf(repeat: number, queries: readonly Float32Array[], run: (q: Float32Array) => void) {
  const rates: number[] = [];
  for (let turn = -1; turn < repeat; turn++) {
    const before = process.cpuUsage();
    let spent = 0;
    let rounds = 0;
    for (; spent < PASS_US; rounds++) {
      for (const query of queries) run(query);
      const { user, system } = process.cpuUsage(before);
      spent = user + system;
    }
    if (turn >= 0) rates.push((rounds * queries.length * 1e6) / spent);
  }
  return median(rates);
}

/** Measures one storage. */
async function measure(
  { folder, queries: all, dataset }: EngineIndex,
  storage: Storage,
  { k, repeat }: BenchOptions,
) {
  await using index = await VectorIndex.open(folder, { readOnly: true, storage });
  await index.warm();
  const queries = all.slice(0, QUERIES);
  const found = SHARES.map((share) => {
    const filter = share === 1 ? {} : { filter: randomMask(dataset.meta.rows, share) };
    const truths = queries.map((query) => index.searchExact(query, k, filter).distances);
    const points = EF_SEARCH.filter((ef) => ef >= k).map((efSearch): CurvePoint => {
      const search = (query: Float32Array) => index.search(query, k, { efSearch, ...filter });
      const hits = queries.map((query, i) => recall(search(query).distances, truths[i] ?? []));
      return {
        efSearch,
        recall: hits.reduce((sum, value) => sum + value, 0) / hits.length,
        qps: rateOf(repeat, queries, search),
      };
    });
    const exactQps = rateOf(1, queries.slice(0, 50), (query) => {
      index.searchExact(query, k, filter);
    });
    return { share, points, exactQps, qps: qpsAt(points, RECALL) };
  });
  const plain = found[0]?.qps ?? Number.NaN;
  return found.map(({ qps, ...more }) => ({
    ...more,
    qps: qps ?? null,
    toUnfiltered: qps === undefined ? null : round(qps / plain, 3),
  }));
}

export async function filteredSuite(options: BenchOptions): Promise<SuiteResult> {
  const engine = await engineIndex(options);
  const { meta } = engine.dataset;
  const { k } = options;
  const storages: Record<string, Awaited<ReturnType<typeof measure>>> = {};
  for (const storage of options.storages.length > 0 ? options.storages : (['inline'] as const)) {
    storages[storage] = await measure(engine, storage, options);
  }
  return {
    data: { dataset: meta, k, seed: SEED, recall: RECALL, queries: QUERIES, storages },
    tables: Object.entries(storages).map(([storage, rows]) =>
      formatTable(
        `filtered: ${storage}, ${meta.rows} rows, queries/s on one thread at recall ${RECALL}, random subsets`,
        ['share', 'queries/s', 'to unfiltered', 'exact scan', 'recall at ef 64'],
        rows.map(({ share, qps, toUnfiltered, exactQps, points }) => [
          `${share * 100} %`,
          qps ?? 'never',
          toUnfiltered ?? '-',
          exactQps,
          points.find(({ efSearch }) => efSearch === 64)?.recall ?? '-',
        ]),
      ),
    ),
  };
}
