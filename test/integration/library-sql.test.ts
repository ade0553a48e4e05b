/** SQL over a library of OpenEXR files: every query of spec 000 as it stands there, limits, and what is refused. */
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { openLibrary, type Library, type SqlParam, type SqlResult } from '../../lib';
import { computeChannelFingerprint, computeMetadataEmbedding, inspectExr } from '../../lib/exr';
import { codeOf, errorOf } from '../helpers/errors';
import { exrHeader } from '../helpers/exr-files';
import { makeTempDir } from '../helpers/temp';
import { renderFamily } from '../helpers/exr-renders';

const root = makeTempDir('library-sql');
let library: Library;

test.before(async () => {
  mkdirSync(path.join(root, 'Shots'), { recursive: true });
  for (const [name, spec] of renderFamily())
    writeFileSync(path.join(root, 'Shots', name), exrHeader(spec));
  writeFileSync(
    path.join(root, 'broken.exr'),
    exrHeader(renderFamily()[0]?.[1] as never).subarray(0, 60),
  );
  library = await openLibrary(root);
  await library.sync();
});

test.after(() => library.close());

const QUERY_FILE = 'Shots/beauty.0003.exr';
const query = { exr: QUERY_FILE };

const column = (result: SqlResult, name: string): unknown[] =>
  result.rows.map((row) => row[result.columns.indexOf(name)]);

/** File paths by their true distance, by float64 arithmetic. */
async function truth(
  kind: 'metadata' | 'channels',
  distance: (a: Float32Array, b: Float32Array) => number,
): Promise<{ path: string; distance: number }[]> {
  const vectorOf = async (name: string): Promise<Float32Array> => {
    const payload = await inspectExr(path.join(root, name), { as: name });
    return kind === 'metadata'
      ? computeMetadataEmbedding(payload, 384, { version: 2 })
      : computeChannelFingerprint(payload.channels, 128, { version: 2 });
  };
  const target = await vectorOf(QUERY_FILE);
  const all = [];
  for (const [name] of renderFamily()) {
    const file = `Shots/${name}`;
    all.push({ path: file, distance: distance(await vectorOf(file), target) });
  }
  return all.sort((a, b) => a.distance - b.distance);
}

const dot = (a: Float32Array, b: Float32Array): number =>
  a.reduce((sum, value, i) => sum + value * (b[i] as number), 0);
const cosine = (a: Float32Array, b: Float32Array): number =>
  1 - dot(a, b) / Math.sqrt(dot(a, a) * dot(b, b));
const euclidean = (a: Float32Array, b: Float32Array): number =>
  Math.hypot(...a.map((value, i) => value - (b[i] as number)));

function assertDistances(got: readonly unknown[], wanted: readonly number[]): void {
  assert.is(got.length, wanted.length);
  got.forEach((value, i) =>
    assert.ok(
      Math.abs(Number(value) - (wanted[i] as number)) < 1e-5,
      `${i}: ${String(value)} ${wanted[i]}`,
    ),
  );
}

test('spec 000, cosine: similar renders below a threshold', async () => {
  const found = await library.sql(
    `SELECT file_id, file_path,
       DISTANCE(metadata_embedding, ?, 'cosine') as similarity
FROM files
WHERE DISTANCE(metadata_embedding, ?, 'cosine') < 0.3
ORDER BY similarity
LIMIT 10;`,
    [query, query],
  );
  const wanted = (await truth('metadata', cosine))
    .filter(({ distance }) => distance < 0.3)
    .slice(0, 10);
  assert.is(found.via, 'scan');
  assert.ok(wanted.length > 2 && wanted.length < renderFamily().length);
  assertDistances(
    column(found, 'similarity'),
    wanted.map(({ distance }) => distance),
  );
});

test('spec 000, euclidean: similar channel compositions', async () => {
  const found = await library.sql(
    `SELECT file_id, file_path,
       DISTANCE(channel_fingerprint, ?, 'euclidean') as distance
FROM channels
WHERE part_id IN (SELECT part_id FROM channels
                  WHERE DISTANCE(channel_fingerprint, ?, 'euclidean') < 0.5)
ORDER BY distance
LIMIT 10;`,
    [query, query],
  );
  assert.is(found.rows.length, 10);
  // Its own channels and those of the files with the same set.
  assert.ok(column(found, 'distance').every((value) => Math.abs(Number(value)) < 1e-3));
});

