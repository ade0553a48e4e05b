/**
 * Both places for vectors, the embedded engine and PostgreSQL, answer the same cases the same way. The
 * engine in memory is also the oracle of distances.
 */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { EmbeddedVectors } from '../../lib/library/spaces/embedded-vectors';
import { PgVectorStore, type StoreHits, type VectorStore } from '../../lib/stores/vectors';
import { VectorIndex, type Metric } from '../../lib/vectors';
import { startPostgres, type TestPostgres } from '../helpers/embedded-postgres';
import { codeOf } from '../helpers/errors';
import { range } from '../helpers/pgvector';
import { clipLike, noise } from '../helpers/vectors';

const SEED = 20261126;
console.log(`seed ${SEED}`);
const DIM = 32;

type Make = (dim: number, metric?: Metric) => Promise<VectorStore>;

let postgres: TestPostgres | undefined;
let tables = 0;
const PLACES: Readonly<Record<string, Make>> = {
  embedded: async (dim, metric = 'cosine') =>
    new EmbeddedVectors(await VectorIndex.create({ dim, metric })),
  pgvector: async (dim, metric = 'cosine') => {
    const url = process.env.SIGHTLINE_TEST_POSTGRES ?? (postgres ??= await startPostgres()).url;
    const table = `contract_${process.pid}_${tables++}`;
    return PgVectorStore.open({ url, table, dim, metric, model: 'test' });
  },
};

/** Rows `0, step, 2 * step, ...` of `n`. */
function everyNth(n: number, step: number): Uint8Array {
  const bits = new Uint8Array((n + 7) >> 3);
  for (let row = 0; row < n; row += step) bits[row >> 3]! |= 1 << (row & 7);
  return bits;
}

function assertOrdered(hits: StoreHits): void {
  for (let i = 1; i < hits.keys.length; i++) {
    const [a, b] = [hits.distances[i - 1] as number, hits.distances[i] as number];
    assert.ok(a <= b, `distance ${a} before ${b}`);
    if (a === b) assert.ok((hits.keys[i - 1] as number) < (hits.keys[i] as number));
  }
}

