/** EXR facts and spaces after crashes and damage: a sync brings them in step, `verify` says what is wrong and mends it. */
import { cpSync, existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { openLibrary, VectorIndex, type Library } from '../../lib';
import { openCatalog } from '../../lib/catalog';
import { openSqlite } from '../../lib/catalog/sqlite/sqlite';
import { exrHeader } from '../helpers/exr-files';
import { syncInChild } from '../helpers/sync-crash';
import { makeTempDir } from '../helpers/temp';
import { TINY_CLIP } from '../helpers/tiny-clip';

const COUNT = 40;
const SPACES = ['exr-metadata-2', 'exr-channels-2'];

/** Without colours, so that no picture is decoded. */
const renderOf = (number: number): Buffer =>
  exrHeader({
    parts: [{ channels: [{ name: `mask${number % 5}` }, { name: `pass${number}.Z` }] }],
  });

function writeRenders(root: string, count = COUNT): void {
  mkdirSync(path.join(root, 'shot'));
  for (let i = 0; i < count; i++) writeFileSync(path.join(root, `shot/${i}.exr`), renderOf(i));
}

const open = (root: string): Promise<Library> => openLibrary(root, { model: TINY_CLIP });

/** A library that is in step and closed. */
async function made(): Promise<{ root: string; dir: string }> {
  const root = makeTempDir('library-exr-crash');
  writeRenders(root);
  await using library = await open(root);
  await library.sync();
  assert.equal((await library.verify()).problems, []);
  return { root, dir: path.join(root, '.sightline') };
}

/** Every file finds all others, and itself where the engine is asked. */
async function assertInStep(library: Library, count = COUNT): Promise<void> {
  assert.equal((await library.verify()).problems, []);
  for (const by of ['metadata', 'channels'] as const) {
    const found = await library.exr.similar('shot/0.exr', { by, k: 1000 });
    const exact = await library.exr.similar('shot/0.exr', { by, k: 1000, exact: true });
    assert.is(found.length, count - 1, by);
    assert.equal(
      found.map(({ distance }) => distance),
      exact.map(({ distance }) => distance),
    );
  }
}

async function problemsOf(root: string): Promise<string> {
  await using library = await open(root);
  return (await library.verify()).problems.join('\n');
}

/** Mended by a sync in a copy of the library, and by a repair in another. */
async function assertMended(root: string, how: readonly ('sync' | 'repair')[]): Promise<void> {
  for (const one of how) {
    const copy = makeTempDir('library-exr-crash');
    cpSync(root, copy, { recursive: true, preserveTimestamps: true });
    await using library = await open(copy);
    if (one === 'sync') await library.sync();
    else assert.equal((await library.verify({ repair: true })).problems, []);
    await assertInStep(library);
  }
}

test('rows that the engine has and the catalog does not count as indexed are written again, once', async () => {
  const { root, dir } = await made();
  const catalog = await openCatalog(dir);
  const ids = catalog.exr.idsOf(2);
  // As after a crash between the two.
  catalog.exr.setIndexed(2, ids.slice(0, 15), false);
  catalog.close();
  await using library = await open(root);
  await library.sync();
  await assertInStep(library);
  await library.close();
  const reopened = await openCatalog(dir);
  assert.equal(reopened.exr.unindexed(2, 100), []);
  reopened.close();
});

test('syncs that are killed at any moment leave what the next one completes', async () => {
  const root = makeTempDir('library-exr-crash');
  writeRenders(root, 200);
  let killed = 0;
  for (const killAfterMs of [30, 120, 250, 400])
    if (!(await syncInChild(root, { open: { model: TINY_CLIP }, killAfterMs }))) killed++;
  assert.ok(killed > 0, 'no child was killed');
  await using library = await open(root);
  await library.sync();
  assert.equal(library.exr.stats(), { files: 200, failed: 0, version: 2, embedded: 200 });
  await assertInStep(library, 200);
});

test('a backup answers as the library does, before anything is synced', async () => {
  const { root } = await made();
  const target = path.join(makeTempDir('library-exr-backup'), 'copy');
  {
    await using library = await open(root);
    await library.backup(target);
  }
  const how = { model: TINY_CLIP, dir: target, readOnly: true };
  await using reader = await openLibrary(root, how);
  await assertInStep(reader);
});

for (const space of SPACES) {
  test(`rows that ${space} lost are found, and written again`, async () => {
    const { root, dir } = await made();
    const index = await VectorIndex.open(path.join(dir, 'spaces', space));
    await index.remove([1, 2, 3]);
    await index.close();
    assert.match(await problemsOf(root), /has 37 live rows, the catalog counts 40/);
    await assertMended(root, ['sync', 'repair']);
  });

  test(`${space} is made again from the catalog when its folder is gone, by readers in memory`, async () => {
    const { root, dir } = await made();
    const folder = path.join(dir, 'spaces', space);
    rmSync(folder, { recursive: true });
    {
      await using reader = await openLibrary(root, { model: TINY_CLIP, readOnly: true });
      await assertInStep(reader);
      assert.not.ok(existsSync(folder));
    }
    await using writer = await open(root);
    await assertInStep(writer);
    assert.ok(existsSync(folder));
  });

  test(`a ${space} with as many rows, of other files, is brought in step`, async () => {
    const { root, dir } = await made();
    const index = await VectorIndex.open(path.join(dir, 'spaces', space));
    const [row] = [index.rowOf(5) as number];
    await index.add(index.vectors([row]), { keys: [4711] });
    await index.remove([5]);
    await index.close();
    assert.match(await problemsOf(root), new RegExp(`4\\.exr|exr: ${space.slice(0, -2)} has no`));
    await assertMended(root, ['sync', 'repair']);
  });

  test(`an older ${space}, with other vectors of the same files, is found and mended`, async () => {
    const { root, dir } = await made();
    const folder = path.join(dir, 'spaces', space);
    const older = path.join(makeTempDir('older'), space);
    cpSync(folder, older, { recursive: true });
    writeFileSync(path.join(root, 'shot/7.exr'), renderOf(1007));
    await open(root).then(async (library) => {
      await library.sync();
      await library.close();
    });
    rmSync(folder, { recursive: true });
    cpSync(older, folder, { recursive: true });
    assert.match(await problemsOf(root), /shot\/7\.exr: exr-\w+ has another vector of it/);
    await assertMended(root, ['repair']);
  });
}

const DAMAGES: Readonly<Record<string, string>> = {
  'a payload': `UPDATE exr_files SET payload = replace(payload, 'mask', 'musk') WHERE path = 'shot/3.exr'`,
  'a payload that is no JSON': `UPDATE exr_files SET payload = 'x' WHERE path = 'shot/3.exr'`,
  'a checksum': `UPDATE exr_files SET checksum = checksum + 1 WHERE path = 'shot/3.exr'`,
  'a path': `UPDATE exr_files SET path = 'shot/x.exr' WHERE path = 'shot/3.exr'`,
  'a vector': `UPDATE exr_vectors SET metadata_embedding = zeroblob(1536) WHERE file_id = 3`,
  'a vector that waits': `UPDATE exr_vectors SET channel_fingerprint = zeroblob(512), is_indexed = 0 WHERE file_id = 3`,
};

for (const [what, statement] of Object.entries(DAMAGES))
  test(`${what} damaged in the catalog is found, and read again under the same id`, async () => {
    const { root, dir } = await made();
    const idsOf = async (library: Library): Promise<unknown> =>
      (await library.sql('SELECT file_id, file_path FROM files ORDER BY file_id')).rows;
    const before = await open(root).then(async (library) => {
      const ids = await idsOf(library);
      await library.close();
      return ids;
    });
    const db = openSqlite(path.join(dir, 'catalog.sqlite'), false);
    db.exec(statement);
    db.close();
    await using library = await open(root);
    const { problems } = await library.verify();
    assert.ok(problems.length > 0 && problems.length <= 2, problems.join('\n'));
    assert.match(problems.join('\n'), /damaged|is not that of its facts/);
    assert.equal((await library.verify({ repair: true })).problems, []);
    assert.equal(await idsOf(library), before);
    await assertInStep(library);
  });

test('a sync reads a damaged entry again whose vectors are missing', async () => {
  const { root, dir } = await made();
  const db = openSqlite(path.join(dir, 'catalog.sqlite'), false);
  db.exec(DAMAGES['a payload'] as string);
  db.exec(
    `DELETE FROM exr_vectors WHERE file_id IN (
       SELECT file_id FROM exr_files WHERE path IN ('shot/3.exr', 'shot/4.exr'))`,
  );
  db.close();
  await using library = await open(root);
  writeFileSync(path.join(root, 'shot/new.exr'), renderOf(99));
  await library.sync();
  await assertInStep(library, COUNT + 1);
});

test.run();
