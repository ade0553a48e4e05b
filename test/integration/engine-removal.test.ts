/** Removed, replaced and copied rows: none may hide a live one, make searches worse, or stay in the way. */
import path from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { VectorIndex, type Metric, type Storage } from '../../lib/engine';
import { recallOf } from '../helpers/recall';
import { makeTempDir } from '../helpers/temp';
import { clipLike, noise, randomOf } from '../helpers/vectors';

const SEED = 20_261_128;
const STORAGES: readonly Storage[] = ['f32', 'f16', 'i8', 'i4', 'inline'];
const METRICS: readonly Metric[] = ['cosine', 'euclidean', 'dot'];
console.log(`seed ${SEED}`);

/** The background takes removed rows out between writes; each of these is one. */
async function untilUnlinked(index: VectorIndex): Promise<void> {
  const due = () => index.stats().removedInGraph * 8 >= Math.max(index.liveCount, 512);
  for (let turn = 0; due(); turn++) {
    assert.ok(turn < 10_000, `${index.stats().removedInGraph} removed rows stay in the graph`);
    await index.update([], new Float32Array(0));
  }
}

/** Each vector `times` times, one after the other. */
function repeated(vectors: Float32Array, dim: number, times: number): Float32Array {
  const out = new Float32Array(vectors.length * times);
  for (let at = 0, row = 0; row < vectors.length / dim; row++) {
    for (let i = 0; i < times; i++, at += dim)
      out.set(vectors.subarray(row * dim, (row + 1) * dim), at);
  }
  return out;
}

test('a row that was written again and again is found at any k, efSearch and filter', async () => {
  const dim = 24;
  const n = 4_200;
  const base = noise(n, dim, SEED);
  for (const [i, storage] of STORAGES.entries()) {
    const metric = METRICS[i % 2] as Metric;
    await using index = await VectorIndex.create({ dim, metric, storage });
    await index.add(base);
    for (const [key, times] of [
      [7, 30],
      [11, 300],
    ] as const) {
      const vector = base.slice(key * dim, (key + 1) * dim);
      for (let t = 0; t < times; t++) {
        if (t % 2 === 0) await index.update([key], vector);
        else {
          await index.remove([key]);
          await index.add(vector, { keys: [key] });
        }
      }
      for (const k of [1, 5, 10, 50]) {
        for (const efSearch of [1, 10, 50, 500]) {
          for (const filter of [undefined, () => true, (other: number) => other % 2 === 1]) {
            const hits = index.search(vector, k, { efSearch, ...(filter && { filter }) });
            assert.is(
              hits.keys[0],
              key,
              `${storage} ${metric} ${times} times, k ${k}, efSearch ${efSearch}`,
            );
            assert.is(hits.keys.length, k);
          }
        }
      }
    }
    const report = await index.verify();
    assert.equal(report.problems, []);
  }
});

test('of many equal rows those that live are found, whichever were removed', async () => {
  const dim = 24;
  const n = 4_200;
  const base = noise(n, dim, SEED + 1);
  const picture = base.slice(7 * dim, 8 * dim);
  const random = randomOf(SEED);
  const choices = {
    first: (keys: number[]) => keys,
    last: (keys: number[]) => [...keys].reverse(),
    some: (keys: number[]) =>
      keys
        .map((key) => [random(), key] as const)
        .sort((a, b) => a[0] - b[0])
        .map(([, key]) => key),
  };
  for (const storage of ['f32', 'i4', 'inline'] as const) {
    for (const [copies, gone] of [
      [24, 12],
      [90, 60],
      [400, 360],
    ] as const) {
      for (const [name, order] of Object.entries(choices)) {
        await using index = await VectorIndex.create({ dim, metric: 'euclidean', storage });
        await index.add(base);
        const keys = Array.from({ length: copies }, (_, i) => 100_000 + i);
        await index.add(repeated(picture, dim, copies), { keys });
        await index.remove(order(keys).slice(0, gone));
        const hits = index.search(picture, 10);
        assert.is(
          hits.distances.filter((d) => d === 0).length,
          10,
          `${storage}: ${name} ${gone} of ${copies}`,
        );
      }
    }
  }
});

