/** `backup` of a library: the copy opens, verifies and answers the same, also taken during a sync. */
import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, rmSync, statSync } from 'node:fs';
import path from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { openLibrary } from '../../lib/library';
import type { LibraryBackupReport } from '../../lib/library/backup';
import { codeOf } from '../helpers/errors';
import { documentOf, runCli } from '../helpers/cli';
import { drawPictures } from '../helpers/media-folder';
import { makeTempDir } from '../helpers/temp';

async function answersOf(root: string, dir?: string): Promise<unknown> {
  await using library = await openLibrary(root, { readOnly: true, ...(dir && { dir }) });
  const report = await library.verify();
  assert.equal(report.problems, []);
  const queries = ['a red circle', 'two blue squares', 'stripes'];
  const found = [];
  for (const text of queries) {
    const { results } = await library.search({ text }, { k: 5 });
    found.push(
      results.map(({ frame_id, cosine, media_path }) => ({ frame_id, cosine, media_path })),
    );
  }
  return found;
}

test('the command makes a copy that verifies and answers the same, and restores by moving it', async () => {
  const root = makeTempDir('backup-root');
  const away = makeTempDir('backup');
  await drawPictures(root, 8);
  assert.is((await runCli(['sync', root])).code, 0);
  const target = path.join(away, 'copy');
  const run = await runCli(['backup', target, root, '--json']);
  assert.is(run.code, 0, run.stderr);
  const report = documentOf<LibraryBackupReport>(run);
  assert.equal(report, {
    path: target,
    media: 8,
    frames: 8,
    vectors: 8,
    framesMissing: 0,
    isWithoutVectors: false,
  });
  const before = await answersOf(root);
  assert.equal(await answersOf(root, target), before);
  // Frames are the same files where the file system can have it so.
  const frame = 'frames/0/0.jpg';
  assert.is(
    statSync(path.join(target, frame)).ino,
    statSync(path.join(root, '.sightline', frame)).ino,
  );
  rmSync(path.join(root, '.sightline'), { recursive: true });
  await import('node:fs/promises').then(({ rename }) =>
    rename(target, path.join(root, '.sightline')),
  );
  assert.equal(await answersOf(root), before);
  await using library = await openLibrary(root);
  assert.is((await library.sync()).framesAdded, 0);
});

test('a target that exists, or lies in the library or among the media, is refused', async () => {
  const root = makeTempDir('backup-root');
  const away = makeTempDir('backup');
  await drawPictures(root, 2);
  {
    await using library = await openLibrary(root);
    await library.sync();
    mkdirSync(path.join(away, 'taken/with-something'), { recursive: true });
    assert.is(await codeOf(() => library.backup(path.join(away, 'taken'))), 'ERR_FILE_EXISTS');
    assert.is(await codeOf(() => library.backup(path.join(root, '.sightline/b'))), 'ERR_ARG_RANGE');
    assert.is(await codeOf(() => library.backup(path.join(root, 'b'))), 'ERR_ARG_RANGE');
    const signal = AbortSignal.abort();
    assert.is(await codeOf(() => library.backup(path.join(away, 'b'), { signal })), 'ERR_ABORTED');
    assert.equal(readdirSync(away), ['taken']);
    // A frame that is gone is counted, the rest is copied.
    rmSync(path.join(root, '.sightline/frames/0/1.jpg'));
    const report = await library.backup(path.join(away, 'b'));
    assert.equal([report.frames, report.framesMissing], [2, 1]);
  }
  const none = await runCli(['backup', path.join(away, 'c'), makeTempDir('empty')]);
  assert.is(none.code, 2);
  assert.not.ok(existsSync(path.join(away, 'c')));
});

test('a backup during a sync of another process is one moment of the library', async () => {
  const root = makeTempDir('backup-root');
  const away = makeTempDir('backup');
  await drawPictures(root, 2);
  assert.is((await runCli(['sync', root])).code, 0);
  await drawPictures(root, 60);
  const cli = path.resolve(__dirname, '../../lib/cli/main.js');
  const sync = execFile(process.execPath, [cli, 'sync', root, '--progress', 'none']);
  const ended = new Promise<number | null>((resolve) => sync.once('exit', resolve));
  let isRunning = true;
  void ended.then(() => (isRunning = false));
  const copies: string[] = [];
  while (isRunning && copies.length < 5) {
    const copy = path.join(away, String(copies.length));
    const run = await runCli(['backup', copy, root, '--json']);
    assert.is(run.code, 0, run.stderr);
    copies.push(copy);
  }
  assert.is(await ended, 0);
  assert.ok(copies.length > 0);
  for (const dir of copies) {
    // As a writer does after a crash: what only one of the two knew is put right.
    await using library = await openLibrary(root, { dir });
    await library.index();
    assert.equal((await library.verify()).problems, []);
  }
});

test.run();