for (const [name, make] of Object.entries(PLACES)) {
  const test = suite(name);

  test('what was added is found, with key, row, distance and similarity', async () => {
    await using store = await make(4);
    const vectors = Float32Array.of(1, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 3);
    const added = await store.add(vectors, { keys: [-7, 2 ** 53 - 1, 0] });
    assert.equal(added, { firstRow: 0, rows: 3 });
    const hits = await store.search(Float32Array.of(0, 5, 0, 0), 3);
    assert.is(hits.keys[0], 2 ** 53 - 1);
    assert.is(hits.nodes[0], 1);
    assert.ok(Math.abs(hits.distances[0] as number) < 1e-6);
    assert.ok(Math.abs((hits.similarities[0] as number) - 1) < 1e-6);
    assert.ok(Math.abs((hits.distances[1] as number) - 1) < 1e-6);
    assert.is(store.count, 3);
    assert.is(store.liveCount, 3);
    assert.equal(await store.rowsOf([0, -7, 5]), [2, 0, undefined]);
    assert.equal([...(await store.keys())], [-7, 2 ** 53 - 1, 0]);
    const [unit, none] = await store.get([0, 99]);
    assert.equal([...(unit as Float32Array)], [0, 0, 0, 1]);
    assert.is(none, undefined);
  });

  for (const metric of ['cosine', 'euclidean', 'dot'] as const) {
    test(`${metric}: the engine's exact scan is the oracle`, async () => {
      await using store = await make(DIM, metric);
      await using oracle = await VectorIndex.create({ dim: DIM, metric });
      const rows = noise(400, DIM, SEED);
      await oracle.add(rows);
      await store.add(rows, { keys: range(400) });
      for (let q = 0; q < 5; q++) {
        const query = noise(1, DIM, SEED + 1 + q);
        const truth = oracle.searchExact(query, 20);
        const found = await store.searchExact(query, 20);
        assert.equal([...found.keys], [...truth.keys]);
        found.distances.forEach((d, i) =>
          assert.ok(Math.abs(d - (truth.distances[i] as number)) < 1e-4, `${d}`),
        );
        found.similarities.forEach((s, i) =>
          assert.ok(Math.abs(s - (truth.similarities[i] as number)) < 1e-4, `${s}`),
        );
      }
    });
  }

  test('ties go by the smaller key, a threshold is inclusive, k may exceed what is there', async () => {
    await using store = await make(3, 'euclidean');
    const same = Float32Array.from({ length: 30 * 3 }, () => 1);
    await store.add(same, { keys: range(30) });
    await store.add(Float32Array.of(4, 1, 1), { keys: [100] });
    const query = Float32Array.of(1, 1, 1);
    assert.equal([...(await store.search(query, 10)).keys], range(10));
    assert.equal([...(await store.searchExact(query, 10)).keys], range(10));
    assert.is((await store.search(query, 50)).keys.length, 31);
    assert.is((await store.search(query, 50, { threshold: 3 })).keys.length, 31);
    assert.is((await store.search(query, 50, { threshold: 2.99 })).keys.length, 30);
    assert.is((await store.search(query, 50, { threshold: -1 })).keys.length, 0);
  });

  test('upsert replaces, may be repeated, and remove takes out', async () => {
    await using store = await make(2, 'euclidean');
    await store.add(Float32Array.of(0, 0, 1, 1), { keys: [1, 2] });
    for (let again = 0; again < 2; again++)
      await store.upsert(Float32Array.of(5, 5, 9, 9), { keys: [2, 3] });
    assert.is(store.liveCount, 3);
    const hits = await store.search(Float32Array.of(5, 5), 1);
    assert.is(hits.keys[0], 2);
    assert.is(hits.distances[0], 0);
    assert.is(await store.remove([2, 2, 77]), 1);
    assert.is(await store.remove([2]), 0);
    assert.is(store.liveCount, 2);
    assert.equal([...(await store.search(Float32Array.of(5, 5), 9)).keys].sort(), [1, 3]);
    assert.ok((await store.verify()).ok);
  });

  test('rows count up without gaps and can be rolled back', async () => {
    await using store = await make(2, 'euclidean');
    await store.add(noise(5, 2, SEED), { keys: range(5) });
    await store.remove([4]);
    assert.is((await store.add(noise(3, 2, SEED), { keys: range(3, 10) })).firstRow, 5);
    await store.rollbackTo(6);
    assert.is(store.count, 6);
    assert.is(store.liveCount, 5);
    assert.equal(await store.rowsOf([3, 4, 10, 11]), [3, undefined, 5, undefined]);
    const keys = [...(await store.keys())];
    assert.ok(keys.includes(10) && !keys.includes(4), keys.join());
    assert.is((await store.add(noise(1, 2, SEED), { keys: [11] })).firstRow, 6);
    assert.ok((await store.verify()).ok);
    await store.rollbackTo(0);
    assert.equal([store.count, store.liveCount], [0, 0]);
    assert.is((await store.search(Float32Array.of(1, 1), 5)).keys.length, 0);
    assert.is((await store.add(noise(1, 2, SEED), { keys: [0] })).firstRow, 0);
    await store.refresh();
    assert.equal([store.count, store.liveCount], [1, 1]);
  });

  test('wrong calls have the same codes, and store nothing', async () => {
    await using store = await make(3);
    const good = Float32Array.of(1, 2, 3);
    await store.add(good, { keys: [1] });
    const bad: [string, () => unknown][] = [
      ['ERR_KEY_EXISTS', () => store.add(good, { keys: [1] })],
      ['ERR_KEY_EXISTS', () => store.add(noise(2, 3, 1), { keys: [5, 5] })],
      ['ERR_KEY_EXISTS', () => store.upsert(noise(2, 3, 1), { keys: [5, 5] })],
      ['ERR_DIM_MISMATCH', () => store.add(noise(1, 4, 1), { keys: [5] })],
      ['ERR_VECTOR_INVALID', () => store.add(Float32Array.of(1, NaN, 0), { keys: [5] })],
      ['ERR_VECTOR_INVALID', () => store.add(Float32Array.of(1, Infinity, 0), { keys: [5] })],
      ['ERR_VECTOR_INVALID', () => store.upsert(new Float32Array(3), { keys: [5] })],
      ['ERR_ARG_RANGE', () => store.add(good, { keys: [0.5] })],
      ['ERR_ARG_RANGE', () => store.add(good, { keys: [2 ** 53] })],
      ['ERR_ARG_TYPE', () => store.add(good, { keys: ['1; drop'] as unknown as number[] })],
      ['ERR_DIM_MISMATCH', () => store.search(noise(1, 2, 1), 1)],
      ['ERR_VECTOR_INVALID', () => store.search(new Float32Array(3), 1)],
      ['ERR_ARG_RANGE', () => store.search(good, 0)],
      ['ERR_ARG_RANGE', () => store.search(good, 1.5)],
      ['ERR_ARG_RANGE', () => store.search(good, 1e9)],
      ['ERR_ARG_TYPE', () => store.search(good, '1' as unknown as number)],
      ['ERR_ARG_RANGE', () => store.search(good, 1, { threshold: NaN })],
      ['ERR_ARG_RANGE', () => store.search(good, 1, { efSearch: 0 })],
      ['ERR_ARG_RANGE', () => store.rollbackTo(-1)],
      ['ERR_ABORTED', () => store.add(noise(1, 3, 1), { keys: [5], signal: AbortSignal.abort() })],
    ];
    for (const [i, [code, work]] of bad.entries()) assert.is(await codeOf(work), code, `case ${i}`);
    assert.is(store.liveCount, 1);
    assert.ok((await store.verify()).ok);
    await store.close();
    await store.close();
    assert.is(await codeOf(() => store.search(good, 1)), 'ERR_CLOSED');
    assert.is(await codeOf(() => store.add(good, { keys: [9] })), 'ERR_CLOSED');
  });

  test('10,000 rows: recall, and filters of 50, 10, 1 and 0.1 % that give min(k, matches)', async () => {
    const n = 10_000;
    await using store = await make(DIM);
    const rows = clipLike(n, DIM, SEED, 0);
    await store.add(rows, { keys: range(n, 1000) });
    await store.save();
    assert.is(store.figures().indexedRows, n);
    const queries = clipLike(20, DIM, SEED, 1);
    let hits = 0;
    for (let q = 0; q < 20; q++) {
      const query = queries.subarray(q * DIM, (q + 1) * DIM);
      const truth = await store.searchExact(query, 10);
      const found = await store.search(query, 10, { efSearch: 200 });
      assert.is(found.keys.length, 10);
      assertOrdered(found);
      const limit = (truth.distances[9] as number) + 1e-5;
      hits += found.distances.filter((distance) => distance <= limit).length;
    }
    // Both graphs give 0.98 and more here; a broken one gives far less.
    assert.ok(hits / 200 >= 0.95, `recall ${hits / 200}`);

    for (const step of [2, 10, 100, 1000, n]) {
      const filter = { rows: everyNth(n, step) };
      const matches = n / step;
      for (const k of [10, 100]) {
        const query = queries.subarray(0, DIM);
        const found = await store.search(query, k, { filter });
        assert.is(found.keys.length, Math.min(k, matches), `1 of ${step}, k ${k}`);
        assert.ok(found.nodes.every((row) => row % step === 0));
        assertOrdered(found);
        const exact = await store.searchExact(query, k, { filter });
        assert.is(exact.keys.length, Math.min(k, matches));
      }
    }
    const some = { keys: [1000, 1001, 1017, 5] };
    assert.is((await store.search(queries.subarray(0, DIM), 10, { filter: some })).keys.length, 3);
    const both = { keys: [1000, 1001, 1002], rows: everyNth(n, 2) };
    const found = await store.search(queries.subarray(0, DIM), 10, { filter: both });
    assert.equal([...found.keys].sort(), [1000, 1002]);
    const none = { rows: new Uint8Array(n >> 3) };
    assert.is((await store.search(queries.subarray(0, DIM), 10, { filter: none })).keys.length, 0);
    assert.ok((await store.verify()).ok);
  });

  test.after(async () => {
    if (name === 'pgvector') await postgres?.stop();
  });
  test.run();
}
