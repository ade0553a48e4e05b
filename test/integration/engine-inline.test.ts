/** `storage: 'inline'`: the walk on codes beside the links, through everything that changes an index. */
import path from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { VectorIndex, type Metric } from '../../lib/engine';
import { recallOf } from '../helpers/recall';
import { makeTempDir } from '../helpers/temp';
import { clipLike, noise } from '../helpers/vectors';

const SEED = 20_261_125;
console.log(`seed ${SEED}`);

async function assertSame(index: VectorIndex, queries: Float32Array): Promise<void> {
  // What the walk returns has the distances the scan gives, to the bit.
  for (let q = 0; q < 20; q++) {
    const query = queries.subarray(q * index.dim, (q + 1) * index.dim);
    const found = index.search(query, 10);
    const exact = index.searchExact(query, 200);
    for (const [i, node] of found.nodes.entries()) {
      const at = exact.nodes.indexOf(node);
      if (at >= 0) assert.is(found.distances[i], exact.distances[at]);
    }
  }
}

test('recall and exact distances, for every metric', async () => {
  const dim = 96;
  for (const metric of ['cosine', 'euclidean', 'dot'] as Metric[]) {
    await using index = await VectorIndex.create({ dim, metric, storage: 'inline' });
    await index.add(clipLike(6_000, dim, SEED, 0));
    assert.is(index.stats().storage, 'inline');
    assert.ok(index.stats().walksOnCodes);
    const queries = clipLike(200, dim, SEED, 1);
    const recall = await recallOf(index, queries);
    console.log(`${metric}: recall@10 ${recall.toFixed(4)} at the default efSearch`);
    // Measured 0.97 and more; below the floor something is broken, not unlucky.
    assert.ok(recall > 0.95, `${metric}: recall ${recall}`);
    await assertSame(index, queries);
  }
});

test('odd dimensions and few links', async () => {
  for (const [dim, M] of [
    [1, 4],
    [7, 2],
    [33, 16],
    [130, 24],
  ] as const) {
    await using index = await VectorIndex.create({
      dim,
      M,
      metric: 'euclidean',
      storage: 'inline',
    });
    const rows = noise(3_000, dim, SEED);
    await index.add(rows);
    // 3,000 numbers between -1 and 1 are copies of each other as far as codes can tell. In more
    // dimensions the index measures whether codes find what rows do, and both are right.
    if (dim === 1) assert.is(index.stats().walksOnCodes, false);
    let own = 0;
    for (let row = 0; row < 200; row++) {
      const hits = index.search(rows.subarray(row * dim, (row + 1) * dim), 10, { efSearch: 200 });
      assert.is(hits.nodes.length, 10);
      if (hits.nodes.includes(row)) own++;
    }
    // With 2 links a level a few rows are hard to reach for any walk.
    assert.ok(own >= (M === 2 ? 150 : 198), `dim ${dim}: ${own} of 200 found themselves`);
  }
});

test('many results, more than the candidate list would hold twice', async () => {
  const dim = 64;
  await using index = await VectorIndex.create({ dim, storage: 'inline' });
  await index.add(clipLike(5_000, dim, SEED, 0));
  const queries = clipLike(20, dim, SEED, 1);
  for (const k of [1, 100, 500]) {
    const recall = await recallOf(index, queries, { k });
    console.log(`k ${k}: recall ${recall.toFixed(4)}`);
    assert.ok(recall > 0.93, `k ${k}: recall ${recall}`);
  }
});

