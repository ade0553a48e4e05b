/**
 * Frames belong to bytes: what may happen to files without a change of their bytes keeps ids and vectors,
 * and what changes bytes is noticed. Real libraries with a model of a few kilobytes.
 */
import {
  copyFileSync,
  cpSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import sharp from 'sharp';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { openLibrary, type Library } from '../../lib/library';
import type { SyncReport } from '../../lib/base/types';
import { noFfmpeg, writeVideo } from '../helpers/media';
import { testUnless } from '../helpers/skip';
import { makeTempDir } from '../helpers/temp';
import { TINY_CLIP } from '../helpers/tiny-clip';

const COLOURS = ['#c02020', '#20c020', '#2040c0', '#c0c020', '#20c0c0', '#c020c0'];

async function draw(file: string, colour: string): Promise<void> {
  mkdirSync(path.dirname(file), { recursive: true });
  const create = { width: 40, height: 30, channels: 3, background: colour } as const;
  writeFileSync(file, await sharp({ create }).png().toBuffer());
}

async function folderOf(...names: string[]): Promise<string> {
  const root = makeTempDir('truth');
  for (const [i, name] of names.entries())
    await draw(path.join(root, name), COLOURS[i % COLOURS.length] as string);
  return root;
}

const open = (root: string, dir?: string): Promise<Library> =>
  openLibrary(root, { model: TINY_CLIP, ...(dir === undefined ? {} : { dir }) });

/** path@time -> frame id, of everything that can be found. */
async function idsOf(library: Library): Promise<Record<string, number>> {
  const vector = new Float32Array(library.stats().dim).fill(1);
  const { results } = await library.search({ vector }, { k: 1000, exact: true });
  const entries = results.map((hit) => {
    const at = hit.timestamp === null ? '' : `@${hit.timestamp.toFixed(2)}`;
    return [`${hit.media_path}${at}`, hit.frame_id] as const;
  });
  return Object.fromEntries(entries.sort(([a], [b]) => (a < b ? -1 : 1)));
}

const later = (file: string, seconds: number): void => {
  const { mtimeMs } = statSync(file);
  utimesSync(file, mtimeMs / 1000 + seconds, mtimeMs / 1000 + seconds);
};

const changes = ({ added, changed, moved, removed, framesAdded }: SyncReport): object => ({
  ...{ added, changed, moved, removed, framesAdded },
});
const NONE = { added: 0, changed: 0, moved: 0, removed: 0, framesAdded: 0 };

/** Every file of a library with all that a write would change; a lock names who opened it last. */
function stateOf(dir: string): string[] {
  return (readdirSync(dir, { recursive: true }) as string[])
    .filter((name) => !/-(shm|wal)$|LOCK$/.test(name) && statSync(path.join(dir, name)).isFile())
    .map((name) => {
      const { size, mtimeMs, ctimeMs, ino } = statSync(path.join(dir, name));
      return `${name} ${size} ${mtimeMs} ${ctimeMs} ${ino}`;
    })
    .sort();
}

test('new times, permissions, links and a restored copy are no change', async () => {
  const root = await folderOf('a.png', 'b.png', 'c.png', 'd.png', 'e.png');
  await using library = await open(root);
  await library.sync();
  const ids = await idsOf(library);
  const at = (name: string): string => path.join(root, name);
  later(at('a.png'), 5);
  utimesSync(at('b.png'), 0, 0);
  later(at('c.png'), 4e9);
  linkSync(at('d.png'), path.join(makeTempDir('links'), 'd.png'));
  // As a backup puts it back: another inode, the old time of writing.
  const { mtimeMs } = statSync(at('e.png'));
  const bytes = readFileSync(at('e.png'));
  rmSync(at('e.png'));
  writeFileSync(at('e.png'), bytes);
  utimesSync(at('e.png'), mtimeMs / 1000, mtimeMs / 1000);
  assert.equal(changes(await library.sync()), NONE);
  assert.equal(await idsOf(library), ids);
  assert.equal((await library.verify()).problems, []);
});

test('other bytes of the same size under the old time are a change', async () => {
  const root = await folderOf('a.png', 'b.png');
  const file = path.join(root, 'a.png');
  // A whole second, which can be set again exactly.
  utimesSync(file, 1_500_000_000, 1_500_000_000);
  await using library = await open(root);
  await library.sync();
  const before = await idsOf(library);
  const { size, mtimeMs } = statSync(file);
  await draw(file, '#123456');
  // Bytes after the end of a PNG mean nothing, but make the sizes equal.
  const bytes = Buffer.concat([readFileSync(file), Buffer.alloc(64)]);
  writeFileSync(file, bytes.subarray(0, Math.max(size, bytes.length - 64)));
  if (statSync(file).size < size) truncateSync(file, size);
  utimesSync(file, mtimeMs / 1000, mtimeMs / 1000);
  assert.is(statSync(file).mtimeMs, mtimeMs);
  const report = await library.sync();
  assert.is(report.changed, 1);
  assert.is(report.framesAdded, 1);
  const after = await idsOf(library);
  assert.is(after['b.png'], before['b.png']);
  assert.is.not(after['a.png'], before['a.png']);
});

test('moves, swaps, chains and files moved onto others take their frames along', async () => {
  const root = await folderOf('a.png', 'b.png', 'x/1.png', 'x/2.png', 'x/3.png', 'y.png');
  await using library = await open(root);
  await library.sync();
  const ids = await idsOf(library);
  const at = (name: string): string => path.join(root, name);
  renameSync(at('a.png'), at('t'));
  renameSync(at('b.png'), at('a.png'));
  renameSync(at('t'), at('b.png'));
  assert.equal(changes(await library.sync()), { ...NONE, moved: 2 });
  const swapped = { ...ids, 'a.png': ids['b.png'], 'b.png': ids['a.png'] };
  assert.equal(await idsOf(library), swapped);

  // A folder renamed while one of its files changed, and one was moved onto another.
  renameSync(at('x'), at('z'));
  await draw(at('z/3.png'), '#eeaa11');
  renameSync(at('y.png'), at('z/2.png'));
  const report = await library.sync();
  assert.equal(changes(report), { added: 1, changed: 0, moved: 2, removed: 2, framesAdded: 1 });
  const now = await idsOf(library);
  assert.is(now['z/1.png'], ids['x/1.png']);
  assert.is(now['z/2.png'], ids['y.png']);
  assert.equal((await library.verify()).problems, []);
});

test('a copy stays when the original goes, and a file that becomes a folder is a file that went', async () => {
  const root = await folderOf('a.png', 'b.png');
  await using library = await open(root);
  copyFileSync(path.join(root, 'a.png'), path.join(root, 'copy.png'));
  await library.sync();
  const ids = await idsOf(library);
  assert.is(Object.keys(ids).length, 3);
  rmSync(path.join(root, 'a.png'));
  assert.equal(changes(await library.sync()), { ...NONE, removed: 1 });
  assert.equal(await idsOf(library), { 'b.png': ids['b.png'], 'copy.png': ids['copy.png'] });
  renameSync(path.join(root, 'b.png'), path.join(root, 't'));
  mkdirSync(path.join(root, 'b.png'));
  renameSync(path.join(root, 't'), path.join(root, 'b.png/in.png'));
  assert.equal(changes(await library.sync()), { ...NONE, moved: 1 });
  assert.is((await idsOf(library))['b.png/in.png'], ids['b.png']);
});

test('files that return get their ids back, videos too', async () => {
  const root = await folderOf('a.png', 'b.png');
  if (noFfmpeg === undefined) writeVideo(path.join(root, 'film.mp4'), 3);
  const away = makeTempDir('away');
  await using library = await open(root);
  await library.sync();
  const ids = await idsOf(library);
  const files = readdirSync(root).filter((name) => name !== '.sightline' && name !== 'b.png');
  for (const name of files) cpSync(path.join(root, name), path.join(away, name));
  for (const name of files) rmSync(path.join(root, name));
  assert.is((await library.sync({ confirmRemovals: true })).removed, files.length);
  assert.equal(Object.keys(await idsOf(library)), ['b.png']);
  await draw(path.join(root, 'c.png'), '#777777');
  await library.sync();
  for (const name of files) cpSync(path.join(away, name), path.join(root, `back-${name}`));
  const report = await library.sync();
  assert.is(report.failed, 0);
  const back = await idsOf(library);
  for (const [name, id] of Object.entries(ids))
    if (name !== 'b.png') assert.is(back[`back-${name}`], id, name);
  assert.is(new Set(Object.values(back)).size, Object.keys(back).length);
  assert.equal((await library.verify()).problems, []);
});

test('a library and its root copied elsewhere is the same library', async () => {
  const root = await folderOf('a.png', 'sub/b.png');
  const first = await open(root);
  await first.sync();
  const ids = await idsOf(first);
  await first.close();
  const copy = path.join(makeTempDir('copied'), 'library');
  cpSync(root, copy, { recursive: true });
  await using library = await open(copy);
  assert.equal(changes(await library.sync()), NONE);
  assert.equal(await idsOf(library), ids);
});

test('a sync without changes writes no byte', async () => {
  const root = await folderOf('a.png', 'b.png', 'c.png');
  const dir = path.join(root, '.sightline');
  const first = await open(root);
  await first.sync();
  await first.close();
  const before = stateOf(dir);
  assert.ok(before.some((line) => line.startsWith('metadata.jsonl')));
  const again = await open(root);
  await again.sync();
  const vector = new Float32Array(again.stats().dim).fill(1);
  await again.search({ vector }, { k: 2, path: '*.png' });
  await again.sync();
  await again.close();
  assert.equal(stateOf(dir), before);
});

test('metadata.jsonl grows by what is new, is written anew otherwise, and comes back when it is gone', async () => {
  const root = await folderOf('a.png', 'b.png');
  const file = path.join(root, '.sightline/metadata.jsonl');
  await using library = await open(root);
  const ids = (): number[] =>
    readFileSync(file, 'utf8')
      .trimEnd()
      .split('\n')
      .map((line) => (JSON.parse(line) as { frame_id: number }).frame_id);
  await library.sync();
  const { ino } = statSync(file);
  await draw(path.join(root, 'c.png'), '#123123');
  await library.sync();
  assert.equal([ids(), statSync(file).ino], [[0, 1, 2], ino]);
  rmSync(path.join(root, 'a.png'));
  await library.sync();
  assert.equal(ids(), [1, 2]);
  rmSync(file);
  await library.sync();
  assert.equal(ids(), [1, 2]);
  // Half a line, as a crash would leave it: not ours, so it is written anew.
  writeFileSync(file, readFileSync(file, 'utf8').slice(0, -5));
  await draw(path.join(root, 'd.png'), '#321321');
  await library.sync();
  assert.equal(ids(), [1, 2, 3]);
});

testUnless(noFfmpeg)(
  'options that do not apply are said, and --resample applies them; frames that stay keep ids',
  async () => {
    const root = await folderOf('a.png');
    writeVideo(path.join(root, 'film.mp4'), 4);
    await using library = await open(root);
    assert.is((await library.sync({ fps: 1 })).otherSampling, 0);
    const ids = await idsOf(library);
    assert.is((await library.sync()).otherSampling, 0, 'a default is no wish');
    assert.is((await library.sync({ fps: 1, maxSize: 64 })).otherSampling, 1, 'a.png is smaller');
    const asked = await library.sync({ fps: 2 });
    assert.equal([asked.otherSampling, asked.framesAdded], [1, 0]);
    assert.equal(await idsOf(library), ids);

    const finer = await library.sync({ fps: 2, resample: true });
    const fine = await idsOf(library);
    assert.equal([finer.otherSampling, finer.framesAdded], [0, 4]);
    for (const [name, id] of Object.entries(ids)) assert.is(fine[name], id, name);
    assert.is((await library.sync({ fps: 2, resample: true })).framesAdded, 0);

    const smaller = await library.sync({ maxSize: 64, resample: true });
    assert.is(smaller.framesAdded, 8, 'other pictures, at the rate they were taken with');
    assert.equal(await idsOf(library), fine);
    const coarser = await library.sync({ fps: 1, resample: true });
    assert.is(coarser.framesAdded, 0);
    assert.equal(await idsOf(library), ids);
    assert.equal((await library.verify()).problems, []);
  },
);

test.run();