test('spec 000, dot product: fast similarity search', async () => {
  const found = await library.sql(
    `SELECT file_id, file_path,
       DOT_PRODUCT(metadata_embedding, ?) as similarity_score
FROM files
WHERE DOT_PRODUCT(metadata_embedding, ?) > 0.85
ORDER BY similarity_score DESC
LIMIT 20;`,
    [query, query],
  );
  const wanted = (await truth('metadata', cosine))
    .map(({ distance }) => 1 - distance)
    .filter((value) => value > 0.85);
  assertDistances(column(found, 'similarity_score'), wanted.slice(0, 20));
});

test('spec 000, query 1: similar renders, without the file itself', async () => {
  const found = await library.sql(
    `
SELECT
    file_id,
    file_path,
    size_bytes,
    multipart_count,
    DISTANCE(metadata_embedding, ?, 'cosine') as similarity
FROM files
WHERE file_path_normalized != ?
ORDER BY DISTANCE(metadata_embedding, ?, 'cosine') ASC
LIMIT 10
`,
    [query, QUERY_FILE.toLowerCase(), query],
  );
  const wanted = (await truth('metadata', cosine))
    .filter((one) => one.path !== QUERY_FILE)
    .slice(0, 10);
  assertDistances(
    column(found, 'similarity'),
    wanted.map(({ distance }) => distance),
  );
  assert.not.ok(column(found, 'file_path').includes(QUERY_FILE));
  assert.ok(column(found, 'size_bytes').every((size) => Number(size) > 0));
});

test('spec 000, query 2: similar channel structure, one row a file', async () => {
  const found = await library.sql(
    `
SELECT
    DISTINCT c.file_id,
    f.file_path,
    COUNT(*) as channel_count,
    DISTANCE(c.channel_fingerprint, ?, 'euclidean') as distance
FROM channels c
JOIN files f ON c.file_id = f.file_id
WHERE DISTANCE(c.channel_fingerprint, ?, 'euclidean') < 0.4
GROUP BY c.file_id, f.file_path
ORDER BY distance ASC
LIMIT 5
`,
    [query, query],
  );
  const wanted = (await truth('channels', euclidean))
    .filter(({ distance }) => distance < 0.4)
    .slice(0, 5);
  assertDistances(
    column(found, 'distance'),
    wanted.map(({ distance }) => distance),
  );
  assert.ok(column(found, 'channel_count').every((count) => Number(count) >= 3));
});

test('spec 000, query 3: pairs of similar renders', async () => {
  const found = await library.sql(`
WITH similarity_pairs AS (
    SELECT
        f1.file_id as file1_id,
        f2.file_id as file2_id,
        f1.file_path as file1_path,
        f2.file_path as file2_path,
        DISTANCE(f1.metadata_embedding, f2.metadata_embedding, 'cosine') as similarity
    FROM files f1
    CROSS JOIN files f2
    WHERE f1.file_id < f2.file_id
    AND DISTANCE(f1.metadata_embedding, f2.metadata_embedding, 'cosine') < 0.2
)
SELECT
    file1_path,
    file2_path,
    similarity
FROM similarity_pairs
ORDER BY similarity ASC
`);
  const { pairs } = await library.exr.pairs({ maxDistance: 0.2 });
  assert.ok(pairs.length > 10);
  const inSql = found.rows.map(([a, b]) => `${String(a)} ${String(b)}`).sort();
  assert.equal(pairs.map(({ a, b }) => `${a} ${b}`).sort(), inSql);
});

test('spec 000, step by step: the nearest of all, by the index', async () => {
  const sql = `
   SELECT file_id, file_path, multipart_count, is_deep,
          DISTANCE(metadata_embedding, ?, 'cosine') as sim
   FROM files
   ORDER BY sim ASC
   LIMIT 20
   `;
  const byIndex = await library.sql(sql, [query]);
  const byRows = await library.sql(sql, [query], { exact: true });
  assert.equal([byIndex.via, byRows.via], ['index', 'rows']);
  assert.equal(column(byIndex, 'sim'), column(byRows, 'sim'));
  assertDistances(
    column(byIndex, 'sim'),
    (await truth('metadata', cosine)).slice(0, 20).map(({ distance }) => distance),
  );
});

