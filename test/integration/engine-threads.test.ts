/** Many at once: searches while adding, worker threads, close with work under way, the event loop. */
import { spawnSync } from 'node:child_process';
import path from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { Worker } from 'node:worker_threads';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { isLibraryError, VectorIndex } from '../../lib/engine';
import { scaled } from '../helpers/deadline';
import { recallOf } from '../helpers/recall';
import { codeOf } from '../helpers/errors';
import { skip } from '../helpers/skip';
import { makeTempDir } from '../helpers/temp';
import { clipLike, noise } from '../helpers/vectors';

const SEED = 5;
const dim = 48;
const script = path.join(__dirname, '../helpers/engine-thread.js');

async function stored(rows: number): Promise<string> {
  const folder = path.join(makeTempDir(), 'index');
  await using index = await VectorIndex.create({ dim, path: folder });
  await index.add(clipLike(rows, dim, SEED, 0));
  return folder;
}

const messageOf = (worker: Worker) =>
  new Promise<unknown>((resolve, reject) => {
    worker.once('message', resolve);
    worker.once('error', reject);
  });

test('searches while rows are added and removed: sound hits all along, and a sound graph after', async () => {
  console.log(`seed ${SEED}`);
  const base = clipLike(8_000, dim, SEED, 0);
  const queries = clipLike(100, dim, SEED, 1);
  await using index = await VectorIndex.create({ dim });
  await index.add(base.subarray(0, 2_000 * dim));
  let isDone = false;
  const removedFor = new Set<number>();
  const writing = (async () => {
    for (let row = 2_000; row < 8_000; row += 500) {
      await index.add(base.subarray(row * dim, (row + 500) * dim), { threads: 2 });
      await index.remove([row - 1, row - 2]);
      removedFor.add(row - 1).add(row - 2);
    }
    isDone = true;
  })();
  let searches = 0;
  try {
    while (!isDone) {
      const gone = new Set(removedFor);
      const batch = index.searchBatch(queries, 10, { threads: 2 });
      const query = queries.subarray((searches % 100) * dim, ((searches % 100) + 1) * dim);
      const hits = index.search(query, 10);
      assert.is(hits.nodes.length, 10);
      for (const node of [...hits.nodes, ...(await batch).nodes]) {
        assert.ok(node < index.count);
        assert.not.ok(gone.has(node), 'a removed row came back');
      }
      searches++;
    }
  } finally {
    // Otherwise it fails later, on an index that is closed, and takes the process along.
    await writing;
  }
  console.log(`${searches} rounds of searches meanwhile`);
  assert.ok(searches > 3);
  assert.equal((await index.verify()).problems, []);
  assert.ok((await recallOf(index, queries)) > 0.95);
  // Every row that was acknowledged is found by itself.
  const all = await index.searchBatch(base, 1, { efSearch: 100 });
  const missed = Array.from(all.distances).filter(
    (d, row) => d > 1e-5 && index.rowOf(row) !== undefined,
  );
  assert.ok(missed.length <= 8, `${missed.length} of 8000 do not find themselves`);
});

test('many adds at once: each gets its rows without gaps, none is lost', async () => {
  await using index = await VectorIndex.create({ dim: 4, metric: 'euclidean' });
  const results = await Promise.all(
    Array.from({ length: 40 }, (_, i) => index.add(noise(100 + i, 4, i), { threads: 2 })),
  );
  let next = 0;
  for (const [i, { firstRow, rows }] of results.entries()) {
    assert.is(firstRow, next);
    assert.is(rows, 100 + i);
    const all = index.vectors(Array.from({ length: rows }, (_, r) => firstRow + r));
    assert.equal(all, noise(rows, 4, i));
    next += rows;
  }
  assert.is(index.count, next);
});

test('a batch during a rollback returns rows and keys of one moment', async () => {
  await using index = await VectorIndex.create({ dim: 16, metric: 'euclidean' });
  await index.add(noise(1_500, 16, 1));
  const added = noise(100, 16, 2);
  // Many queries, so that the rollback waits for the batch and comes right behind it.
  const queries = Float32Array.from({ length: 40 * added.length }, (_, i) => added[i % 1_600] ?? 0);
  for (let round = 1; round <= 10; round++) {
    const keys = Array.from({ length: 100 }, (_, i) => 10_000 * round + i);
    await index.add(added, { keys });
    const searching = index.searchBatch(queries, 2, { exact: true, threads: 1 });
    const [hits] = await Promise.all([searching, index.rollbackTo(1_500)]);
    for (const [at, node] of hits.nodes.entries())
      assert.is(hits.keys[at], node < 1_500 ? node : keys[node - 1_500]);
  }
});

test('changing arrays after the call has no effect', async () => {
  await using index = await VectorIndex.create({ dim: 4, metric: 'euclidean' });
  const vectors = noise(1_000, 4, 1);
  const adding = index.add(vectors);
  // The first part is copied when its turn in the queue comes, which is not yet: so wait for it.
  await adding;
  const query = vectors.slice(0, 4);
  const filter = new Uint8Array(125).fill(0xff);
  const asking = index.searchAsync(query, 3, { filter });
  query.fill(NaN);
  filter.fill(0);
  structuredClone(query.buffer, { transfer: [query.buffer] });
  const hits = await asking;
  assert.is(hits.keys[0], 0);
  assert.is(hits.distances[0], 0);
  try {
    index.search(query, 3);
    assert.unreachable();
  } catch (error) {
    assert.ok(isLibraryError(error) && error.code === 'ERR_DIM_MISMATCH', 'a detached buffer');
  }
});

