/** Time to add generated rows to an empty index in memory, per size and number of threads. */
import { VectorIndex } from '../../lib/vectors';
import { makeClipLike } from '../clip-like';
import type { BenchOptions } from '../options';
import { round } from '../statistics';
import type { SuiteResult } from '../suite';
import { formatTable } from '../table';

export async function buildSuite(options: BenchOptions): Promise<SuiteResult> {
  const runs = [];
  for (const count of options.rows) {
    const set = makeClipLike(count, 0, options.dim);
    for (const threads of new Set([1, options.threads])) {
      await using index = await VectorIndex.create({ dim: options.dim });
      const started = performance.now();
      await index.add(set.rows, { threads });
      const seconds = (performance.now() - started) / 1000;
      const { M, efConstruction, bytesResident } = index.stats();
      runs.push({
        rows: count,
        dim: options.dim,
        sha256: set.sha256,
        seed: set.seed,
        threads,
        M,
        efConstruction,
        seconds: round(seconds),
        rowsPerSecond: round(count / seconds),
        bytesPerRow: round(bytesResident / count),
        residentBytes: process.memoryUsage.rss(),
      });
    }
  }
  return {
    data: { runs },
    tables: [
      formatTable(
        `build: ${options.dim}-d generated rows, M ${runs[0]?.M}, efConstruction ${runs[0]?.efConstruction}`,
        ['rows', 'threads', 'seconds', 'rows/s', 'bytes/row'],
        runs.map((run) => [run.rows, run.threads, run.seconds, run.rowsPerSecond, run.bytesPerRow]),
      ),
    ],
  };
}
