/** A library whose files are away for a moment loses none of them, and one that should forget does. */
import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  mkdirSync,
  readdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { openLibrary, type Library } from '../../lib/library';
import type { SyncReport } from '../../lib/base/types';
import { codeOf } from '../helpers/errors';
import { writePictures } from '../helpers/media';
import { asNobody, noNobody } from '../helpers/nobody';
import { skip } from '../helpers/skip';
import { makeTempDir } from '../helpers/temp';

/** Folder with pictures in it and beneath it, and its library elsewhere. */
async function makeLibrary(folders: Record<string, number>): Promise<{
  root: string;
  library: Library;
}> {
  const root = path.join(makeTempDir('absence'), 'media');
  for (const [folder, count] of Object.entries(folders)) {
    mkdirSync(path.join(root, folder), { recursive: true });
    await writePictures(path.join(root, folder), count);
  }
  // makeTempDir gives folders that only their owner enters.
  chmodSync(path.dirname(root), 0o755);
  const library = await openLibrary(root, { dir: makeTempDir('absence-library') });
  await library.sync();
  chmodSync(library.dir, 0o777);
  return { root, library };
}

const kept = ({ removed, ignored, heldBack, unreachable }: SyncReport): number[] => [
  removed,
  ignored,
  heldBack,
  unreachable,
];

/** Syncs with a mode that keeps nobody from looking. */
async function syncWithMode(library: Library, folder: string, mode: number): Promise<SyncReport> {
  chmodSync(folder, mode);
  try {
    return await asNobody(() => library.sync({ confirmRemovals: true }));
  } finally {
    chmodSync(folder, 0o755);
  }
}

test('folders that may not be listed or looked into lose nothing, not even when told so', async () => {
  const why = await noNobody();
  if (why !== undefined) return skip(why);
  const { root, library } = await makeLibrary({ '': 3, sub: 4, 'sub/deep': 2 });
  await using opened = library;
  const unlisted = await syncWithMode(library, root, 0o311);
  assert.equal(kept(unlisted), [0, 0, 0, 9]);
  assert.equal(
    unlisted.problems.map(({ path: at, code, state }) => [at, code, state]),
    [['.', 'ERR_IO', 'failed']],
  );
  assert.is(library.stats().unreachable, 9);
  assert.equal(library.problems(), unlisted.problems, 'listed at any time');
  const listedOnly = await syncWithMode(library, root, 0o644);
  assert.equal(kept(listedOnly), [0, 0, 0, 9], 'names without files');
  assert.equal(kept(await syncWithMode(library, path.join(root, 'sub'), 0o000)), [0, 0, 0, 6]);
  assert.equal(kept(await opened.sync()), [0, 0, 0, 0]);
  assert.equal(library.problems(), []);
  assert.is(library.stats().frames, 9);
});

test('an empty mount point, a folder that is away and a link that leads nowhere lose nothing', async () => {
  const { root, library } = await makeLibrary({ '': 2, usb: 3, home: 4 });
  await using opened = library;
  const away = `${root}.away`;
  renameSync(root, away);
  mkdirSync(root);
  assert.equal(kept(await library.sync()), [0, 0, 9, 0], 'empty');
  assert.is((await library.search({ text: 'circle' })).results.length, 9);
  rmSync(root, { recursive: true });
  assert.is(await codeOf(library.sync()), 'ERR_FILE_MISSING');
  symlinkSync(away, root);
  assert.equal(kept(await library.sync()), [0, 0, 0, 0], 'a root may be a link');
  renameSync(path.join(away, 'usb'), `${root}.usb`);
  unlinkSync(path.join(away, 'home', readdirSync(path.join(away, 'home'))[0] as string));
  const top = await library.sync();
  assert.equal(kept(top), [1, 0, 3, 0], 'what is clear is done');
  assert.equal(top.heldBackReasons, ['every file of usb']);
  mkdirSync(path.join(away, 'usb'));
  assert.equal(kept(await library.sync()), [0, 0, 3, 0], 'asked again');
  assert.is(library.stats().heldBack, 3);
  assert.equal(kept(await opened.sync({ confirmRemovals: true })), [3, 0, 0, 0]);
  assert.equal([library.stats().heldBack, library.stats().frames], [0, 5]);
});