test('after rounds of removing a fifth and adding as many, recall is that of a fresh graph', async () => {
  const dim = 32;
  const n = 5_000;
  const rounds = 6;
  const pool = clipLike(n * 3, dim, SEED + 2, 0);
  const queries = clipLike(200, dim, SEED + 2, 1);
  for (const storage of STORAGES) {
    await using index = await VectorIndex.create({ dim, storage });
    await index.add(pool.subarray(0, n * dim));
    const random = randomOf(SEED + 3);
    let next = n;
    for (let round = 0; round < rounds; round++) {
      const keys: number[] = [];
      for (const key of index.keysOf(Uint32Array.from({ length: index.count }, (_, row) => row))) {
        if (index.rowOf(key) !== undefined && random() < 0.2) keys.push(key);
      }
      const gone = await index.remove(
        new Set(keys).size === keys.length ? keys : [...new Set(keys)],
      );
      await index.add(pool.subarray(next * dim, (next + gone) * dim), {
        keys: Array.from({ length: gone }, (_, i) => next + i),
      });
      next += gone;
      // Half of the time with removed rows still in the graph.
      if (round % 2 === 1) await untilUnlinked(index);
    }
    const rows = Uint32Array.from({ length: index.count }, (_, row) => row);
    const keys = index.keysOf(rows);
    const live = rows.filter((row) => index.rowOf(keys[row] as number) === row);
    assert.is(live.length, index.liveCount);
    await using fresh = await VectorIndex.create({ dim, storage });
    await fresh.add(index.vectors(live));
    const efSearch = 24;
    const before = await recallOf(index, queries, { efSearch });
    await untilUnlinked(index);
    await index.warm();
    await fresh.warm();
    const after = await recallOf(index, queries, { efSearch });
    const wanted = await recallOf(fresh, queries, { efSearch });
    console.log(
      `${storage}: recall@10 ${before.toFixed(3)}, mended ${after.toFixed(3)}, fresh ${wanted.toFixed(3)}`,
    );
    assert.ok(
      Math.min(before, after) > wanted - 0.01,
      `${storage}: ${before} and ${after}, fresh ${wanted}`,
    );
    const report = await index.verify();
    assert.equal(report.problems, []);
  }
});

test('removed rows leave the graph, and stay out of it when it is opened again', async () => {
  const dim = 16;
  const n = 3_000;
  const base = noise(n, dim, SEED + 4);
  const folder = path.join(makeTempDir(), 'index');
  const index = await VectorIndex.create({ dim, metric: 'euclidean', path: folder });
  await index.add(base);
  await index.remove(Array.from({ length: 2_000 }, (_, i) => i));
  await untilUnlinked(index);
  // One is the entry point still if no live row has its level.
  assert.ok(index.stats().removedInGraph <= 1);
  await index.close();
  for (const readOnly of [true, false]) {
    await using again = await VectorIndex.open(folder, { readOnly });
    assert.ok(again.stats().removedInGraph <= 1);
    assert.is(again.stats().graphProblem, undefined);
    assert.equal((await again.verify()).problems, []);
    for (let row = 2_000; row < n; row += 10) {
      assert.is(again.search(base.subarray(row * dim, (row + 1) * dim), 1).nodes[0], row);
    }
  }
});

test('an index whose rows are all removed can be filled again, also when it was opened meanwhile', async () => {
  const dim = 8;
  const n = 2_500;
  const folder = path.join(makeTempDir(), 'index');
  let index = await VectorIndex.create({ dim, metric: 'euclidean', path: folder, M: 4 });
  for (let round = 0; round < 3; round++) {
    const base = noise(n, dim, SEED + 5 + round);
    const { firstRow } = await index.add(base);
    assert.equal((await index.verify()).problems, [], `filled, round ${round}`);
    for (let row = 0; row < n; row += 25) {
      const hits = index.search(base.subarray(row * dim, (row + 1) * dim), 1, { efSearch: 100 });
      assert.is(hits.nodes[0], firstRow + row);
    }
    await index.remove(Array.from({ length: n }, (_, i) => firstRow + i));
    assert.is(index.search(base.subarray(0, dim), 5).keys.length, 0);
    if (round === 1) await untilUnlinked(index);
    assert.equal((await index.verify()).problems, [], `emptied, round ${round}`);
    await index.close();
    index = await VectorIndex.open(folder);
  }
  await index.close();
});

test('no cosine similarity lies outside -1 and 1, nor a distance outside 0 and 2', async () => {
  for (const dim of [1, 2, 3, 7, 64, 129, 768]) {
    for (const square of [1 - 9e-7, 1 - 3e-7, 1 + 4e-7, 1 + 9e-7, 4]) {
      const n = 40;
      const rows = noise(n, dim, SEED + dim);
      for (let row = 0; row < n; row++) {
        const vector = rows.subarray(row * dim, (row + 1) * dim);
        const scale = Math.sqrt(square) / Math.hypot(...vector);
        for (let d = 0; d < dim; d++) (vector[d] as number) *= scale;
      }
      await using index = await VectorIndex.create({ dim });
      await index.add(rows.subarray(0, 20 * dim));
      await index.add(rows.subarray(20 * dim));
      await index.update([3, 5], rows.slice(30 * dim, 32 * dim));
      const both = Float32Array.from([...rows, ...rows.map((value) => -value)]);
      const found = [
        await index.searchBatch(both, n),
        await index.searchBatch(both, n, { exact: true }),
        index.search(both.subarray(0, dim), n),
        index.searchExact(both.subarray(n * dim, (n + 1) * dim), n, { filter: () => true }),
      ];
      for (const { similarities, distances } of found) {
        assert.ok(similarities.every((value) => value >= -1 && value <= 1));
        assert.ok(distances.every((value) => value >= 0 && value <= 2));
      }
    }
  }
});

test.run();
