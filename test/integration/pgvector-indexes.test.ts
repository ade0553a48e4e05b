/** Indexes side by side: which one answers, with which parameters, and what happens to those not asked for. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { codeOf } from '../helpers/errors';
import { range, usePostgres } from '../helpers/pgvector';
import { clipLike } from '../helpers/vectors';
import type { PgVectorStore } from '../../lib/stores/vectors';

const SEED = 20261128;
console.log(`seed ${SEED}`);
const { openStore, sql } = usePostgres(test);
const N = 5000;
const DIM = 24;

async function recall(store: PgVectorStore): Promise<number> {
  const queries = clipLike(40, DIM, SEED, 1);
  let hits = 0;
  for (let q = 0; q < 40; q++) {
    const query = queries.slice(q * DIM, (q + 1) * DIM);
    const truth = await store.searchExact(query, 10);
    const limit = (truth.distances[9] as number) + 1e-5;
    const found = await store.search(query, 10, { efSearch: 200 });
    hits += found.distances.filter((distance) => distance <= limit).length;
  }
  return hits / 400;
}

test('HNSW and IVFFlat on one table answer as well as HNSW alone, whichever is made first', async () => {
  const rows = clipLike(N, DIM, SEED, 0);
  for (const order of ['hnsw first', 'ivfflat first']) {
    await using store = await openStore({ dim: DIM });
    await store.add(rows, { keys: range(N) });
    if (order === 'hnsw first') await store.createHnswIndex();
    const alone = order === 'hnsw first' ? await recall(store) : 0.95;
    await store.createIvfflatIndex({ lists: 70 });
    if (order !== 'hnsw first') await store.createHnswIndex();
    const both = await recall(store);
    console.log(`${order}: recall with both ${both}`);
    assert.ok(both >= alone - 0.01 && both >= 0.95, `${order}: ${both}, alone ${alone}`);
    // The planner's own choice must not matter: here it cannot take HNSW.
    await sql(
      `UPDATE pg_index SET indisvalid = false WHERE indexrelid = '${store.table}_h_cosine'::regclass`,
    );
    const forced = await recall(store);
    assert.ok(forced >= 0.95, `${order}, IVFFlat alone is taken: ${forced}`);
    await sql(
      `UPDATE pg_index SET indisvalid = true WHERE indexrelid = '${store.table}_h_cosine'::regclass`,
    );
  }
});

test('an index with other parameters is an error, or replaced, never silently kept', async () => {
  await using store = await openStore({ dim: DIM });
  await store.add(clipLike(300, DIM, SEED, 2), { keys: range(300) });
  const options = async (): Promise<unknown[]> =>
    (
      await sql(
        `SELECT c.reloptions AS o FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_am a ON a.oid = c.relam
         WHERE i.indrelid = $1::regclass AND a.amname IN ('hnsw', 'ivfflat') ORDER BY c.relname`,
        [store.table],
      )
    ).map(({ o }) => o);
  await store.createHnswIndex({ m: 8, efConstruction: 40 });
  await store.createHnswIndex();
  await store.createHnswIndex({ m: 8 });
  await store.createHnswIndex({ m: 8, efConstruction: 40 });
  assert.equal(await options(), [['m=8', 'ef_construction=40']]);
  assert.is(await codeOf(() => store.createHnswIndex({ m: 16 })), 'ERR_FILE_EXISTS');
  assert.is(await codeOf(() => store.createHnswIndex({ efConstruction: 64 })), 'ERR_FILE_EXISTS');
  assert.equal(await options(), [['m=8', 'ef_construction=40']], 'the old one stays');
  await store.createHnswIndex({ m: 16, efConstruction: 64, replace: true });
  assert.equal(await options(), [['m=16', 'ef_construction=64']]);
  await store.createHnswIndex({ m: 8, replace: true });
  assert.equal(await options(), [['m=8', 'ef_construction=64']]);
  // Another metric is another index, and somebody else's is as good as ours.
  await store.createHnswIndex({ m: 12, metric: 'euclidean' });
  assert.is((await options()).length, 2);
  await store.createIvfflatIndex({ lists: 5 });
  assert.is(await codeOf(() => store.createIvfflatIndex({ lists: 7 })), 'ERR_FILE_EXISTS');
  await store.createIvfflatIndex();
  await sql(`ALTER INDEX ${store.table}_i_cosine RENAME TO by_hand`);
  await store.refresh();
  assert.is(await codeOf(() => store.createIvfflatIndex({ lists: 7 })), 'ERR_FILE_EXISTS');
  await store.createIvfflatIndex({ lists: 7, replace: true });
  assert.ok((await store.verify()).ok);
  // The setting of the environment is asked for as well.
  process.env['EMBEDDING_HNSW_M'] = '20';
  try {
    assert.is(await codeOf(() => store.createHnswIndex()), 'ERR_FILE_EXISTS');
  } finally {
    delete process.env['EMBEDDING_HNSW_M'];
  }
});

test('a Euclidean search of a cosine store compares unit vectors with a unit query', async () => {
  await using store = await openStore({ dim: 3 });
  await store.add(Float32Array.of(5, 0, 0, 0, 0.1, 0, -2, 0, 0), { keys: [1, 2, 3] });
  for (const scale of [1e-3, 1, 1e3]) {
    const { keys, distances } = await store.euclideanDistanceSearch({
      query: Float32Array.of(scale, 0, 0),
    });
    assert.equal([...keys], [1, 2, 3]);
    assert.equal(
      [...distances].map((one) => one.toFixed(4)),
      ['0.0000', '1.4142', '2.0000'],
    );
  }
  const zero = new Float32Array(3);
  assert.is(
    await codeOf(() => store.euclideanDistanceSearch({ query: zero })),
    'ERR_VECTOR_INVALID',
  );
  // A store of raw vectors compares raw ones; its zeros have a distance, but no cosine.
  await using raw = await openStore({ dim: 2, metric: 'euclidean' });
  await raw.add(Float32Array.of(3, 4, 0, 0), { keys: [1, 2] });
  const near = await raw.euclideanDistanceSearch({ query: Float32Array.of(0, 0) });
  assert.equal([...near.distances], [0, 5]);
  const alike = await raw.cosineSimilaritySearch({ query: Float32Array.of(30, 40) });
  assert.equal([...alike.keys], [1]);
  assert.equal([...alike.similarities], [1]);
});

test.run();