test('a disk within the folder that is unmounted is missed, however little was on it', async () => {
  const { root, library } = await makeLibrary({ 'a/b': 9 });
  await using opened = library;
  const disk = path.join(root, 'a/disk');
  mkdirSync(disk);
  try {
    execFileSync('mount', ['-t', 'tmpfs', 'none', disk], { stdio: 'ignore' });
  } catch {
    return skip('nothing may be mounted here');
  }
  try {
    await writePictures(disk, 2);
    await library.sync();
  } finally {
    execFileSync('umount', [disk]);
  }
  const report = await opened.sync();
  assert.equal(kept(report), [0, 0, 2, 0]);
  assert.equal(report.heldBackReasons, ['the disk at a/disk is not there']);
  assert.equal(kept(await opened.sync()), [0, 0, 2, 0], 'the question stays');
});

test('what is ignored later leaves at once and comes back when the rule goes', async () => {
  const { root, library } = await makeLibrary({ '': 1, private: 25 });
  await using opened = library;
  const file = path.join(root, '.sightlineignore');
  writeFileSync(file, 'private/\n');
  assert.equal(kept(await library.sync()), [0, 25, 0, 0]);
  assert.is(library.stats().frames, 1);
  rmSync(file);
  assert.is((await library.sync()).framesAdded, 25);
  assert.equal(kept(await library.sync({ ignore: ['PRIVATE'] })), [0, 25, 0, 0]);
  // Rules that the library keeps hold for whoever syncs it and says nothing of rules.
  writeFileSync(path.join(library.dir, 'config.json'), '{"ignore": ["private/"]}');
  assert.is((await library.sync()).added, 0);
  assert.is((await opened.sync({ ignore: [] })).added, 25);
});

test('what a sync could not take is listed until it is gone', async () => {
  const { root, library } = await makeLibrary({ '': 1 });
  await using opened = library;
  symlinkSync('/', path.join(root, 'album'));
  execFileSync('mkfifo', [path.join(root, 'pipe.jpg')]);
  writeFileSync(path.join(root, 'bad.jpg'), 'no picture');
  await library.sync();
  const listed = library.problems().map(({ path: at, state }) => [at, state]);
  assert.equal(
    listed.map(([at]) => at),
    ['album', 'bad.jpg', 'pipe.jpg'],
  );
  assert.is(library.stats().notTaken, 2);
  await using reader = await openLibrary(root, { dir: library.dir, readOnly: true });
  assert.is(reader.problems().length, 3, 'a reader lists them, too');
  for (const name of ['album', 'pipe.jpg', 'bad.jpg']) unlinkSync(path.join(root, name));
  await opened.sync();
  assert.equal(library.problems(), []);
});

test('a path filter finds what the same rule would leave out', async () => {
  const { library } = await makeLibrary({ '': 2, 'Trip (Rome)': 2, 'Trip (Rome)/x': 1 });
  await using opened = library;
  const find = async (pattern: string): Promise<number> =>
    (await library.search({ text: 'circle' }, { path: pattern })).results.length;
  for (const [pattern, count] of [
    ['trip (rome)/*', 3],
    ['Trip*', 3],
    ['x/', 1],
    ['/x/', 0],
    ['!Trip (Rome)/', 2],
    ['*.JPG', 5],
    ['**/+(*a)c', 0],
  ] as const)
    assert.is(await find(pattern), count, pattern);
  assert.is(await codeOf(find('/')), 'ERR_ARG_RANGE');
  assert.is(await codeOf(find('a'.repeat(2000))), 'ERR_ARG_RANGE');
  assert.is(await codeOf(opened.sync({ ignore: [''] })), 'ERR_ARG_RANGE');
});

test.run();
