/**
 * A library whose folder, or a part of it, is another one by now: a handle that was opened before writes
 * nothing into what is there, not a byte, also not by closing.
 */
import { createHash } from 'node:crypto';
import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import sharp from 'sharp';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { openLibrary, type Library } from '../../lib/library';
import { DiskCache } from '../../lib/stores/cache';
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

const open = (root: string, dir?: string): Promise<Library> =>
  openLibrary(root, { model: TINY_CLIP, ...(dir === undefined ? {} : { dir }) });

/** Every file in it and below, with its bytes. */
const digestOf = (folder: string): string[] =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => path.join(entry.parentPath, entry.name))
    .sort()
    .map((file) => `${file} ${createHash('sha256').update(readFileSync(file)).digest('hex')}`);

const QUERY = { vector: new Float32Array(TINY_DIM).fill(1) };
const framesIn = async (library: Library): Promise<number[]> => {
  const { results } = await library.search(QUERY, { k: 1000, exact: true });
  return results.map((hit) => hit.frame_id).sort((a, b) => a - b);
};

/** A root with a library of three pictures, and somebody else's pictures. */
async function makeRoot(): Promise<{ root: string; folder: string; spare: string }> {
  const root = makeTempDir('replaced');
  await draw(root, 0, 3);
  return { root, folder: path.join(root, '.sightline'), spare: makeTempDir('replaced-spare') };
}

/** A library of other pictures in `folder`, left open: its log is where SQLite works on it. */
async function newcomerIn(folder: string): Promise<Library> {
  const root = makeTempDir('replaced-other');
  await draw(root, 100, 5);
  const library = await open(root, folder);
  await library.sync();
  return library;
}

const VERBS: Readonly<Record<string, (library: Library, root: string) => Promise<unknown>>> = {
  sync: async (library, root) => {
    await draw(root, 50, 2);
    await library.sync();
  },
  'a sync that finds files gone': async (library, root) => {
    rmSync(path.join(root, '001.png'));
    await library.sync();
  },
  ingest: async (library, root) => {
    await draw(root, 50, 2);
    await library.ingest();
  },
  'verify with repair': (library) => library.verify({ repair: true }),
  rebuild: (library) => library.index({ rebuild: true }),
};

const HOW: Readonly<Record<string, (folder: string, spare: string) => void>> = {
  deleted: (folder) => rmSync(folder, { recursive: true }),
  renamed: (folder, spare) => renameSync(folder, path.join(spare, 'away')),
};

for (const [how, takeAway] of Object.entries(HOW)) {
  for (const [verb, call] of Object.entries(VERBS)) {
    test(`${verb}, when the folder was ${how} and made again, leaves the newcomer alone`, async () => {
      const { root, folder, spare } = await makeRoot();
      const old = await open(root);
      await old.sync();
      const before = await framesIn(old);
      takeAway(folder, spare);
      const newcomer = await newcomerIn(folder);
      const digest = digestOf(folder);
      assert.ok(digest.some((line) => line.includes('catalog.sqlite-wal')));

      assert.is(await codeOf(() => call(old, root)), 'ERR_FILE_REPLACED');
      assert.equal(digestOf(folder), digest);
      assert.equal(await framesIn(old), before);
      assert.is(old.frameFile(0), undefined);
      await codeOf(() => old.close());
      assert.equal(digestOf(folder), digest);

      assert.equal(await framesIn(newcomer), [0, 1, 2, 3, 4]);
      assert.equal((await newcomer.verify()).problems, []);
      await newcomer.close();
      if (how !== 'renamed') return;
      await using again = await open(root, path.join(spare, 'away'));
      assert.equal(await framesIn(again), before);
    });
  }
}

test('the folder taken away in the middle of a sync: what was there is whole, the newcomer untouched', async () => {
  const { root, folder, spare } = await makeRoot();
  const newcomerFolder = path.join(spare, 'new');
  const newcomer = await newcomerIn(newcomerFolder);
  await newcomer.close();
  await draw(root, 3, 60);
  const away = path.join(spare, 'away');
  const old = await open(root);
  let digest: string[] | undefined;
  const onProgress = ({ done }: { readonly done: number }): void => {
    if (done < 10 || digest !== undefined) return;
    renameSync(folder, away);
    cpSync(newcomerFolder, folder, { recursive: true });
    digest = digestOf(folder);
  };
  assert.is(await codeOf(() => old.sync({ onProgress })), 'ERR_FILE_REPLACED');
  await codeOf(() => old.close());
  assert.ok(digest);
  assert.equal(digestOf(folder), digest);
  await using again = await open(root, away);
  await again.sync();
  assert.equal((await again.verify()).problems, []);
  assert.is((await framesIn(again)).length, 63);
});

