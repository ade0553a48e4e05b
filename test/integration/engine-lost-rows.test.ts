/** Rows find themselves: where links hide rows, the index searches for all of them and links the lost. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { VectorIndex, type Storage } from '../../lib/engine';
import { rounds } from '../helpers/campaign';
import { normalOf, randomOf } from '../helpers/vectors';

/** Codes are made for 4,096 and more. */
const ROWS = rounds(6_000, 10_000);
const AT_MOST = ROWS / 1000;
/** Independent values: nobody's neighbors are near, and graphs have rows to which few others link. */
const DIM = 128;

function independent(seed: number): Float32Array {
  const random = randomOf(seed);
  return Float32Array.from({ length: ROWS * DIM }, () => normalOf(random));
}

/** Cluster after cluster, as frames of one scene after another. */
function clusters(seed: number, dim: number, count = 100, spread = 0.15): Float32Array {
  const random = randomOf(seed);
  const centres = Float32Array.from({ length: count * dim }, () => normalOf(random));
  return Float32Array.from({ length: ROWS * dim }, (_, i) => {
    const cluster = Math.floor((Math.floor(i / dim) * count) / ROWS);
    return (centres[cluster * dim + (i % dim)] ?? 0) + spread * normalOf(random);
  });
}

async function lostOf(index: VectorIndex, rows: Float32Array): Promise<number> {
  const { distances } = await index.searchBatch(rows, 1, { efSearch: 64 });
  return distances.filter((distance) => !(distance < 1e-4)).length;
}

const STORAGES: Storage[] = ['f32', 'i4'];
for (const storage of STORAGES) {
  test(`${storage}: rows of independent values, and clusters in order, find themselves`, async () => {
    for (const [rows, dim] of [
      [independent(3), DIM],
      [clusters(4, 64), 64],
    ] as const) {
      await using index = await VectorIndex.create({ dim, metric: 'euclidean', storage });
      await index.add(rows);
      const lost = await lostOf(index, rows);
      console.log(`${storage}, ${dim} dimensions: ${lost} of ${ROWS} lost`);
      assert.ok(lost <= AT_MOST, `${lost} lost`);
    }
  });
}

test('groups of rows that link to each other are found, however threads happened to link them', async () => {
  for (let round = 0; round < rounds(2, 40); round += 1) {
    const rows = clusters(9 + round, 64, 5, 0.02);
    await using index = await VectorIndex.create({ dim: 64, metric: 'euclidean', storage: 'i4' });
    await index.add(rows);
    const lost = await lostOf(index, rows);
    assert.ok(lost <= AT_MOST, `round ${round}: ${lost} lost`);
  }
});

test('an add that is aborted ends soon, and what it left is linked by the next save', async () => {
  const rows = independent(5);
  await using index = await VectorIndex.create({ dim: DIM, metric: 'euclidean' });
  const stop = new AbortController();
  const code = await index
    .add(rows, { signal: stop.signal, onProgress: () => stop.abort() })
    .catch((error: { code?: string }) => error.code);
  assert.is(code, 'ERR_ABORTED');
  assert.ok(index.count > 0 && index.count < ROWS);
  const kept = rows.subarray(0, index.count * DIM);
  await index.save();
  assert.ok((await lostOf(index, kept)) <= index.count / 1000);
  assert.equal((await index.verify()).problems, []);
});

test.run();
