/** Spec 002 over tables that an application has: `instruction_analytics` and `context_metadata`. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import {
  PgEmbeddingTable,
  type PgEmbeddingTableOptions,
  type TableFilters,
} from '../../lib/stores/vectors';
import { codeOf } from '../helpers/errors';
import { range, usePostgres } from '../helpers/pgvector';
import { clipLike } from '../helpers/vectors';

const SEED = 20261128;
console.log(`seed ${SEED}`);

const postgres = usePostgres(test);
const { sql } = postgres;

const open = (options: Partial<PgEmbeddingTableOptions>): Promise<PgEmbeddingTable> =>
  PgEmbeddingTable.open({
    url: postgres.server.url,
    table: 'instruction_analytics',
    embeddingColumn: 'instruction_embedding',
    ...options,
  });

const DIM = 384;

test('the set-up of the document: columns added to tables that are there, indexes, search', async () => {
  await postgres.sql('CREATE EXTENSION IF NOT EXISTS vector');
  await sql(`CREATE TABLE instruction_analytics (
    id serial PRIMARY KEY, instruction text NOT NULL, model_type text, created timestamptz, visits bigint)`);
  const texts = ['pick up the red block', 'move the arm to the left', 'grab the cube'];
  for (let i = 0; i < 600; i++) {
    const type = i % 3 === 0 ? 'openvla' : i % 3 === 1 ? 'rt-2' : null;
    await sql(
      `INSERT INTO instruction_analytics (instruction, model_type, created, visits)
       VALUES ($1, $2, '2026-11-28T00:00:00Z', $3)`,
      [`${texts[i % texts.length]} ${i}`, type, `${2n ** 53n + BigInt(i)}`],
    );
  }
  assert.is(await codeOf(() => open({})), 'ERR_ARG_RANGE', 'no such column');
  assert.is(await codeOf(() => open({ addColumn: true })), 'ERR_ARG_TYPE', 'no dimension');
  await using table = await open({ addColumn: true, dim: DIM });
  assert.is(table.dim, DIM);
  await using again = await open({ dim: DIM });
  assert.is(again.dim, DIM);
  assert.is(await codeOf(() => open({ dim: 512 })), 'ERR_DIM_MISMATCH');

  const vectors = clipLike(600, DIM, SEED, 0);
  const rowOf = (i: number): Float32Array => vectors.slice(i * DIM, (i + 1) * DIM);
  assert.is(await table.indexEmbedding({ id: 1, embedding: rowOf(0) }), true);
  assert.is(await table.indexEmbedding({ id: 9999, embedding: rowOf(0) }), false, 'no such row');
  const embeddings = range(500, 1).map((id) => ({ id, embedding: rowOf(id - 1) }));
  assert.is(await table.batchIndexEmbeddings(embeddings), 500);
  assert.is(await table.batchIndexEmbeddings([]), 0);
  await table.createHnswIndex({ m: 16, efConstruction: 64 });

  const hits = await table.cosineSimilaritySearch({ query: rowOf(6), topK: 5 });
  assert.is(hits.length, 5);
  const [first] = hits;
  assert.is(first?.id, 7);
  assert.is(first?.instruction, 'pick up the red block 6');
  assert.ok(Math.abs((first?.similarity ?? 0) - 1) < 1e-5);
  assert.is(first?.visits, 2n ** 53n + 6n, '64-bit values are exact');
  assert.ok(first?.created instanceof Date);
  assert.is(Object.hasOwn(first, 'instruction_embedding'), false);

  const filters = { model_type: 'openvla' };
  const some = await table.cosineSimilaritySearch({ query: rowOf(6), topK: 1000, filters });
  assert.is(some.length, 167, 'all that have an embedding and match');
  assert.ok(some.every((hit) => hit.model_type === 'openvla'));
  const none = await table.cosineSimilaritySearch({
    query: rowOf(6),
    topK: 1000,
    filters: { model_type: [null, 'rt-2'], id: range(10, 1) },
  });
  assert.equal(none.map((hit) => hit.id as number).sort(), [2, 3, 5, 6, 8, 9]);
  const close = await table.cosineSimilaritySearch({ query: rowOf(6), threshold: 0.999 });
  assert.equal(
    close.map((hit) => hit.id),
    [7],
  );
  const near = await table.euclideanDistanceSearch({ query: rowOf(3), topK: 2, maxDistance: 1e-3 });
  assert.is(near[0]?.id, 4);
  assert.ok((near[0]?.distance ?? 1) < 1e-3);
  const before = new Date('2026-11-28T00:00:00Z');
  assert.is(
    (await table.cosineSimilaritySearch({ query: rowOf(3), filters: { created: before } })).length,
    10,
  );
});

test('vectors are stored as they are, so distances are those of the raw vectors', async () => {
  await sql('CREATE TABLE context_metadata (frame uuid PRIMARY KEY, image_embedding vector(2))');
  const ids = range(4).map((i) => `00000000-0000-0000-0000-00000000000${i}`);
  for (const id of ids) await sql('INSERT INTO context_metadata (frame) VALUES ($1)', [id]);
  await using table = await open({
    table: 'context_metadata',
    idColumn: 'frame',
    embeddingColumn: 'image_embedding',
  });
  const raw = [
    [3, 4],
    [0, 0],
    [6, 8],
  ];
  const count = await table.batchIndexEmbeddings(
    raw.map((values, i) => ({ id: ids[i] as string, embedding: Float32Array.from(values) })),
  );
  assert.is(count, 3);
  const query = Float32Array.of(3, 4);
  const near = await table.euclideanDistanceSearch({ query });
  assert.equal(
    near.map(({ frame, distance }) => [frame, distance]),
    [
      [ids[0], 0],
      [ids[1], 5],
      [ids[2], 5],
    ],
    'the row without an embedding is left out',
  );
  const alike = await table.cosineSimilaritySearch({ query });
  assert.equal(
    alike.map(({ frame }) => frame),
    [ids[0], ids[2]],
    'zeros have no direction',
  );
  // One id twice: the last counts, as if they were written one after another.
  const twice = [1, 2].map((x) => ({ id: ids[3] as string, embedding: Float32Array.of(x, 0) }));
  assert.is(await table.batchIndexEmbeddings(twice), 1);
  const [last] = await table.euclideanDistanceSearch({ query: Float32Array.of(2, 0), topK: 1 });
  assert.equal([last?.frame, last?.distance], [ids[3], 0]);
});

test('names are what the database calls them, and nothing else reaches a statement', async () => {
  await sql(
    'CREATE TABLE "Odd ""Name" ("The Id" text PRIMARY KEY, "eMb" vector(2), "json" json, "tags" text[])',
  );
  await sql(`INSERT INTO "Odd ""Name" VALUES ('a', '[1,0]', '{}', '{x}')`);
  const names = { table: 'Odd "Name', idColumn: 'The Id', embeddingColumn: 'eMb' };
  await using table = await open(names);
  await table.createHnswIndex();
  await table.createIvfflatIndex({ lists: 1 });
  const [hit] = await table.cosineSimilaritySearch({ query: Float32Array.of(1, 0) });
  assert.equal(hit?.tags, ['x']);
  const query = Float32Array.of(1, 0);
  const hostile: TableFilters[] = [
    { nope: 1 },
    { '"; DROP TABLE x; --': 1 },
    { json: 'x' },
    { tags: 'x' },
  ];
  for (const filters of hostile)
    assert.is(
      await codeOf(() => table.cosineSimilaritySearch({ query, filters })),
      'ERR_ARG_RANGE',
      JSON.stringify(filters),
    );
  const badFilter = { 'The Id': {} as unknown as string };
  assert.is(
    await codeOf(() => table.cosineSimilaritySearch({ query, filters: badFilter })),
    'ERR_ARG_TYPE',
  );
  assert.is(await codeOf(() => open({ ...names, table: 'missing' })), 'ERR_NOT_FOUND');
  assert.is(await codeOf(() => open({ ...names, table: 'odd "name' })), 'ERR_NOT_FOUND');
  assert.is(await codeOf(() => open({ ...names, embeddingColumn: 'json' })), 'ERR_ARG_RANGE');
  const long = Float32Array.of(1, 2, 3);
  assert.is(
    await codeOf(() => table.indexEmbedding({ id: 'a', embedding: long })),
    'ERR_DIM_MISMATCH',
  );
  const infinite = Float32Array.of(1, Infinity);
  assert.is(
    await codeOf(() => table.indexEmbedding({ id: 'a', embedding: infinite })),
    'ERR_VECTOR_INVALID',
  );
  const noId = { id: undefined as unknown as string, embedding: query };
  assert.is(await codeOf(() => table.indexEmbedding(noId)), 'ERR_ARG_TYPE');
  await sql('CREATE TABLE numbers (id integer PRIMARY KEY, v vector(2))');
  await using numbers = await open({ table: 'numbers', embeddingColumn: 'v' });
  for (const id of ['x', 2 ** 40])
    assert.is(
      await codeOf(() => numbers.indexEmbedding({ id, embedding: query })),
      'ERR_ARG_RANGE',
    );
});

test.run();
