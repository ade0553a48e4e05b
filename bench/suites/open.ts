/** Time to open, and until the first answer, at every size of --rows, in a fresh process. */
import { spawnSync } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { VectorIndex } from '../../lib/vectors';
import { makeClipLike } from '../clip-like';
import { median } from '../curves';
import type { BenchOptions } from '../options';
import { recall, round } from '../statistics';
import type { SuiteResult } from '../suite';
import { formatTable } from '../table';

interface Opened {
  readonly openMs: number;
  readonly firstAnswerMs: number;
  readonly privateBytes: number;
  readonly distances: number[];
}

/** Reads the query from stdin; the addon is loaded before the measurement. */
const PROGRAM = `
const { readFileSync } = require('node:fs');
const { VectorIndex } = require(process.argv[1]);
const query = new Float32Array(JSON.parse(readFileSync(0, 'utf8')));
(async () => {
  await (await VectorIndex.create({ dim: 2 })).close();
  const started = performance.now();
  const index = await VectorIndex.open(process.argv[2], { readOnly: true });
  const openMs = performance.now() - started;
  const { distances } = index.search(query, Number(process.argv[3]));
  const firstAnswerMs = performance.now() - started;
  const privateBytes = index.stats().bytesResident;
  console.log(JSON.stringify({ openMs, firstAnswerMs, privateBytes, distances: [...distances] }));
  await index.close();
})();`;

function openOnce(folder: string, query: Float32Array, k: number): Opened {
  const library = path.resolve(__dirname, '../../lib/vectors/index.js');
  const run = spawnSync(process.execPath, ['-e', PROGRAM, library, folder, String(k)], {
    input: JSON.stringify([...query]),
    encoding: 'utf8',
  });
  if (run.status !== 0) throw new Error(run.stderr);
  return JSON.parse(run.stdout) as Opened;
}

export async function openSuite(options: BenchOptions): Promise<SuiteResult> {
  const { k, dim, threads } = options;
  const scratch = await mkdtemp(path.join(tmpdir(), 'sightline-bench-'));
  try {
    const sizes = [];
    for (const rows of options.rows) {
      const folder = path.join(scratch, String(rows));
      const set = makeClipLike(rows, 1, dim);
      const index = await VectorIndex.create({ dim, path: folder });
      await index.add(set.rows, { threads });
      const truth = index.searchExact(set.queries, k).distances;
      const { bytesOnDisk } = index.stats();
      await index.close();
      const runs = Array.from({ length: options.repeat }, () => openOnce(folder, set.queries, k));
      sizes.push({
        rows,
        bytesOnDisk,
        openMs: round(median(runs.map(({ openMs }) => openMs))),
        firstAnswerMs: round(median(runs.map(({ firstAnswerMs }) => firstAnswerMs))),
        privateBytes: runs[0]?.privateBytes ?? Number.NaN,
        recall: recall(runs[0]?.distances ?? [], truth),
      });
    }
    return {
      data: { dim, k, repeat: options.repeat, sizes },
      tables: [
        formatTable(
          `open: ${dim}-d rows, files in the page cache, medians of ${options.repeat} fresh processes`,
          ['rows', 'open ms', 'first answer ms', 'recall of it', 'own MB', 'MB on disk'],
          sizes.map((size) => [
            ...[size.rows, size.openMs, size.firstAnswerMs, size.recall.toFixed(2)],
            ...[round(size.privateBytes / 1e6, 3), round(size.bytesOnDisk / 1e6, 3)],
          ]),
        ),
      ],
    };
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}
