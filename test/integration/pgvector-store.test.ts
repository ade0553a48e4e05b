/** What only PostgreSQL has: columns, indexes, halves, models, and several writers of one table. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { codeOf } from '../helpers/errors';
import { range, usePostgres } from '../helpers/pgvector';
import { clipLike, noise } from '../helpers/vectors';

const SEED = 20261126;
console.log(`seed ${SEED}`);

const { openStore, sql } = usePostgres(test);

test('the functions of spec 002: index one, index many, search by cosine and by distance', async () => {
  await using store = await openStore({ dim: 3, columns: { owner: 'text', model_type: 'text' } });
  await store.indexEmbedding({ key: 123, embedding: Float32Array.of(1, 0, 0) });
  const many = [
    { key: 1, embedding: Float32Array.of(1, 1, 0), columns: { owner: 'ann', model_type: 'a' } },
    { key: 2, embedding: Float32Array.of(0, 1, 0), columns: { owner: 'bob', model_type: 'a' } },
    { key: 3, embedding: Float32Array.of(-1, 0, 0), columns: { owner: 'bob', model_type: 'b' } },
  ];
  assert.is(await store.batchIndexEmbeddings(many), 3);
  assert.is(await store.batchIndexEmbeddings(many), 3);
  assert.is(store.liveCount, 4);
  assert.is(await store.batchIndexEmbeddings([]), 0);
  const query = Float32Array.of(2, 0, 0);
  const all = await store.cosineSimilaritySearch({ query });
  assert.equal([...all.keys], [123, 1, 2, 3]);
  assert.ok(Math.abs((all.similarities[1] as number) - Math.SQRT1_2) < 1e-6);
  const close = await store.cosineSimilaritySearch({ query, threshold: 0.7 });
  assert.equal([...close.keys], [123, 1]);
  const bobs = await store.cosineSimilaritySearch({
    query,
    filters: { columns: { owner: 'bob' } },
  });
  assert.equal([...bobs.keys], [2, 3]);
  const first = await store.cosineSimilaritySearch({ query, topK: 1 });
  assert.equal([...first.keys], [123]);
  const near = await store.euclideanDistanceSearch({
    query: Float32Array.of(1, 0, 0),
    maxDistance: 1,
  });
  assert.equal([...near.keys], [123, 1]);
  assert.ok(Math.abs((near.distances[1] as number) - Math.sqrt(2 - Math.SQRT2)) < 1e-6);
  assert.is(
    await codeOf(() => store.cosineSimilaritySearch({ query, threshold: 2 })),
    'ERR_ARG_RANGE',
  );
});

test('filters on columns and metadata: equal, one of several, none, contained', async () => {
  await using store = await openStore({
    dim: 2,
    metric: 'euclidean',
    columns: { owner: 'text', year: 'bigint', price: 'double precision', seen: 'boolean' },
  });
  const people = ['ann', 'bob', null];
  await store.batchIndexEmbeddings(
    range(30).map((i) => ({
      key: i,
      embedding: Float32Array.of(i, 0),
      columns: { owner: people[i % 3] ?? null, year: 2000 + i, price: i / 2, seen: i % 2 === 0 },
      ...(i % 5 === 0 ? { metadata: { tags: ['five', `n${i}`], deep: { i } } } : {}),
    })),
  );
  const query = Float32Array.of(0, 0);
  const keys = async (filter: object): Promise<number[]> => [
    ...(await store.search(query, 100, { filter })).keys,
  ];
  assert.equal(
    await keys({ columns: { owner: 'ann' } }),
    range(30).filter((i) => i % 3 === 0),
  );
  assert.equal(
    await keys({ columns: { owner: ['ann', null], seen: false } }),
    [3, 5, 9, 11, 15, 17, 21, 23, 27, 29],
  );
  assert.equal(await keys({ columns: { owner: null, year: [2002, 2003] } }), [2]);
  assert.equal(await keys({ columns: { price: 4.5 } }), [9]);
  assert.equal(await keys({ columns: { owner: [] } }), []);
  assert.equal(await keys({ metadata: { tags: ['five'] } }), [0, 5, 10, 15, 20, 25]);
  assert.equal(await keys({ metadata: { deep: { i: 15 } } }), [15]);
  assert.equal(await keys({ metadata: { tags: ['five'] }, columns: { owner: 'bob' } }), [10, 25]);
  assert.is(await codeOf(() => keys({ columns: { nobody: 1 } })), 'ERR_ARG_RANGE');
  assert.is(await codeOf(() => keys({ columns: { year: 'x' } })), 'ERR_ARG_TYPE');
  // An upsert without attributes leaves them as they are.
  await store.upsert(Float32Array.of(100, 0), { keys: [0] });
  assert.equal(await keys({ columns: { year: 2000 } }), [0]);
});

test('both kinds of index are built once, are used, and starve no filter', async () => {
  const n = 6000;
  const dim = 16;
  const rows = clipLike(n, dim, SEED, 0);
  const queries = clipLike(20, dim, SEED, 1);
  const query = queries.slice(0, dim);
  for (const kind of ['hnsw', 'ivfflat'] as const) {
    const table = `indexed_${kind}`;
    await using store = await openStore({ dim, table, columns: { part: 'bigint' } });
    const attributes = range(n).map((i) => ({ columns: { part: i % 1000 } }));
    await store.add(rows, { keys: range(n), attributes });
    for (let again = 0; again < 2; again++) {
      if (kind === 'hnsw') await store.createHnswIndex({ m: 8, efConstruction: 40 });
      else await store.createIvfflatIndex({ lists: 60 });
    }
    assert.is(store.figures().indexedRows, n);
    const plan = await sql(
      `EXPLAIN SELECT key FROM ${table} ORDER BY embedding <=> (SELECT embedding FROM ${table} LIMIT 1) LIMIT 10`,
    );
    assert.match(JSON.stringify(plan), new RegExp(`Index Scan using ${table}_`));
    let hits = 0;
    for (let q = 0; q < 20; q++) {
      const one = queries.slice(q * dim, (q + 1) * dim);
      const truth = await store.searchExact(one, 10);
      const found = await store.search(one, 10, { efSearch: 200 });
      const limit = (truth.distances[9] as number) + 1e-5;
      hits += found.distances.filter((distance) => distance <= limit).length;
    }
    console.log(`${kind}: recall ${hits / 200}`);
    // IVFFlat draws its lists at random, without a seed: 0.80 to 0.95 here.
    assert.ok(hits / 200 >= (kind === 'hnsw' ? 0.95 : 0.6), `${kind} ${hits / 200}`);
    const filter = { columns: { part: 7 } };
    assert.is((await store.search(query, 10, { filter })).keys.length, 6, kind);
    assert.is((await store.search(query, 3, { filter })).keys.length, 3, kind);
    // Where the index has to be used and may look at few rows only, it finds less than there is, and
    // the comparison of all rows must follow. Of this server all connections share one session.
    const hurdles = [
      'SET enable_seqscan = off; SET enable_bitmapscan = off; SET enable_sort = off',
      `SET ${kind === 'hnsw' ? 'hnsw.max_scan_tuples = 1' : 'ivfflat.max_probes = 1'}`,
    ];
    await sql(hurdles.join('; '));
    assert.is((await store.search(query, 10, { filter, efSearch: 1 })).keys.length, 6, kind);
    await sql('RESET ALL');
    assert.is((await store.search(query, 2000)).keys.length, 2000);
    assert.ok((await store.verify()).ok);
  }
  await using store = await openStore();
  for (const bad of [{ m: 1 }, { m: 101 }, { efConstruction: 3 }, { m: 50, efConstruction: 99 }])
    assert.is(await codeOf(() => store.createHnswIndex(bad)), 'ERR_ARG_RANGE');
  for (const bad of [{ lists: 0 }, { lists: 32_769 }])
    assert.is(await codeOf(() => store.createIvfflatIndex(bad)), 'ERR_ARG_RANGE');
  const injected = { m: '16); DROP TABLE store_0; --' as unknown as number };
  assert.is(await codeOf(() => store.createHnswIndex(injected)), 'ERR_ARG_TYPE');
});

test('more than 2000 dimensions are kept as halves', async () => {
  const dim = 2500;
  await using store = await openStore({ dim });
  const rows = noise(20, dim, SEED);
  await store.add(rows, { keys: range(20) });
  await store.createHnswIndex();
  const hits = await store.search(rows.slice(0, dim), 2);
  assert.is(hits.keys[0], 0);
  assert.ok((hits.distances[0] as number) < 1e-3);
  assert.ok((await store.verify()).ok);
  assert.is(await codeOf(() => openStore({ dim: 4001 })), 'ERR_ARG_RANGE');
  assert.is(await codeOf(() => openStore({ dim: 2001, type: 'vector' })), 'ERR_ARG_RANGE');
  await using raw = await openStore({ dim: 2, type: 'halfvec', metric: 'euclidean' });
  const tooLarge = Float32Array.of(1e6, 0);
  assert.is(await codeOf(() => raw.add(tooLarge, { keys: [1] })), 'ERR_VECTOR_INVALID');
  assert.is(raw.liveCount, 0);
});

test('vectors of two models, dimensions or metrics never mix; foreign tables are left alone', async () => {
  await using store = await openStore({ table: 'owned' });
  await store.add(noise(1, 8, SEED), { keys: [1] });
  await using same = await openStore({ table: 'owned' });
  assert.is(same.liveCount, 1);
  assert.is(
    await codeOf(() => openStore({ table: 'owned', model: 'other' })),
    'ERR_MODEL_MISMATCH',
  );
  assert.is(await codeOf(() => openStore({ table: 'owned', metric: 'dot' })), 'ERR_MODEL_MISMATCH');
  assert.is(await codeOf(() => openStore({ table: 'owned', dim: 9 })), 'ERR_DIM_MISMATCH');
  await sql('CREATE TABLE foreign_one (key bigint)');
  assert.is(await codeOf(() => openStore({ table: 'foreign_one' })), 'ERR_FILE_EXISTS');
  assert.is(await codeOf(() => openStore({ table: 'nowhere', readOnly: true })), 'ERR_NOT_FOUND');
  await sql(`UPDATE sightline_spaces SET version = 99 WHERE table_name = 'owned'`);
  assert.is(await codeOf(() => openStore({ table: 'owned' })), 'ERR_FILE_VERSION');
  await sql(`UPDATE sightline_spaces SET version = 1 WHERE table_name = 'owned'`);
  await using reader = await openStore({ table: 'owned', readOnly: true });
  assert.is((await reader.search(noise(1, 8, 1), 1)).keys.length, 1);
  assert.is(await codeOf(() => reader.remove([1])), 'ERR_READ_ONLY');
  assert.is(await codeOf(() => reader.createHnswIndex()), 'ERR_READ_ONLY');
});

test('several handles that write one table assign each row once', async () => {
  const handles = await Promise.all(range(3).map(() => openStore({ table: 'shared_one' })));
  await Promise.all(
    handles.flatMap((store, h) =>
      range(5).map((i) => store.add(noise(7, 8, i), { keys: range(7, 1000 * h + 10 * i) })),
    ),
  );
  const [store] = handles;
  await store?.refresh();
  assert.is(store?.count, 105);
  assert.is(store?.liveCount, 105);
  assert.ok((await store?.verify())?.ok);
  await Promise.all(handles.map((one) => one.close()));
});

test.run();
