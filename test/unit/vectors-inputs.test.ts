/** Arrays where typed arrays are taken, and `openOrCreate`. */
import path from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { VectorIndex } from '../../lib/engine';
import { codeOf, errorOf } from '../helpers/errors';
import { makeTempDir } from '../helpers/temp';
import { noise } from '../helpers/vectors';

const SEED = 51;
const DIM = 4;
console.log(`seed ${SEED}`);

test('arrays of numbers and arrays of arrays are the same vectors as one Float32Array', async () => {
  const flat = noise(6, DIM, SEED);
  const rows = Array.from({ length: 6 }, (_, i) => flat.slice(i * DIM, (i + 1) * DIM));
  const inputs = [
    flat,
    Float64Array.from(flat),
    rows,
    rows.map((row) => Array.from(row)),
    rows.map((row) => Float64Array.from(row)),
    rows.map((row, i) => (i % 2 === 0 ? Array.from(row) : row)),
  ];
  for (const input of inputs) {
    await using index = await VectorIndex.create({ dim: DIM, metric: 'euclidean' });
    await index.add(input);
    assert.equal(index.vectors([0, 1, 2, 3, 4, 5]), flat);
    assert.is(index.search(Array.from(rows[4] as Float32Array), 1).nodes[0], 4);
    assert.is((await index.searchAsync(Float64Array.from(flat.slice(8, 12)), 1)).nodes[0], 2);
    assert.equal((await index.searchBatch(input, 1)).nodes, Uint32Array.of(0, 1, 2, 3, 4, 5));
    await index.update([0], [1, 2, 3, 4]);
    assert.equal(index.vectors([6]), Float32Array.of(1, 2, 3, 4));
    await index.update([1, 2], [Int8Array.of(1, 2, 3, 4), [5, 6, 7, 8]]);
    assert.equal(index.vectors([7, 8]), Float32Array.of(1, 2, 3, 4, 5, 6, 7, 8));
    await index.add([]);
    assert.is(index.count, 9);
    await index.tune({ queries: [[1, 2, 3, 4]], k: 1 });
  }
});

test('a wrong shape, a hole and a value that is no number are refused, and named', async () => {
  await using index = await VectorIndex.create({ dim: DIM, metric: 'euclidean' });
  const add = (input: unknown) => errorOf(() => index.add(input as Float32Array));
  const ragged = await add([
    [1, 2, 3, 4],
    [1, 2, 3],
  ]);
  assert.is(ragged.code, 'ERR_DIM_MISMATCH');
  assert.match(ragged.message, /vectors\[1\]/);
  assert.is((await add([1, 2, 3])).code, 'ERR_DIM_MISMATCH');
  assert.is((await add([1, 2, 3, 4, 5, 6, 7, 8])).code, 'ERR_DIM_MISMATCH');
  assert.match((await add([[1, 2, '3', 4]])).message, /vectors\[0\]\[2\]/);
  for (const bad of [
    [[1, 2, undefined, 4]],
    [[[1, 2, 3, 4]]],
    [null],
    new Array(4),
    [1, 2, 3, '4'],
    [1, [2], 3, 4],
    [[1, 2n, 3, 4]],
  ]) {
    assert.is((await add(bad)).code, 'ERR_ARG_TYPE');
  }
  for (const bad of [[1, NaN, 3, 4], [[1, 2, 3, 1e300]]]) {
    assert.is((await add(bad)).code, 'ERR_VECTOR_INVALID');
  }
  assert.is(index.count, 0);
  assert.is(await codeOf(() => index.search([[1, 2, 3, 4]] as never, 1)), 'ERR_ARG_TYPE');
  assert.is(await codeOf(() => index.search([1, 2, 3], 1)), 'ERR_DIM_MISMATCH');
});

test('openOrCreate creates, opens, and refuses options that the index does not have', async () => {
  const folder = path.join(makeTempDir(), 'index');
  const options = { path: folder, dim: DIM, metric: 'euclidean', M: 8, label: 'model' } as const;
  {
    await using index = await VectorIndex.openOrCreate(options);
    await index.add(noise(3, DIM, SEED));
    assert.is(await codeOf(() => VectorIndex.openOrCreate(options)), 'ERR_FILE_LOCKED');
  }
  {
    await using index = await VectorIndex.openOrCreate({ ...options, threads: 1 });
    assert.is(index.count, 3);
  }
  const codes: Record<string, string> = {};
  const wrong = {
    dim: { dim: 5 },
    metric: { metric: 'cosine' },
    M: { M: 9 },
    seed: { seed: 1 },
    label: { label: 'other' },
    keyType: { keyType: 'string' },
    unknown: { dims: 4 },
    path: { path: '' },
  };
  for (const [name, other] of Object.entries(wrong)) {
    codes[name] = await codeOf(() => VectorIndex.openOrCreate({ ...options, ...other } as never));
  }
  assert.equal(codes, {
    dim: 'ERR_DIM_MISMATCH',
    metric: 'ERR_ARG_RANGE',
    M: 'ERR_ARG_RANGE',
    seed: 'ERR_ARG_RANGE',
    label: 'ERR_MODEL_MISMATCH',
    keyType: 'ERR_ARG_TYPE',
    unknown: 'ERR_ARG_TYPE',
    path: 'ERR_ARG_RANGE',
  });
  // Defaults are told from what is there, too: distances would mean something else.
  const plain = { path: folder, dim: DIM };
  assert.is(await codeOf(() => VectorIndex.openOrCreate(plain)), 'ERR_ARG_RANGE');
  // None of the refused attempts kept the lock.
  await (await VectorIndex.openOrCreate(options)).close();
  const memory = { dim: DIM } as typeof plain;
  assert.is(await codeOf(() => VectorIndex.openOrCreate(memory)), 'ERR_ARG_TYPE');
});

test('of many that open or create one folder at once, one gets it and the others are told it is locked', async () => {
  const folder = path.join(makeTempDir(), 'index');
  const all = await Promise.allSettled(
    Array.from({ length: 8 }, () => VectorIndex.openOrCreate({ path: folder, dim: DIM })),
  );
  const opened = all.filter((one) => one.status === 'fulfilled');
  assert.is(opened.length, 1);
  for (const one of all) {
    if (one.status === 'rejected')
      assert.is((one.reason as { code: string }).code, 'ERR_FILE_LOCKED');
  }
  await opened[0]?.value.close();
});

test.run();
