/**
 * Worker thread of the test that terminates them. workerData: `{ folder, mode }`. Uses its index until
 * it is terminated, with work in the pool all the time, and posts a message for every step; an error
 * nobody expects is posted as text.
 *
 * - `writer`: its own folder; adds, removes, saves, compacts, opens again
 * - `reader`: a folder that others read too
 * - `thrower`: as reader, but every other call throws in native code
 */
import { existsSync } from 'node:fs';
import path from 'node:path';
import { parentPort, workerData } from 'node:worker_threads';
import { VectorIndex } from '../../lib/engine';
import { noise } from './vectors';

export const WORKER_DIM = 16;
const { folder, mode } = workerData as { folder: string; mode: 'writer' | 'reader' | 'thrower' };
const step = (): void => parentPort?.postMessage(1);
const queries = noise(50, WORKER_DIM, 3);
// Never used twice, by no worker of this folder: a rollback and a compaction number rows anew.
let nextKey = Date.now() * 1000;

/** Keeps the pool busy without waiting; what fails because the index is closed is no error. */
function background(work: Promise<unknown>): void {
  work.catch((error: { code?: string }) => {
    if (error.code !== 'ERR_CLOSED') parentPort?.postMessage(`meanwhile: ${String(error)}`);
  });
}

async function write(): Promise<void> {
  for (let round = 0; ; round++) {
    const isThere = existsSync(path.join(folder, 'embeddings.idx'));
    const index = isThere
      ? await VectorIndex.open(folder, { threads: 1 })
      : await VectorIndex.create({ dim: WORKER_DIM, path: folder, M: 4, efConstruction: 20 });
    step();
    for (let i = 0; i < 8; i++) {
      const keys = Array.from({ length: 200 }, () => nextKey++);
      background(index.add(noise(200, WORKER_DIM, i), { keys, threads: 2 }));
      background(index.searchBatch(queries, 5, { threads: 2 }));
      background(index.remove(keys.slice(0, 3)));
      step();
      await index.searchAsync(queries.subarray(0, WORKER_DIM), 5);
      if (i === 4) await index.save();
    }
    if (index.count > 4_000) {
      await index.rollbackTo(500);
      await index.compact();
    }
    step();
    await index.close();
  }
}

async function read(): Promise<void> {
  for (;;) {
    const index = await VectorIndex.open(folder, { readOnly: true });
    for (let i = 0; i < 20; i++) {
      step();
      background(index.searchBatch(queries, 5, { threads: 2 }));
      if (i % 10 === 0) background(index.verify());
      index.search(queries.subarray(0, WORKER_DIM), 5);
      for (let n = 0; mode === 'thrower' && n < 200; n++) {
        try {
          index.vectors([1_000_000 + n]);
        } catch {
          // That is what it is for.
        }
      }
      await index.searchExactAsync(queries.subarray(0, WORKER_DIM), 5);
    }
    await index.close();
  }
}

if (parentPort !== null)
  (mode === 'writer' ? write() : read()).catch((error: unknown) =>
    parentPort?.postMessage(String(error)),
  );
