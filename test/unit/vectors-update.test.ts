/** `update`: new vectors for keys, in one commit; and what is left of the old ones. */
import path from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { VectorIndex } from '../../lib/engine';
import { codeOf } from '../helpers/errors';
import { makeTempDir } from '../helpers/temp';
import { recallOf } from '../helpers/recall';
import { clipLike, noise } from '../helpers/vectors';

const SEED = 31;
console.log(`seed ${SEED}`);

test('a key has its new vector, in memory, in a folder and after opening again', async () => {
  const dim = 8;
  const folder = path.join(makeTempDir(), 'index');
  const base = noise(100, dim, SEED);
  const fresh = noise(2, dim, SEED + 1);
  const check = (index: VectorIndex): void => {
    assert.is(index.count, 102);
    assert.is(index.liveCount, 100);
    assert.is(index.rowOf(7), 101);
    assert.is(index.rowOf(50), 100);
    assert.equal(index.search(fresh.subarray(0, dim), 1).keys, Float64Array.of(50));
    assert.equal(index.search(fresh.subarray(dim), 1).keys, Float64Array.of(7));
    const keys = index.search(base.subarray(7 * dim, 8 * dim), 100).keys;
    assert.is(new Set(keys).size, 100, 'every key once');
  };
  for (const where of [undefined, folder]) {
    await using index = await VectorIndex.create({
      dim,
      metric: 'euclidean',
      ...(where === undefined ? {} : { path: where }),
    });
    await index.add(base);
    assert.equal(await index.update([50, 7], fresh), { firstRow: 100, rows: 2 });
    check(index);
    assert.equal((await index.verify()).problems, []);
  }
  for (const readOnly of [true, false]) {
    await using again = await VectorIndex.open(folder, { readOnly });
    check(again);
    assert.equal((await again.verify()).problems, []);
  }
});

test('a key that is not there, stands twice or has a bad vector changes nothing', async () => {
  const dim = 4;
  await using index = await VectorIndex.create({ dim, metric: 'euclidean' });
  await index.add(noise(10, dim, SEED));
  const two = noise(2, dim, SEED + 1);
  assert.is(await codeOf(() => index.update([3, 77], two)), 'ERR_NOT_FOUND');
  assert.is(await codeOf(() => index.update([3, 3], two)), 'ERR_KEY_EXISTS');
  assert.is(await codeOf(() => index.update([3], two)), 'ERR_DIM_MISMATCH');
  const nan = Float32Array.of(1, 2, 3, 4, 1, NaN, 1, 1);
  assert.is(await codeOf(() => index.update([3, 4], nan)), 'ERR_VECTOR_INVALID');
  // Larger than one commit: the last key is looked at before the first is written.
  const many = Array.from({ length: 5_000 }, (_, i) => i);
  const vectors = noise(5_000, dim, SEED + 2);
  assert.is(await codeOf(() => index.update(many, vectors)), 'ERR_NOT_FOUND');
  assert.is(index.count, 10);
  await index.update(many, vectors, { insertMissing: true });
  assert.is(index.count, 5_010);
  assert.is(index.liveCount, 5_000);
  assert.is(await codeOf(() => index.update(many, vectors)), 'ok');
});

test('searches beside updates see every key exactly once, with its old vector or its new one', async () => {
  const dim = 16;
  const keys = Float64Array.from({ length: 1_500 }, (_, i) => i);
  await using index = await VectorIndex.create({ dim });
  await index.add(clipLike(1_500, dim, SEED, 0), { keys });
  let isDone = false;
  const writing = (async () => {
    for (let round = 1; round <= 6; round++) {
      await index.update(keys, clipLike(1_500, dim, SEED, round), { threads: 1 });
    }
    isDone = true;
  })();
  const queries = clipLike(4, dim, SEED, 99);
  let searches = 0;
  while (!isDone) {
    const { keys: found, counts } = await index.searchBatch(queries, 1_500, { exact: true });
    for (let q = 0; q < 4; q++) {
      assert.is(counts[q], 1_500);
      assert.is(new Set(found.subarray(q * 1_500, (q + 1) * 1_500)).size, 1_500);
    }
    searches++;
  }
  await writing;
  assert.ok(searches >= 3, `${searches} searches ran meanwhile`);
});

test('recall stays when most rows were replaced', async () => {
  const dim = 32;
  const n = 3_000;
  const keys = Float64Array.from({ length: n }, (_, i) => i);
  await using index = await VectorIndex.create({ dim });
  await index.add(clipLike(n, dim, SEED, 0), { keys });
  await index.update(keys.subarray(0, 2_000), clipLike(2_000, dim, SEED, 2));
  assert.is(index.liveCount, n);
  assert.ok((await recallOf(index, clipLike(100, dim, SEED, 3), { efSearch: 100 })) > 0.95);
});

test.run();