test('nearest() joins what the engine finds with the views', async () => {
  const found = await library.sql(
    "SELECT f.file_path, n.distance FROM nearest('exr-channels', ?, 4) n JOIN files f USING (file_id) WHERE f.multipart_count >= ? ORDER BY n.rank",
    [{ ...query, by: 'channels' }, 1],
  );
  assertDistances(
    column(found, 'distance'),
    (await truth('channels', euclidean)).slice(0, 4).map(({ distance }) => distance),
  );
});

test('a vector may be an array, bytes, JSON, a file of the library or one elsewhere', async () => {
  const sql =
    "SELECT file_path FROM files WHERE DISTANCE(metadata_embedding, ?, 'cosine') < 1e-6 ORDER BY file_path";
  const payload = await inspectExr(path.join(root, QUERY_FILE), { as: QUERY_FILE });
  const vector = computeMetadataEmbedding(payload, 384, { version: 2 });
  const fileId = (await library.sql('SELECT file_id FROM files WHERE file_path = ?', [QUERY_FILE]))
    .rows[0]?.[0] as number;
  const elsewhere = path.join(makeTempDir('elsewhere'), 'copy.exr');
  writeFileSync(elsewhere, readFileSync(path.join(root, QUERY_FILE)));
  const forms: SqlParam[] = [
    query,
    vector,
    [...vector],
    JSON.stringify([...vector]),
    Buffer.from(vector.buffer),
    { file: fileId },
    { exr: elsewhere },
  ];
  for (const form of forms) {
    const found = await library.sql(sql, [form]);
    assert.ok(column(found, 'file_path').includes(QUERY_FILE), JSON.stringify(form).slice(0, 60));
  }
});

test('parts and channels are those of the headers', async () => {
  const parts = await library.sql(
    'SELECT compression, width, height FROM parts WHERE file_path = ?',
    [QUERY_FILE],
  );
  const payload = await inspectExr(path.join(root, QUERY_FILE));
  assert.equal(
    parts.rows,
    payload.parts.map((part) => [
      part.compression,
      part.data_window.x_max - part.data_window.x_min + 1,
      part.data_window.y_max - part.data_window.y_min + 1,
    ]),
  );
  const channels = await library.sql(
    'SELECT channel_name, type, x_sampling FROM channels WHERE file_path = ? ORDER BY channel_id',
    [QUERY_FILE],
  );
  assert.equal(
    channels.rows,
    payload.channels.map(({ name, type, x_sampling }) => [name, type, x_sampling]),
  );
  const all = await library.sql('SELECT * FROM channels LIMIT 1');
  assert.not.ok(all.columns.some((name) => name.startsWith('__')));
});

const REFUSED: readonly string[] = [
  'DELETE FROM files',
  'INSERT INTO media VALUES (1)',
  "UPDATE media SET path = 'x'",
  'DROP VIEW files',
  'CREATE TABLE x (y)',
  'WITH x AS (SELECT 1) DELETE FROM media',
  'REPLACE INTO media VALUES (1)',
  "ATTACH 'other.sqlite' AS other",
  'PRAGMA writable_schema = ON',
  'VACUUM',
  "VACUUM INTO 'copy.sqlite'",
  "SELECT load_extension('x')",
  "SELECT readfile('/etc/passwd')",
  'SELECT * FROM exr_files',
  'SELECT * FROM "exr_vectors"',
  'SELECT * FROM [spaces]',
  "SELECT * FROM 'exr_files'",
  "SELECT * FROM files, 'Spaces'",
  "SELECT * FROM files JOIN 'frame_rows' USING (media_id)",
  "SELECT * FROM ('exr_vectors')",
  "SELECT * FROM 'main'.'media'",
  "SELECT * FROM 'sqlite_schema'",
  "SELECT * FROM 'pragma_table_info'('media')",
  "SELECT * FROM '__candidates'",
  "SELECT 1 WHERE 'x' IN 'meta'",
  'SELECT 1 WHERE 1 IN exr_vectors',
  'SELECT 1 AS spaces FROM spaces',
  'SELECT 1 AS x FROM files AS spaces, spaces',
  'SELECT (SELECT count(*) FROM meta) AS meta',
  'WITH x AS (TABLE spaces) SELECT * FROM x',
  'SELECT * FROM files AS f NATURAL JOIN spaces',
  'SELECT 1 AS __candidates',
  'SELECT * FROM main.media',
  'SELECT * FROM temp.files',
  'SELECT * FROM sqlite_schema',
  "SELECT * FROM pragma_table_info('media')",
  'SELECT 1; SELECT 2',
  'SELECT 1; DELETE FROM media',
  'SELECT nothing FROM files',
  'SELEC 1',
  "SELECT 'open",
  '',
  'SELECT :named',
  'SELECT ?',
  "SELECT DISTANCE(metadata_embedding, '[1]', 'manhattan') FROM files",
];

