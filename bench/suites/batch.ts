/** Batches: speedup by a second thread, and cost compared with single calls. */
import { VectorIndex } from '../../lib/vectors';
import { median } from '../curves';
import { engineIndex } from '../engine-index';
import type { BenchOptions } from '../options';
import { round } from '../statistics';
import type { SuiteResult } from '../suite';
import { formatTable } from '../table';

const EF_SEARCH = 64;

export async function batchSuite(options: BenchOptions): Promise<SuiteResult> {
  const { folder, queries, dataset } = await engineIndex(options);
  const { k, dim } = options;
  await using index = await VectorIndex.open(folder, { readOnly: true });
  await index.warm();
  const flat = new Float32Array(queries.length * dim);
  for (const [i, query] of queries.entries()) flat.set(query, i * dim);
  const ways = [
    {
      name: 'one call each',
      threads: 1,
      run: async () => {
        for (const query of queries) index.search(query, k, { efSearch: EF_SEARCH });
      },
    },
    ...[...new Set([1, options.threads])].map((threads) => ({
      name: 'batch',
      threads,
      run: async () => void (await index.searchBatch(flat, k, { efSearch: EF_SEARCH, threads })),
    })),
    ...[...new Set([1, options.threads])].map((threads) => ({
      name: 'exact batch',
      threads,
      run: async () =>
        void (await index.searchBatch(flat.subarray(0, 100 * dim), k, { exact: true, threads })),
    })),
  ];
  const times = ways.map((): number[] => []);
  for (let turn = -1; turn < options.repeat; turn++) {
    for (let i = 0; i < ways.length; i++) {
      const at = (i + turn + 1) % ways.length;
      const started = performance.now();
      await ways[at]?.run();
      // The first round warms up.
      if (turn >= 0) times[at]?.push((performance.now() - started) / 1000);
    }
  }
  const rows = ways.map(({ name, threads }, i) => {
    const count = name.startsWith('exact') ? 100 : queries.length;
    return { way: name, threads, queriesPerSecond: round(count / median(times[i] ?? [])) };
  });
  const rate = (name: string, threads: number): number =>
    rows.find((row) => row.way === name && row.threads === threads)?.queriesPerSecond ?? Number.NaN;
  const speedup = round(rate('batch', options.threads) / rate('batch', 1), 3);
  return {
    data: { dataset: dataset.meta, k, efSearch: EF_SEARCH, rows, speedup },
    tables: [
      formatTable(
        `batch: ${queries.length} queries, ${dataset.meta.rows} rows, efSearch ${EF_SEARCH}, wall clock; ` +
          `${options.threads} threads are ${speedup}x one`,
        ['way', 'threads', 'queries/s'],
        rows.map((row) => [row.way, row.threads, row.queriesPerSecond]),
      ),
    ],
  };
}
