/** Ctrl-C in the middle of a sync: stops at a safe point, and the next sync completes without loss. */
import { mkdirSync, rmSync } from 'node:fs';
import path from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { LibraryStats, SearchResponse, SyncReport } from '../../lib/base/types';
import { documentOf, runCli, startCli } from '../helpers/cli';
import { noFfmpeg, writeVideo } from '../helpers/media';
import { drawPictures } from '../helpers/media-folder';
import { skip } from '../helpers/skip';
import { makeTempDir } from '../helpers/temp';

const PICTURES = 80;
const root = makeTempDir('cli-interrupt');
test.before(() => drawPictures(root, PICTURES).then(() => undefined));

/** Resumes, and checks that every picture is searchable exactly once. */
async function assertCompletes(): Promise<SyncReport> {
  const result = await runCli(['sync', root, '--json']);
  assert.is(result.code, 0, result.stderr);
  const report = documentOf<SyncReport>(result);
  assert.is(report.framesTotal, PICTURES);
  const stats = documentOf<LibraryStats>(await runCli(['stats', root, '--json']));
  assert.is(stats.media.indexed, PICTURES);
  assert.is(stats.hnswNodes, PICTURES);
  const found = await runCli(['search', 'x', root, '--json', '--exact', '-k', '1000', '--no-sync']);
  const { results } = documentOf<SearchResponse>(found);
  assert.is(new Set(results.map((hit) => hit.media_path)).size, PICTURES);
  assert.is(new Set(results.map((hit) => hit.frame_id)).size, PICTURES);
  assert.is((await runCli(['verify', root])).code, 0);
  return report;
}

test('the first Ctrl-C keeps what is finished, ends with 130, and the next sync resumes', async () => {
  const sync = startCli(['sync', root, '--json', '--progress', 'json'], { ownGroup: true });
  await sync.until(/"phase":"decode","done":(1\d|[2-9]\d),/);
  sync.ctrlC();
  const { code, stdout, stderr } = await sync.ended;
  assert.is(code, 130, stderr);
  assert.match(stderr, /stopping after the current batch/);
  assert.match(stderr, /the next sync resumes here/);
  assert.equal(JSON.parse(stdout), { interrupted: true });
  const kept = documentOf<LibraryStats>(await runCli(['stats', root, '--json']));
  const started = kept.media.indexed + kept.media.pending;
  assert.ok(started >= 10, `${started} files kept`);
  assert.ok(kept.media.indexed < PICTURES, 'it was interrupted before the end');
  assert.is(kept.media.failed, 0, 'Ctrl-C also reaches the decoders, and is no fault of a file');
  const report = await assertCompletes();
  assert.ok(report.indexed < PICTURES, 'finished files were not read again');
});

test('Ctrl-C while a video is decoded leaves it to the next sync', async () => {
  const films = path.join(root, 'films');
  mkdirSync(films);
  if (noFfmpeg !== undefined) return skip(noFfmpeg);
  writeVideo(path.join(films, 'long.mp4'), 240);
  // Few frames of a long film: what takes time is to decode it.
  const args = ['sync', films, '--fps', '0.25'];
  const sync = startCli([...args, '--progress', 'json'], { ownGroup: true });
  await sync.until(/"phase":"decode","done":0,"total":1/);
  sync.ctrlC();
  const { code, stderr } = await sync.ended;
  assert.is(code, 130, stderr);
  const kept = documentOf<LibraryStats>(await runCli(['stats', films, '--json']));
  assert.is(kept.media.failed, 0, stderr);
  assert.is(kept.frames, 0);
  const report = documentOf<SyncReport>(await runCli([...args, '--json']));
  assert.is(report.framesTotal, 60);
  rmSync(films, { recursive: true });
});

test('a second Ctrl-C ends at once, and nothing committed is lost', async () => {
  const more = path.join(root, 'more');
  await drawPictures(more, 60, 'more');
  const sync = startCli(['sync', more, '--progress', 'json'], { ownGroup: true });
  await sync.until(/"phase":"decode","done":[1-9]/);
  sync.ctrlC();
  await sync.until(/stopping after the current batch/);
  sync.ctrlC();
  assert.is((await sync.ended).code, 130);
  const result = await runCli(['sync', more, '--json']);
  assert.is(result.code, 0, result.stderr);
  assert.is(documentOf<SyncReport>(result).framesTotal, 60);
});

test.run();