test('SQL that writes, attaches, loads, or reaches other tables is refused, and the catalog is as it was', async () => {
  const file = path.join(root, '.sightline', 'catalog.sqlite');
  const hash = (): string => createHash('sha256').update(readFileSync(file)).digest('hex');
  const before = hash();
  for (const sql of REFUSED) assert.is(await codeOf(() => library.sql(sql)), 'ERR_ARG_RANGE', sql);
  assert.is(
    await codeOf(() => library.sql("SELECT DISTANCE(metadata_embedding, '[1, 2]') FROM files")),
    'ERR_DIM_MISMATCH',
  );
  assert.is(
    await codeOf(() => library.sql("SELECT * FROM nearest('text', '[1]', 2)")),
    'ERR_NOT_FOUND',
  );
  assert.is(hash(), before);
  assert.equal((await library.verify()).problems, []);
});

test('words that only look like statements are read', async () => {
  const found = await library.sql(
    "SELECT 'DELETE; -- '' x' AS \"update\", replace('a', 'a', 'b') AS b /* drop */ -- attach\n;",
  );
  assert.equal([found.columns, found.rows], [['update', 'b'], [["DELETE; -- ' x", 'b']]]);
});

test('an alias may be called as a table of the catalog', async () => {
  const named = await library.sql('SELECT 1 AS spaces, 2 AS "meta" ORDER BY spaces');
  assert.equal([named.columns, named.rows], [['spaces', 'meta'], [[1, 2]]]);
  const grouped = await library.sql(
    "SELECT count(*) AS exr_files FROM files AS spaces WHERE spaces.file_path <> 'meta' HAVING exr_files > 0",
  );
  assert.equal(grouped.rows, [[renderFamily().length]]);
  const replaced = await library.sql("SELECT 'spaces' = 'meta', replace('a__b', '__', '-')");
  assert.equal(replaced.rows, [[0, 'a-b']]);
});

test('a table that is not there: the answer names the views', async () => {
  const error = await errorOf(library.sql('SELECT * FROM fils'));
  assert.is(error.code, 'ERR_ARG_RANGE');
  assert.match(error.message, /no such table: fils; the views are files, parts, channels/);
});

test('a statement without an end is ended, and the next one runs', async () => {
  const endless =
    'WITH RECURSIVE c(x) AS (VALUES(1) UNION ALL SELECT x + 1 FROM c) SELECT count(*) FROM c';
  assert.is(await codeOf(() => library.sql(endless, [], { timeoutMs: 500 })), 'ERR_TIMEOUT');
  const stop = new AbortController();
  const running = library.sql(endless, [], { signal: stop.signal });
  const next = library.sql('SELECT count(*) FROM files');
  stop.abort();
  assert.is(await codeOf(running), 'ERR_ABORTED');
  assert.equal((await next).rows, [[renderFamily().length]]);
});

test('rows and memory are limited', async () => {
  const sql = 'WITH RECURSIVE c(x) AS (VALUES(1) UNION ALL SELECT x + 1 FROM c) SELECT x FROM c';
  const found = await library.sql(sql, [], { limit: 5 });
  assert.equal([found.rows.length, found.isTruncated], [5, true]);
  const large =
    'WITH RECURSIVE c(x) AS (VALUES(1) UNION ALL SELECT x + 1 FROM c) SELECT hex(zeroblob(10000000)) FROM c';
  assert.is(await codeOf(() => library.sql(large)), 'ERR_NO_MEMORY');
});

test('a library opened read-only answers too', async () => {
  await using reader = await openLibrary(root, { readOnly: true });
  const sql =
    "SELECT file_path FROM files ORDER BY DISTANCE(metadata_embedding, ?, 'cosine') LIMIT 3";
  assert.equal((await reader.sql(sql, [query])).rows, (await library.sql(sql, [query])).rows);
});

test.run();