test('worker threads open the same folder and give the same answers', async () => {
  const folder = await stored(3_000);
  await using index = await VectorIndex.open(folder);
  const queries = clipLike(200, dim, SEED, 1);
  const expected = Array.from({ length: 200 }, (_, q) =>
    Array.from(index.search(queries.subarray(q * dim, (q + 1) * dim), 5).keys),
  );
  const workers = Array.from(
    { length: 3 },
    () => new Worker(script, { workerData: { folder, mode: 'reader' } }),
  );
  for (const answers of await Promise.all(workers.map(messageOf))) assert.equal(answers, expected);
});

test('terminating a worker during a search affects no other', async () => {
  const folder = await stored(3_000);
  for (let round = 0; round < 8; round++) {
    const worker = new Worker(script, { workerData: { folder, mode: 'endless' } });
    assert.is(await messageOf(worker), 'started');
    await worker.terminate();
  }
  await using index = await VectorIndex.open(folder);
  assert.equal((await index.verify()).problems, []);
});

test('a process can exit with running work and open indexes', async () => {
  const folder = await stored(2_000);
  const engine = path.resolve(__dirname, '../../lib/engine.js');
  const program = `
    const { VectorIndex } = require(${JSON.stringify(engine)});
    (async () => {
      const index = await VectorIndex.open(${JSON.stringify(folder)});
      const vectors = Float32Array.from({ length: 3000 * ${dim} }, (_, i) => Math.sin(i * i));
      index.add(vectors, { keys: Float64Array.from({ length: 3000 }, (_, i) => 5000 + i) });
      index.searchBatch(vectors, 10);
      setImmediate(() => process.exit(7));
    })();`;
  for (let round = 0; round < 5; round++) {
    const { status, signal, stderr } = spawnSync(process.execPath, ['-e', program]);
    assert.is(signal, null, String(stderr));
    assert.is(status, 7, String(stderr));
  }
  await using index = await VectorIndex.open(folder);
  assert.equal((await index.verify()).problems, []);
});

test('close settles with every kind of work under way, and the folder opens again', async () => {
  const folder = await stored(2_000);
  for (let round = 0; round < 5; round++) {
    const index = await VectorIndex.open(folder);
    const queries = clipLike(300, dim, SEED, 2);
    const work = [
      index.searchBatch(queries, 10),
      index.searchBatch(queries, 10, { exact: true }),
      index.add(noise(200, dim, round), {
        keys: Float64Array.from({ length: 200 }, (_, i) => 10_000 + round * 200 + i),
      }),
      index.remove([round]),
      index.verify(),
      index.rollbackTo(2_100 + round),
    ];
    const settled = Promise.allSettled(work);
    await index.close();
    const outcomes = (await settled).map((result) =>
      result.status === 'fulfilled' ? 'done' : (result.reason as { code: string }).code,
    );
    for (const outcome of outcomes) assert.ok(['done', 'ERR_CLOSED'].includes(outcome), outcome);
    assert.is(await codeOf(() => index.searchBatch(queries, 10)), 'ERR_CLOSED');
    await using reopened = await VectorIndex.open(folder, { readOnly: true });
    const [first, last] = [10_000 + round * 200, 10_000 + round * 200 + 199];
    if (outcomes[3] === 'done') assert.is(reopened.rowOf(round), undefined, 'removed');
    if (outcomes[2] === 'done' && outcomes[5] !== 'done')
      assert.type(reopened.rowOf(last), 'number');
    if (outcomes[2] === 'done' && outcomes[5] === 'done') {
      assert.type(reopened.rowOf(first), 'number', 'added, and not rolled back');
      assert.is(reopened.rowOf(last), undefined, 'rolled back');
    }
  }
  await using again = await VectorIndex.open(folder);
  assert.equal((await again.verify()).problems, []);
});

test('building does not block the event loop', async () => {
  await using index = await VectorIndex.create({ dim: 256 });
  const vectors = clipLike(5_000, 256, SEED, 0);
  const delay = monitorEventLoopDelay({ resolution: 5 });
  delay.enable();
  const started = performance.now();
  await index.add(vectors, { threads: 1 });
  const took = performance.now() - started;
  delay.disable();
  const worst = delay.max / 1e6;
  console.log(`linked for ${took.toFixed(0)} ms, longest pause ${worst.toFixed(1)} ms`);
  // The loop is only ever held for the copy of one part (4 MB here); other processes can hold it too.
  assert.ok(worst < Math.max(scaled(100), took / 4), `paused ${worst} ms of ${took}`);
});

test('a collected index frees its memory', async () => {
  const gc = (globalThis as { gc?: () => void }).gc;
  if (gc === undefined) return skip('needs --expose-gc');
  const vectors = noise(4_000, 256, 1);
  const once = async () => {
    const index = await VectorIndex.create({ dim: 256, efConstruction: 20 });
    await index.add(vectors, { threads: 1 });
    await index.close();
  };
  const rss = () => process.memoryUsage.rss() / 2 ** 20;
  for (let i = 0; i < 5; i++) await once();
  gc();
  const before = rss();
  for (let i = 0; i < 30; i++) await once();
  gc();
  const grown = rss() - before;
  // 30 of them hold 150 MB while they are open.
  assert.ok(grown < 60, `30 closed indexes of 5 MB left ${grown.toFixed(0)} MB`);
});

test.run();
