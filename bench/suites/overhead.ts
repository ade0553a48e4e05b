/** Overhead of a call, measured on an index of one row. */
import { createRequire } from 'node:module';
import type { Bench as TinyBench } from 'tinybench';
import { VectorIndex } from '../../lib/vectors';
import { makeClipLike } from '../clip-like';
import type { BenchOptions } from '../options';
import { round } from '../statistics';
import { skipSuite, type SuiteResult } from '../suite';
import { formatTable } from '../table';

const TIME_MS = 300;
const BATCH = 64;

async function loadBench(): Promise<typeof TinyBench | undefined> {
  try {
    createRequire(__filename).resolve('tinybench');
  } catch {
    return undefined;
  }
  return (await import('tinybench')).Bench;
}

export async function overheadSuite(options: BenchOptions): Promise<SuiteResult> {
  const Bench = await loadBench();
  if (Bench === undefined)
    return skipSuite('tinybench is a dependency of the source, not of the package');
  const { dim } = options;
  const set = makeClipLike(1, BATCH, dim);
  const query = set.queries.slice(0, dim);
  await using index = await VectorIndex.create({ dim });
  await index.add(set.rows, {});

  const bench = new Bench({ time: TIME_MS, warmupTime: TIME_MS / 3 });
  bench.add('count (no work at all)', () => void index.count);
  bench.add('search', () => void index.search(query, 1));
  bench.add('searchExact', () => void index.searchExact(query, 1));
  bench.add('searchAsync', async () => void (await index.searchAsync(query, 1)));
  bench.add(`searchBatch of ${BATCH}, per query`, async () => {
    await index.searchBatch(set.queries, 1, { threads: 1 });
  });
  await bench.run();

  const calls = bench.tasks.map((task) => {
    const result = task.result;
    if (!('latency' in result)) throw new Error(`${task.name}: ${result.state}`);
    const per = task.name.includes('per query') ? BATCH : 1;
    const microseconds = (ms: number): number => round((ms * 1000) / per, 3);
    return {
      call: task.name,
      medianMicroseconds: microseconds(result.latency.p50),
      meanMicroseconds: microseconds(result.latency.mean),
      p99Microseconds: microseconds(result.latency.p99),
      samples: result.latency.samplesCount,
    };
  });
  return {
    data: { dim, rows: 1, calls },
    tables: [
      formatTable(
        `per-call overhead: microseconds, one row of ${dim} floats`,
        ['call', 'median', 'mean', 'p99'],
        calls.map((call) => [
          call.call,
          ...[call.medianMicroseconds, call.meanMicroseconds, call.p99Microseconds],
        ]),
      ),
    ],
  };
}