test('only the catalog replaced by a backup of it: no write, not even by closing', async () => {
  const { root, folder } = await makeRoot();
  const old = await open(root);
  await old.sync();
  const backup = path.join(makeTempDir('replaced-backup'), 'copy');
  await old.backup(backup);
  const file = path.join(folder, 'catalog.sqlite');
  // As `mv` or rsync restore it; the log of the former one goes with it.
  cpSync(path.join(backup, 'catalog.sqlite'), `${file}.restored`);
  renameSync(`${file}.restored`, file);
  rmSync(`${file}-wal`);
  rmSync(`${file}-shm`);
  await draw(root, 3, 2);
  const digest = digestOf(folder);
  assert.is(await codeOf(() => old.sync()), 'ERR_FILE_REPLACED');
  assert.is(await codeOf(() => old.verify({ repair: true })), 'ERR_FILE_REPLACED');
  await old.close();
  assert.equal(digestOf(folder), digest);
  await using again = await open(root);
  assert.is((await again.sync()).framesAdded, 2);
  assert.equal((await again.verify()).problems, []);
});

test('only the frames replaced: nothing is written among them; deleted ones are made again', async () => {
  const { root, folder } = await makeRoot();
  const frames = path.join(folder, 'frames');
  const old = await open(root);
  await old.sync();
  renameSync(frames, `${frames}.away`);
  mkdirSync(path.join(frames, '0'), { recursive: true });
  writeFileSync(path.join(frames, '0/3.jpg'), "somebody's");
  await draw(root, 3, 1);
  const digest = digestOf(frames);
  assert.is(await codeOf(() => old.sync()), 'ERR_FILE_REPLACED');
  rmSync(path.join(root, '001.png'));
  assert.is(await codeOf(() => old.sync()), 'ERR_FILE_REPLACED');
  assert.equal(digestOf(frames), digest);
  rmSync(frames, { recursive: true });
  assert.ok((await old.verify({ repair: true })).problems.length < 3);
  assert.ok(existsSync(path.join(frames, '0/0.jpg')));
  await old.close();
});

test('a folder that is only gone is not made again, and closing is quiet where nothing is lost', async () => {
  const { root, folder } = await makeRoot();
  const old = await open(root);
  await old.sync();
  const before = await framesIn(old);
  rmSync(folder, { recursive: true });
  await draw(root, 3, 2);
  assert.is(await codeOf(() => old.sync()), 'ERR_FILE_MISSING');
  assert.is(await codeOf(() => old.verify({ repair: true })), 'ERR_FILE_MISSING');
  assert.equal(await framesIn(old), before);
  await codeOf(() => old.close());
  assert.not.ok(existsSync(folder));
});

test('a reader of a folder that was replaced answers with what it opened, and changes nothing', async () => {
  const { root, folder, spare } = await makeRoot();
  {
    await using library = await open(root);
    await library.sync();
  }
  const reader = await openLibrary(root, { readOnly: true });
  const before = await framesIn(reader);
  renameSync(folder, path.join(spare, 'away'));
  const newcomer = await newcomerIn(folder);
  const digest = digestOf(folder);
  assert.equal(await framesIn(reader), before);
  assert.is(reader.frameFile(0), undefined);
  assert.is(await codeOf(() => reader.verify()), 'ERR_FILE_REPLACED');
  await reader.close();
  assert.equal(digestOf(folder), digest);
  await newcomer.close();
});

test('a cache on the disk may be deleted or replaced: it belongs to nobody, and goes on', async () => {
  const root = makeTempDir('replaced-cache');
  const folder = path.join(root, 'cache');
  const key = (digit: string): string => `embedding:image:${digit.repeat(64)}`;
  const vector = Float32Array.of(1, 2, 3);
  const old = new DiskCache({ folder });
  assert.ok(await old.set(key('a'), vector));
  renameSync(folder, path.join(root, 'away'));
  assert.ok(await old.set(key('b'), vector));
  const newcomer = new DiskCache({ folder });
  assert.ok(await newcomer.set(key('c'), Float32Array.of(4, 5, 6)));
  assert.is(await old.get(key('a'), 3), undefined);
  assert.equal(await old.get(key('c'), 3), Float32Array.of(4, 5, 6));
  assert.equal(await newcomer.get(key('b'), 3), vector);
  await old.close();
  await newcomer.close();
});

test.run();
