/** A library whose vectors live in PostgreSQL answers as one that keeps them in its folder. */
import { cpSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { openLibrary, type Library } from '../../lib/library';
import { rounds } from '../helpers/campaign';
import { documentOf, runCli } from '../helpers/cli';
import { errorOf } from '../helpers/errors';
import { COLOURS, picture, writePictures } from '../helpers/media';
import { usePostgres } from '../helpers/pgvector';
import { cosines, syncInChild } from '../helpers/sync-crash';
import { makeTempDir } from '../helpers/temp';
import { TINY_CLIP } from '../helpers/tiny-clip';
import { randomOf } from '../helpers/vectors';

const KILLS = Number(process.env.SIGHTLINE_TEST_KILLS ?? rounds(3, 50));
const SEED = Number(process.env.SIGHTLINE_TEST_SEED ?? 20261126);

const postgres = usePostgres(test);
const { sql } = postgres;

function assertAlike(found: Map<string, number>, expected: Map<string, number>): void {
  assert.equal([...found.keys()].sort(), [...expected.keys()].sort());
  for (const [name, cosine] of found)
    assert.ok(Math.abs(cosine - (expected.get(name) ?? 9)) < 1e-5, name);
}

/** The table of the only library that has `rows` live rows. */
async function tableOf(library: Library): Promise<string> {
  return /table "(\w+)"/.exec(library.stats().vectorStore)?.[1] ?? '';
}

test('sync, search, changes, removals, verify, stats and readers', async () => {
  const root = makeTempDir('pg-library');
  await writePictures(root, 24);
  const twin = makeTempDir('pg-twin');
  cpSync(root, twin, { recursive: true, preserveTimestamps: true });
  await using embedded = await openLibrary(twin);
  await embedded.sync();
  await using library = await openLibrary(root, { vectorStore: postgres.server.url });
  assert.ok(library.isEmpty);
  const report = await library.sync();
  assert.is(report.framesAdded, 24);
  assertAlike(await cosines(library), await cosines(embedded));

  const id = (await library.search({ text: 'a circle' }, { k: 1 })).results[0]?.frame_id ?? -1;
  const like = (await library.search({ frame: id }, { k: 30 })).results;
  assert.is(like.length, 23);
  assert.ok(like.every((hit) => hit.frame_id !== id));
  const only = await library.search({ text: 'a circle' }, { k: 30, path: '*1*' });
  const twinOnly = await embedded.search({ text: 'a circle' }, { k: 30, path: '*1*' });
  assert.equal(
    only.results.map((hit) => hit.media_path),
    twinOnly.results.map((hit) => hit.media_path),
  );
  assert.ok(only.results.length > 1 && only.results.length < 24);

  assert.is(
    (await errorOf(() => openLibrary(root, { vectorStore: postgres.server.url }))).code,
    'ERR_FILE_LOCKED',
  );
  await using reader = await openLibrary(root, {
    vectorStore: postgres.server.url,
    readOnly: true,
  });
  assertAlike(await cosines(reader), await cosines(library));

  const [first, second] = (await library.search({ text: 'a circle' }, { k: 2 })).results;
  rmSync(path.join(root, first?.media_path ?? ''));
  const changed = path.join(root, second?.media_path ?? '');
  writeFileSync(changed, await picture(COLOURS.black, COLOURS.yellow));
  utimesSync(changed, new Date(), new Date(Date.now() + 5000));
  const mixed = await library.sync();
  assert.is(mixed.removed, 1);
  assert.is(mixed.changed, 1);
  assert.is((await cosines(library)).size, 23);
  assert.is((await cosines(reader)).size, 23);

  const check = await library.verify();
  assert.equal(check.problems, []);
  assert.is(check.rowsChecked, 23);
  const stats = library.stats();
  assert.match(
    stats.vectorStore,
    /^pgvector \d.* at 127\.0\.0\.1:\d+\/postgres, table "sightline_clip_/,
  );
  assert.not.match(JSON.stringify(stats), /secret-word/);
  assert.is(stats.frames, 23);

  await library.index({ rebuild: true });
  assert.is((await cosines(library)).size, 23);
  assert.equal((await library.verify()).problems, []);
});

test('rows of a run that died are dropped, lost ones are made again', async () => {
  const root = makeTempDir('pg-leftovers');
  await writePictures(root, 8);
  let library = await openLibrary(root, { vectorStore: postgres.server.url });
  await library.sync();
  const expected = await cosines(library);
  const table = await tableOf(library);
  await library.close();

  // As if the process had died between the rows and the catalog: two rows nobody knows of.
  await sql(`INSERT INTO ${table} (key, "row", embedding)
    SELECT 1000 + "row", 8 + "row", embedding FROM ${table} WHERE "row" < 2`);
  await sql(
    `UPDATE sightline_spaces SET next_row = 10, live_rows = 10 WHERE table_name = '${table}'`,
  );
  await using reader = await openLibrary(root, {
    vectorStore: postgres.server.url,
    readOnly: true,
  });
  // They do not take the place of what the catalog knows.
  const { results } = await reader.search({ text: 'a white circle' }, { k: 8 });
  assert.is(results.length, 8);
  library = await openLibrary(root, { vectorStore: postgres.server.url });
  assert.equal((await library.verify()).problems, []);
  assertAlike(await cosines(library), expected);

  // As if the database had been restored from before the last sync, beside an open library.
  await sql(`DELETE FROM ${table} WHERE "row" >= 5`);
  await sql(
    `UPDATE sightline_spaces SET next_row = 5, live_rows = 5 WHERE table_name = '${table}'`,
  );
  assert.not.ok((await library.verify()).ok);
  const again = await library.sync();
  assert.is(again.framesAdded, 3);
  assert.equal((await library.verify()).problems, []);
  assertAlike(await cosines(library), expected);
  await library.close();
});

test('a library stays where it was made, and says where that is', async () => {
  const inFolder = makeTempDir('pg-folder');
  await writePictures(inFolder, 2);
  await using here = await openLibrary(inFolder);
  await here.sync();
  await here.close();
  const wrong = await errorOf(() => openLibrary(inFolder, { vectorStore: postgres.server.url }));
  assert.is(wrong.code, 'ERR_ARG_RANGE');
  const there = makeTempDir('pg-there');
  await writePictures(there, 2);
  await using remote = await openLibrary(there, { vectorStore: postgres.server.url });
  await remote.sync();
  await remote.close();
  const missing = await errorOf(() => openLibrary(there));
  assert.is(missing.code, 'ERR_ARG_RANGE');
  assert.match(missing.message, /SIGHTLINE_VECTOR_STORE/);
});

test('the command line takes the store from a flag, the environment or a file', async () => {
  const root = makeTempDir('pg-cli');
  await writePictures(root, 3);
  const url = { SIGHTLINE_VECTOR_STORE: postgres.server.url };
  assert.is((await runCli(['sync', root, '--vector-store', postgres.server.url])).code, 0);
  const found = await runCli(['search', 'a circle', root, '--json'], { env: url });
  assert.is(documentOf<{ results: unknown[] }>(found).results.length, 3);
  const secret = path.join(makeTempDir('pg-secret'), 'url');
  writeFileSync(secret, `${postgres.server.url}\n`);
  const file = { SIGHTLINE_VECTOR_STORE_FILE: secret };
  const stats = await runCli(['stats', root], { env: file });
  assert.match(stats.stdout, /pgvector/);
  const config = await runCli(['config', 'print', root], { env: url });
  assert.not.match(config.stdout + config.stderr + stats.stdout, /secret-word/);
  const check = await runCli(['verify', root], { env: url });
  assert.is(check.code, 0, check.stderr);
  const bad = await runCli(['stats', root, '--vector-store', 'mysql://u:secret-word@h/d']);
  assert.is(bad.code, 2);
  assert.not.match(bad.stderr, /secret-word/);
});

test('kill -9 of the syncing process at random moments loses nothing and doubles nothing', async () => {
  console.log(`seed ${SEED}, ${KILLS} kills`);
  const root = makeTempDir('pg-crash');
  await writePictures(root, 60);
  const clean = makeTempDir('pg-clean');
  cpSync(root, clean, { recursive: true, preserveTimestamps: true });
  await using reference = await openLibrary(clean);
  await reference.sync();
  const random = randomOf(SEED);
  const vectorStore = postgres.server.url;
  for (let kills = 0; kills < KILLS; kills++) {
    if (await syncInChild(root, { open: { vectorStore }, killAfterMs: 1 + random() * 700 })) break;
  }
  assert.ok(await syncInChild(root, { open: { vectorStore } }));
  await using library = await openLibrary(root, { vectorStore: postgres.server.url });
  assert.equal((await library.verify()).problems, []);
  assertAlike(await cosines(library), await cosines(reference));
});

test('a server that goes away in mid-sync: a typed error, and the next sync finishes', async () => {
  const root = makeTempDir('pg-away');
  await writePictures(root, 80);
  await using library = await openLibrary(root, {
    vectorStore: { url: postgres.server.url, reconnectMs: 0 },
  });
  let killing: Promise<void> | undefined;
  const sync = library.sync({
    onProgress: ({ frames }) => {
      if (frames > 0) killing ??= postgres.server.kill();
    },
  });
  const failed = await errorOf(() => sync);
  await killing;
  assert.is(failed.code, 'ERR_STORE_UNAVAILABLE');
  assert.not.match(failed.message, /secret-word/);
  assert.is(
    (await errorOf(() => library.search({ text: 'a circle' }))).code,
    'ERR_STORE_UNAVAILABLE',
  );
  assert.is(library.stats().media.failed, 0);
  await postgres.server.restart();
  const report = await library.sync();
  assert.is(report.failed, 0);
  assert.equal((await library.verify()).problems, []);
  assert.is((await cosines(library)).size, 80);
  const picturePath = (await library.search({ text: 'a circle' }, { k: 1 })).results[0]?.media_path;
  const byImage = await library.search({ image: readFileSync(path.join(root, picturePath ?? '')) });
  assert.is(byImage.results[0]?.media_path, picturePath);
});

test('another model gets a table of its own, and the former one is dropped with the next change', async () => {
  const root = makeTempDir('pg-model');
  await writePictures(root, 12);
  const vectorStore = postgres.server.url;
  await using library = await openLibrary(root, { vectorStore });
  await library.sync();
  const first = await tableOf(library);
  const before = await cosines(library);
  await using reader = await openLibrary(root, { vectorStore, readOnly: true });
  const { modelChange } = await library.sync({ model: TINY_CLIP });
  assert.equal([modelChange?.isDone, modelChange?.frames], [true, 12]);
  const second = await tableOf(library);
  assert.is.not(second, first);
  // Readers look once a second.
  const find = async (): Promise<string> => (await reader.search({ text: 'a circle' })).model;
  for (const deadline = Date.now() + 20_000; (await find()) !== 'tiny-clip';)
    assert.ok(Date.now() < deadline, 'the reader follows');
  await library.undoModelChange();
  assertAlike(await cosines(library), before);
  assert.is(
    (await errorOf(() => openLibrary(root, { vectorStore }))).code,
    'ERR_FILE_LOCKED',
    'the lock outlives the change',
  );
  rmSync(path.join(root, 'p003.jpg'));
  await library.sync();
  const tables = await sql(`SELECT table_name FROM sightline_spaces`);
  assert.equal(
    [first, second].map((name) => tables.some((row) => row.table_name === name)),
    [true, false],
  );
  assert.is((await sql(`SELECT to_regclass('${second}') IS NULL AS gone`))[0]?.gone, true);
});

test.run();
