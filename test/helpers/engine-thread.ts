/**
 * Worker thread of the thread test. workerData: `{ folder, mode }`. `reader` answers 200 queries from
 * its own read-only handle and reports; `endless` searches until it is terminated.
 */
import { parentPort, workerData } from 'node:worker_threads';
import { VectorIndex } from '../../lib/engine';
import { clipLike } from './vectors';

async function main(): Promise<void> {
  const { folder, mode } = workerData as { folder: string; mode: 'reader' | 'endless' };
  const index = await VectorIndex.open(folder, { readOnly: true });
  const queries = clipLike(200, index.dim, 5, 1);
  const ask = (q: number) =>
    Array.from(index.search(queries.subarray(q * index.dim, (q + 1) * index.dim), 5).keys);
  if (mode === 'reader') {
    const answers = Array.from({ length: 200 }, (_, q) => ask(q));
    await index.close();
    parentPort?.postMessage(answers);
    return;
  }
  parentPort?.postMessage('started');
  for (let q = 0; ; q = (q + 1) % 200) {
    ask(q);
    // Work in the pool too, so that termination meets it in flight.
    void index.searchBatch(queries, 5).catch(() => undefined);
    if (q % 20 === 19) await index.searchAsync(queries.subarray(0, index.dim), 5);
  }
}

void main();
