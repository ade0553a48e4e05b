/** `sql` and the commands below `exr` that ask a library, through the real command. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { documentOf, runCli } from '../helpers/cli';
import { exrHeader } from '../helpers/exr-files';
import { renderFamily, renderSpec } from '../helpers/exr-renders';
import { makeTempDir } from '../helpers/temp';

const root = makeTempDir('cli-sql');
const shot = path.join(root, 'shot');

test.before(async () => {
  mkdirSync(shot);
  for (const [name, spec] of renderFamily()) writeFileSync(path.join(shot, name), exrHeader(spec));
  writeFileSync(path.join(shot, 'beauty.0004.exr'), exrHeader(renderSpec(['', 'diffuse'], 3)));
  await runCli(['sync', root]);
});

const NEAREST =
  "SELECT file_path, DISTANCE(metadata_embedding, ?, 'cosine') AS d, size_bytes FROM files ORDER BY d, file_path LIMIT 4";
const param = `@${path.join(shot, 'shadow.0001.exr')}`;

interface Answer {
  rows: { file_path: string; d: number; size_bytes: number }[];
  truncated: boolean;
}

test('rows are a table, JSON or CSV, with a vector taken from a file', async () => {
  const table = await runCli(['sql', NEAREST, root, '--param', param]);
  assert.is(table.code, 0, table.stderr);
  assert.match(table.stdout, /^file_path +d +size_bytes\n(shot\/shadow\.\d{4}\.exr +0 +\d+\n){4}$/);
  const json = documentOf<Answer>(await runCli(['sql', NEAREST, root, '--param', param, '--json']));
  assert.ok(json.rows.every(({ file_path, d }) => file_path.startsWith('shot/shadow') && d < 1e-6));
  const csv = await runCli([
    'sql',
    "SELECT 'a,\"b' AS x, NULL AS y, 1.5 AS z",
    root,
    '--format',
    'csv',
  ]);
  assert.is(csv.stdout, 'x,y,z\n"a,""b",,1.5\n');
});

test('parquet is read back by another library', async () => {
  const file = path.join(makeTempDir('parquet'), 'rows.parquet');
  const sql =
    'SELECT file_id, file_path, 0.5 AS half, NULL AS empty, channel_fingerprint FROM files ORDER BY file_id';
  const written = await runCli(['sql', sql, root, '--format', 'parquet', '--output', file]);
  assert.is(written.code, 0, written.stderr);
  const { parquetReadObjects } = await import('hyparquet');
  const bytes = readFileSync(file);
  const rows = await parquetReadObjects({
    file: bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length),
  });
  assert.is(rows.length, renderFamily().length);
  const [first] = rows;
  assert.equal([typeof first?.file_id, first?.half, first?.empty], ['bigint', 0.5, null]);
  assert.ok(rows.every((row) => String(row.file_path).startsWith('shot/')));
  assert.is((first?.channel_fingerprint as number[]).length, 128);
});

test('limits, refusals and empty answers have their exit codes', async () => {
  const few = await runCli(['sql', 'SELECT * FROM media', root, '--limit', '2', '--json']);
  const { rows, truncated } = documentOf<Answer>(few);
  assert.equal([rows.length, truncated], [2, true]);
  const refused = await runCli(['sql', 'DROP TABLE media', root]);
  assert.is(refused.code, 2);
  assert.match(refused.stderr, /SELECT/);
  const endless =
    'WITH RECURSIVE c(x) AS (VALUES(1) UNION ALL SELECT x + 1 FROM c) SELECT count(*) FROM c';
  const late = await runCli(['sql', endless, root, '--timeout', '0.5', '--json']);
  const { error } = JSON.parse(late.stdout) as { error: { code: string } };
  assert.equal([late.code, error.code], [2, 'ERR_TIMEOUT']);
  assert.is((await runCli(['sql', 'SELECT 1 WHERE 0', root, '--fail-empty'])).code, 1);
});

test('exr similar, pairs, anomalies and migrate', async () => {
  const similar = await runCli([
    'exr',
    'similar',
    path.join(shot, 'shadow.0001.exr'),
    root,
    '-k',
    '3',
    '--json',
  ]);
  const { results } = documentOf<{ results: { path: string }[] }>(similar);
  assert.is(results.length, 3);
  assert.ok(results.every(({ path: name }) => name.startsWith('shot/shadow')));
  const pairs = await runCli(['exr', 'similar', '--pairs', '--max-distance', '0.0001', root]);
  assert.is(pairs.code, 0, pairs.stderr);
  assert.match(pairs.stderr, /105 pairs in 4 clusters/);
  const anomalies = await runCli(['exr', 'anomalies', shot]);
  assert.match(
    anomalies.stdout,
    /shot\/beauty\.0004\.exr +channels +specular\.B, specular\.G, specular\.R +missing/,
  );
  const migrated = await runCli(['exr', 'migrate', root, '--to', '1', '--json']);
  assert.is(documentOf<{ version: number }>(migrated).version, 1);
  const stats = documentOf<{ exr: { version: number; files: number } }>(
    await runCli(['stats', root, '--json']),
  );
  assert.equal([stats.exr.version, stats.exr.files], [1, renderFamily().length]);
});

test.run();
