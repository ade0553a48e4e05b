/**
 * The catalog of an open library written over in place: the inode stays, so it is no other file. The handle
 * that was open says what happened, and writes not a byte into it, also not by closing.
 */
import { copyFileSync, readFileSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import sharp from 'sharp';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { asMediaId } from '../../lib/base/types';
import { openCatalog } from '../../lib/catalog';
import { openLibrary, type Library } from '../../lib/library';
import { codeOf } from '../helpers/errors';
import { makeTempDir } from '../helpers/temp';
import { TINY_CLIP, TINY_DIM } from '../helpers/tiny-clip';

async function draw(root: string, first: number, count: number): Promise<void> {
  for (let i = first; i < first + count; i++) {
    const background = { r: (40 + i * 37) & 255, g: (i * 91) & 255, b: (i * 151) & 255 };
    const create = { width: 40, height: 30, channels: 3, background } as const;
    const name = `${String(i).padStart(3, '0')}.png`;
    writeFileSync(path.join(root, name), await sharp({ create }).png().toBuffer());
  }
}

const open = (root: string): Promise<Library> => openLibrary(root, { model: TINY_CLIP });
const QUERY = { vector: new Float32Array(TINY_DIM).fill(1) };
const framesIn = async (library: Library): Promise<Record<string, number>> => {
  const { results } = await library.search(QUERY, { k: 1000, exact: true });
  return Object.fromEntries(results.map((hit) => [hit.media_path, hit.frame_id]));
};

/** A library of `count` pictures, closed: its root and its catalog. */
async function made(first: number, count: number): Promise<{ root: string; catalog: string }> {
  const root = makeTempDir('overwritten');
  await draw(root, first, count);
  await using library = await open(root);
  await library.sync();
  return { root, catalog: path.join(root, '.sightline/catalog.sqlite') };
}

const HOW: Readonly<Record<string, (catalog: string, other: string) => void>> = {
  'another catalog': (catalog, other) => copyFileSync(other, catalog),
  'half of it': (catalog) => truncateSync(catalog, statSync(catalog).size >> 1),
  nothing: (catalog) => truncateSync(catalog, 0),
};

for (const [what, overwrite] of Object.entries(HOW)) {
  test(`written over with ${what}: neither answers nor writes, and the new bytes stay`, async () => {
    const { root, catalog } = await made(0, 5);
    const other = await made(100, 7);
    const kept = path.join(makeTempDir('overwritten-kept'), 'catalog.sqlite');
    copyFileSync(catalog, kept);
    const before = statSync(catalog).ino;
    const old = await open(root);
    // So that there is a log, which a close would write into the file.
    await draw(root, 5, 2);
    await old.sync();
    overwrite(catalog, other.catalog);
    assert.is(statSync(catalog).ino, before);
    const bytes = readFileSync(catalog);
    assert.is(await codeOf(() => old.search(QUERY)), 'ERR_FILE_REPLACED');
    assert.is(await codeOf(() => old.frame(3)), 'ERR_FILE_REPLACED');
    await draw(root, 7, 1);
    assert.is(await codeOf(() => old.sync()), 'ERR_FILE_REPLACED');
    assert.is(await codeOf(() => old.verify({ repair: true })), 'ERR_FILE_REPLACED');
    await old.close();
    assert.ok(readFileSync(catalog).equals(bytes), 'closing left it alone');

    // What a person would restore.
    copyFileSync(kept, catalog);
    await using again = await open(root);
    assert.is((await again.sync()).framesTotal, 8);
    assert.equal((await again.verify()).problems, []);
    const ids = await framesIn(again);
    for (let i = 0; i < 5; i++) assert.is(ids[`00${i}.png`], i);
  });
}

test('in the middle of a sync: it ends there, and a backup that was restored opens', async () => {
  const { root, catalog } = await made(0, 5);
  const kept = path.join(makeTempDir('overwritten-kept'), 'catalog.sqlite');
  copyFileSync(catalog, kept);
  await draw(root, 5, 60);
  const old = await open(root);
  let isDone = false;
  const onProgress = ({ frames }: { readonly frames: number }): void => {
    if (frames < 5 || isDone) return;
    isDone = true;
    copyFileSync(kept, catalog);
  };
  assert.is(await codeOf(() => old.sync({ onProgress })), 'ERR_FILE_REPLACED');
  await old.close();
  assert.ok(isDone && readFileSync(catalog).equals(readFileSync(kept)));
  await using again = await open(root);
  assert.is((await again.sync()).framesTotal, 65);
  assert.equal((await again.verify()).problems, []);
});

test('own checkpoints are no strangers: a long log goes into the file while it is open', async () => {
  const dir = makeTempDir('checkpoints');
  const catalog = await openCatalog(dir);
  const file = path.join(dir, 'catalog.sqlite');
  const text = 'x'.repeat(100_000);
  let longest = 0;
  for (let i = 0; i < 200; i++) {
    catalog.setMeta(`key ${i}`, text);
    longest = Math.max(longest, statSync(`${file}-wal`).size);
  }
  assert.ok(longest < 5_000_000, `${longest} bytes of log`);
  assert.ok(statSync(file).size > 12_000_000, `${statSync(file).size} bytes of catalog`);
  // A reader that holds a checkpoint back.
  const reader = await openCatalog(dir, { readOnly: true });
  assert.is(reader.mediaById(asMediaId('0'.repeat(32))), undefined);
  for (let i = 0; i < 100; i++) catalog.setMeta(`more ${i}`, text);
  reader.close();
  assert.is(catalog.meta('more 99'), text);
  catalog.close();
  const again = await openCatalog(dir);
  assert.is(again.meta('more 99'), text);
  assert.equal(again.integrityCheck(), []);
  again.close();
});

test.run();
