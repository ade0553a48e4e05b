/** `tune` and measured recall; 64-bit keys; float16 and int8 input; abort of batches. */
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { VectorIndex } from '../../lib/engine';
import { parseTuning } from '../../lib/vectors/tuning-file';
import { codeOf } from '../helpers/errors';
import { makeTempDir } from '../helpers/temp';
import { clipLike, noise } from '../helpers/vectors';

const SEED = 12;
console.log(`seed ${SEED}`);

test('tune reaches the recall on own rows and on given queries, and keeps efSearch', async () => {
  const dim = 24;
  const folder = path.join(makeTempDir(), 'index');
  // A poor graph of noise, so that the default is far from enough.
  const base = noise(6_000, dim, SEED);
  {
    await using index = await VectorIndex.create({ dim, M: 4, efConstruction: 20, path: folder });
    await index.add(base);
    assert.is(index.stats().efSearch, 50);
    const own = await index.tune({ recall: 0.99, k: 5, sampleQueries: 100 });
    assert.ok(own.isReached && own.recall >= 0.99 && own.efSearch > 50, JSON.stringify(own));
    assert.is(own.queries, 100);
    for (const step of own.steps) {
      if (step.efSearch < own.efSearch)
        assert.ok(step.recall < 0.99, 'the smallest that reached it');
    }
    const given = await index.tune({ recall: 0.8, queries: noise(80, dim, SEED + 1) });
    assert.ok(given.recall >= 0.8 && given.efSearch < own.efSearch);
    assert.is(index.stats().efSearch, given.efSearch);
    assert.equal(index.stats().measured?.recall, given.recall);
    // What a search uses that names none.
    const query = noise(1, dim, SEED + 2);
    assert.equal(index.search(query, 10), index.search(query, 10, { efSearch: given.efSearch }));
  }
  const file = path.join(folder, 'tuning.json');
  const kept = parseTuning(readFileSync(file, 'utf8')).measured;
  await using again = await VectorIndex.open(folder, { readOnly: true });
  assert.is(again.stats().efSearch, kept?.efSearch);
  const report = await again.verify();
  assert.is(report.measured?.efSearch, kept?.efSearch);
  assert.ok((report.measured?.recall ?? 0) > 0.5);
  for (const bad of ['', '{', '[]', 'null', '{"version":2}', `{"version":1,"efSearch":-1}`]) {
    assert.equal(parseTuning(bad), {}, bad);
  }
  writeFileSync(file, 'x'.repeat(10_000));
  await using odd = await VectorIndex.open(folder, { readOnly: true });
  assert.is(odd.stats().efSearch, 50);
});

test('tune refuses wrong arguments and an index without rows', async () => {
  await using index = await VectorIndex.create({ dim: 4 });
  assert.is(await codeOf(index.tune()), 'ERR_NOT_FOUND');
  for (const recall of [0, 1.1, NaN])
    assert.is(await codeOf(index.tune({ recall })), 'ERR_ARG_RANGE');
  assert.is(await codeOf(index.tune({ recall: 'x' as never })), 'ERR_ARG_TYPE');
  assert.is(await codeOf(index.tune({ k: 0 })), 'ERR_ARG_RANGE');
  await index.add(noise(5, 4, SEED));
  await index.remove([1]);
  const report = await index.tune({ recall: 1 });
  assert.is(report.recall, 1);
  assert.is(report.queries, 4);
});

test('keys of 64 bits go in and come out whole; numbers never lie about them', async () => {
  const big = [2n ** 62n + 1n, -(2n ** 63n), 5n];
  const folder = path.join(makeTempDir(), 'index');
  const base = noise(3, 4, SEED);
  {
    await using index = await VectorIndex.create({ dim: 4, metric: 'euclidean', path: folder });
    await index.add(base, { keys: big });
  }
  await using index = await VectorIndex.open(folder);
  for (const [row, key] of big.entries()) {
    const query = base.subarray(row * 4, row * 4 + 4);
    const all = [
      index.search(query, 1, { keys64: true }),
      await index.searchAsync(query, 1, { keys64: true }),
      await index.searchBatch(query, 1, { keys64: true, signal: new AbortController().signal }),
    ];
    for (const { keys64, keys } of all) {
      assert.equal(keys64, BigInt64Array.of(key));
      assert.equal(Array.from(keys), [key === 5n ? 5 : NaN]);
    }
    assert.equal(Array.from(index.search(query, 1).keys), [key === 5n ? 5 : NaN]);
    assert.is(index.rowOf(key), row);
    const only = index.search(query, 3, { filter: BigInt64Array.of(key), keys64: true });
    assert.equal(only.keys64, BigInt64Array.of(key));
  }
  assert.equal(index.keys64Of([0, 1, 2]), BigInt64Array.from(big));
  assert.equal(Array.from(index.keysOf([0, 1, 2])), [NaN, NaN, 5]);
  await index.update([big[0] as bigint], noise(1, 4, 9));
  assert.is(index.rowOf(big[0] as bigint), 3);
  const batch = await index.searchBatch(base.subarray(0, 8), 5, { keys64: true });
  assert.ok(Number.isNaN(batch.keys[4]), 'unused places');
  assert.is(await index.remove(BigInt64Array.of(-(2n ** 63n))), 1);
});

test('float16 bits and int8 are the numbers they stand for', async () => {
  const halves: [number, number][] = [
    [0x0000, 0],
    [0x0001, 2 ** -24],
    [0x03ff, 1023 * 2 ** -24],
    [0x0400, 2 ** -14],
    [0x3555, 0.333251953125],
    [0x3c00, 1],
    [0xc000, -2],
    [0x7bff, 65504],
  ];
  const dim = halves.length;
  await using index = await VectorIndex.create({ dim, metric: 'euclidean' });
  const bits = Uint16Array.from(halves, ([half]) => half);
  await index.add(bits);
  assert.equal(
    index.vectors([0]),
    Float32Array.from(halves, ([, value]) => value),
  );
  assert.equal(index.search(bits, 1).distances, Float32Array.of(0));
  const bytes = Int8Array.of(-128, 127, 0, 1, 2, 3, 4, 5);
  await index.update([0], bytes);
  assert.equal(index.vectors([1]), Float32Array.from(bytes));
  assert.equal((await index.searchBatch(bytes, 1)).distances, Float32Array.of(0));
  assert.is(
    await codeOf(index.add(Uint16Array.from({ length: dim }, () => 0x7e00))),
    'ERR_VECTOR_INVALID',
  );
  assert.is(await codeOf(index.add(new Uint8Array(dim) as never)), 'ERR_ARG_TYPE');
});

test('a batch with a signal gives what one without gives, reports, and stops', async () => {
  const dim = 16;
  await using index = await VectorIndex.create({ dim });
  await index.add(clipLike(2_000, dim, SEED, 0));
  const queries = clipLike(700, dim, SEED, 1);
  const seen: number[] = [];
  const whole = await index.searchBatch(queries, 3);
  const parts = await index.searchBatch(queries, 3, { onProgress: (done) => seen.push(done) });
  assert.equal(parts, whole);
  assert.equal(seen, [256, 512, 700]);
  const stop = new AbortController();
  const stopped = index.searchBatch(queries, 3, {
    signal: stop.signal,
    onProgress: () => stop.abort(new Error('enough')),
  });
  assert.is(await codeOf(stopped), 'ERR_ABORTED');
});

test.run();
