/** Delay of the event loop while an index is built or searched off the main thread. */
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { VectorIndex } from '../../lib/vectors';
import { engineIndex } from '../engine-index';
import type { BenchOptions } from '../options';
import { round } from '../statistics';
import type { SuiteResult } from '../suite';
import { formatTable } from '../table';

const TICK_MS = 1;
const ROWS = 20_000;
const LEAST_MS = 1500;

interface Delay {
  readonly while: string;
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
  readonly samples: number;
}

/** Delay of a one-millisecond timer beyond that millisecond. */
async function delayWhile(name: string, work: () => Promise<unknown>): Promise<Delay> {
  const histogram = monitorEventLoopDelay({ resolution: TICK_MS });
  const started = performance.now();
  histogram.enable();
  while (performance.now() - started < LEAST_MS) await work();
  histogram.disable();
  const beyond = (nanoseconds: number): number =>
    round(Math.max(0, nanoseconds / 1e6 - TICK_MS), 3);
  return {
    while: name,
    p50: beyond(histogram.percentile(50)),
    p99: beyond(histogram.percentile(99)),
    max: beyond(histogram.max),
    samples: histogram.count,
  };
}

export async function loopSuite(options: BenchOptions): Promise<SuiteResult> {
  const { base, queries, folder } = await engineIndex(options);
  const { dim, k, threads } = options;
  const rows = Math.min(ROWS, base.length / dim);
  await using index = await VectorIndex.open(folder, { readOnly: true });
  await index.warm();
  const flat = new Float32Array(queries.length * dim);
  for (const [i, query] of queries.entries()) flat.set(query, i * dim);

  const delays = [
    await delayWhile('nothing', () => new Promise((resolve) => setTimeout(resolve, 50))),
  ];
  // One core is left for the event loop, then none.
  for (const count of new Set([1, threads])) {
    delays.push(
      await delayWhile(`add, ${count} threads`, async () => {
        await using fresh = await VectorIndex.create({ dim });
        await fresh.add(base.subarray(0, rows * dim), { threads: count });
      }),
      await delayWhile(`searchBatch, ${count} threads`, () =>
        index.searchBatch(flat, k, { threads: count }),
      ),
      await delayWhile(`exact searchBatch, ${count} threads`, () =>
        index.searchBatch(flat.subarray(0, 100 * dim), k, { exact: true, threads: count }),
      ),
    );
  }
  delays.push(
    await delayWhile('searchAsync, 64 at a time', () =>
      Promise.all(queries.slice(0, 64).map((query) => index.searchAsync(query, k))),
    ),
  );
  return {
    data: { rows, dim, resolutionMs: TICK_MS, delays },
    tables: [
      formatTable(
        'event loop: milliseconds a 1 ms timer comes late',
        ['while', 'p50', 'p99', 'max', 'samples'],
        delays.map((delay) => [delay.while, delay.p50, delay.p99, delay.max, delay.samples]),
      ),
    ],
  };
}