test('add, update, remove, rollback, compact and a reopened folder', async () => {
  const dim = 64;
  const folder = path.join(makeTempDir(), 'index');
  const rows = clipLike(8_000, dim, SEED, 0);
  const queries = clipLike(100, dim, SEED, 1);
  const index = await VectorIndex.create({ dim, path: folder, storage: 'inline' });
  await index.add(rows.subarray(0, 6_000 * dim));
  // One at a time: found at once, codes follow in their own time.
  for (let row = 6_000; row < 6_050; row++) {
    const vector = rows.subarray(row * dim, (row + 1) * dim);
    await index.add(vector);
    assert.is(index.search(vector, 1).nodes[0], row);
  }
  await index.add(rows.subarray(6_050 * dim));
  assert.ok((await recallOf(index, queries)) > 0.95, 'after adds');
  const gone = Array.from({ length: 1_600 }, (_, i) => i * 5);
  await index.remove(gone);
  assert.ok((await recallOf(index, queries)) > 0.95, 'after removals');
  for (const node of index.search(queries.subarray(0, dim), 100).nodes) assert.ok(node % 5 !== 0);
  const keys = Array.from({ length: 500 }, (_, i) => i * 5 + 1);
  await index.update(keys, clipLike(500, dim, SEED, 2));
  assert.ok((await recallOf(index, queries)) > 0.95, 'after an update');
  await index.rollbackTo(8_200);
  assert.ok((await recallOf(index, queries)) > 0.95, 'after a rollback');
  await index.compact();
  assert.is(index.count, index.liveCount);
  assert.ok(index.stats().walksOnCodes);
  assert.ok((await recallOf(index, queries)) > 0.95, 'after a compaction');
  assert.equal((await index.verify()).problems, []);
  await index.close();

  // The folder remembers; the codes come with use, or when asked for.
  await using again = await VectorIndex.open(folder, { readOnly: true });
  assert.is(again.stats().storage, 'inline');
  assert.not(again.stats().walksOnCodes);
  assert.ok((await recallOf(again, queries)) > 0.95, 'before the codes');
  await again.warm();
  assert.ok(again.stats().walksOnCodes);
  assert.ok((await recallOf(again, queries)) > 0.95, 'reopened');
  await assertSame(again, queries);
  await using other = await VectorIndex.open(folder, { readOnly: true, storage: 'f32' });
  await other.warm();
  assert.not(other.stats().walksOnCodes);
});

test('an opened index that is used makes its codes by itself', async () => {
  const dim = 32;
  const folder = path.join(makeTempDir(), 'index');
  {
    await using index = await VectorIndex.create({ dim, path: folder, storage: 'inline' });
    await index.add(clipLike(3_000, dim, SEED, 0));
  }
  await using again = await VectorIndex.open(folder, { readOnly: true });
  const query = clipLike(1, dim, SEED, 1);
  for (let i = 0; i < 300; i++) again.search(query, 10);
  // Behind what the searches started: writers go one after another.
  await again.tune({ sampleQueries: 1 });
  assert.ok(again.stats().walksOnCodes);
});

test('a filter gives exactly k at every share of rows', async () => {
  const dim = 64;
  await using index = await VectorIndex.create({ dim, storage: 'inline' });
  const count = 20_000;
  await index.add(clipLike(count, dim, SEED, 0));
  const queries = clipLike(50, dim, SEED, 1);
  for (const every of [2, 4, 8, 20, 100, 5_000]) {
    const filter = index.compileFilter((key) => (key as number) % every === 0);
    const matches = Math.ceil(count / every);
    let hits = 0;
    let wanted = 0;
    for (let q = 0; q < 50; q++) {
      const query = queries.subarray(q * dim, (q + 1) * dim);
      const found = index.search(query, 10, { filter });
      const exact = index.searchExact(query, 10, { filter });
      assert.is(found.nodes.length, Math.min(10, matches));
      for (const node of found.nodes) assert.is(node % every, 0);
      const limit = (exact.distances.at(-1) as number) + 1e-5;
      hits += found.distances.filter((distance) => distance <= limit).length;
      wanted += exact.nodes.length;
    }
    console.log(`1 of ${every}: recall@10 ${(hits / wanted).toFixed(3)}`);
    assert.ok(hits / wanted > 0.95, `1 of ${every}: ${hits / wanted}`);
  }
});

test('copies of one picture do not hide the others', async () => {
  const dim = 64;
  const scenes = clipLike(200, dim, SEED, 0);
  const rows = new Float32Array(200 * 30 * dim);
  for (let i = 0; i < 200 * 30; i++) {
    rows.set(scenes.subarray((i % 200) * dim, ((i % 200) + 1) * dim), i * dim);
  }
  await using index = await VectorIndex.create({ dim, storage: 'inline' });
  await index.add(rows);
  const recall = await recallOf(index, clipLike(100, dim, SEED, 1));
  console.log(`200 pictures 30 times over: recall@10 ${recall.toFixed(4)}`);
  assert.ok(recall > 0.95, `recall ${recall}`);
});

test.run();
