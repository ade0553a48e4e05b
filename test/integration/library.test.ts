/** A library from an empty folder to answers, with the built-in model: what changes, and what must not. */
import {
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { findLibrary, openLibrary, type Library } from '../../lib/library';
import { codeOf } from '../helpers/errors';
import { COLOURS, noFfmpeg, picture, writePictures, writeVideo } from '../helpers/media';
import { testUnless } from '../helpers/skip';
import { makeTempDir } from '../helpers/temp';

async function fourDiscs(): Promise<string> {
  const root = makeTempDir('library');
  for (const name of ['red', 'green', 'blue', 'yellow'] as const) {
    writeFileSync(path.join(root, `${name}.jpg`), await picture(COLOURS.white, COLOURS[name]));
  }
  return root;
}

async function topPath(library: Library, text: string): Promise<string | undefined> {
  return (await library.search({ text }, { k: 1 })).results[0]?.media_path;
}

test('words find the picture they describe', async () => {
  const root = await fourDiscs();
  await using library = await openLibrary(root);
  assert.ok(library.isEmpty);
  const report = await library.sync();
  assert.is(report.indexed, 4);
  assert.is(report.framesAdded, 4);
  assert.is(report.failed + report.skipped, 0);
  assert.not.ok(library.isEmpty);
  for (const colour of ['red', 'green', 'blue', 'yellow']) {
    assert.is(await topPath(library, `a ${colour} circle`), `${colour}.jpg`);
  }
  const { results } = await library.search({ text: 'a red circle' });
  assert.is(results.length, 4);
  for (const [i, hit] of results.entries()) {
    assert.ok(hit.similarity >= 0 && hit.similarity <= 1);
    assert.is(hit.similarity, Math.max(0, hit.cosine));
    assert.is(hit.video_id, null);
    assert.ok(hit.frame_url.startsWith(`/frame/${hit.frame_id}/`));
    assert.ok(i === 0 || hit.cosine <= (results[i - 1]?.cosine ?? 1));
    assert.ok(existsSync(library.frameFile(hit.frame_id) ?? ''));
  }
});

test('a picture finds itself, a frame finds others and not itself', async () => {
  const root = await fourDiscs();
  await using library = await openLibrary(root);
  await library.sync();
  const byImage = await library.search(
    { image: readFileSync(path.join(root, 'blue.jpg')) },
    { k: 1 },
  );
  assert.is(byImage.results[0]?.media_path, 'blue.jpg');
  assert.ok((byImage.results[0]?.similarity ?? 0) > 0.99);
  const id = byImage.results[0]?.frame_id ?? -1;
  const like = await library.search({ frame: id }, { k: 10 });
  assert.is(like.results.length, 3);
  assert.ok(like.results.every((hit) => hit.frame_id !== id));
  assert.is(await codeOf(() => library.search({ frame: 999 })), 'ERR_NOT_FOUND');
  assert.is(await codeOf(() => library.search({})), 'ERR_ARG_TYPE');
  assert.is(await codeOf(() => library.search({ text: '  ' })), 'ERR_ARG_RANGE');
  assert.is(await codeOf(() => library.search({ text: 'x'.repeat(1025) })), 'ERR_ARG_RANGE');
  assert.is(await codeOf(() => library.search({ text: 'x' }, { k: 0 })), 'ERR_ARG_RANGE');
});

test('the second sync does only what changed: new, changed, moved, removed', async () => {
  const root = await fourDiscs();
  await using library = await openLibrary(root);
  await library.sync();
  const again = await library.sync();
  assert.is(again.unchanged, 4);
  assert.is(again.indexed + again.framesAdded, 0);

  const redId = (await library.search({ text: 'a red circle' }, { k: 1 })).results[0]?.frame_id;
  mkdirSync(path.join(root, 'sub'));
  renameSync(path.join(root, 'red.jpg'), path.join(root, 'sub/rouge.jpg'));
  const moved = await library.sync();
  assert.is(moved.moved, 1);
  assert.is(moved.framesAdded, 0);
  const hit = (await library.search({ text: 'a red circle' }, { k: 1 })).results[0];
  assert.is(hit?.media_path, 'sub/rouge.jpg');
  assert.is(hit?.frame_id, redId);

  writeFileSync(path.join(root, 'green.jpg'), await picture(COLOURS.black, COLOURS.yellow));
  utimesSync(path.join(root, 'green.jpg'), new Date(), new Date(Date.now() + 5000));
  rmSync(path.join(root, 'blue.jpg'));
  writeFileSync(path.join(root, 'new.jpg'), await picture(COLOURS.yellow, COLOURS.black));
  const mixed = await library.sync();
  assert.is(mixed.changed, 1);
  assert.is(mixed.removed, 1);
  assert.is(mixed.added, 1);
  assert.is(mixed.framesAdded, 2);
  const all = (await library.search({ text: 'circle' }, { k: 50 })).results;
  assert.equal(all.map((one) => one.media_path).sort(), [
    'green.jpg',
    'new.jpg',
    'sub/rouge.jpg',
    'yellow.jpg',
  ]);
  assert.is(new Set(all.map((one) => one.frame_id)).size, 4);
  const check = await library.verify();
  assert.equal(check.problems, []);
});

test('a library opens again with the same answers, for one writer and any reader', async () => {
  const root = await fourDiscs();
  const first = await openLibrary(root);
  await first.sync();
  const before = await first.search({ text: 'a blue circle' });
  assert.is(await codeOf(() => openLibrary(root)), 'ERR_FILE_LOCKED');
  await using reader = await openLibrary(root, { readOnly: true });
  const beside = await reader.search({ text: 'a blue circle' });
  assert.equal(beside.results, before.results);
  assert.is(await codeOf(() => reader.sync()), 'ERR_READ_ONLY');
  await first.close();
  await first.close();
  assert.is(await codeOf(() => first.search({ text: 'x' })), 'ERR_CLOSED');
  await using again = await openLibrary(root);
  assert.equal((await again.search({ text: 'a blue circle' })).results, before.results);
});

test('damaged and foreign files are recorded with a reason and the rest is indexed', async () => {
  const root = await fourDiscs();
  const good = readFileSync(path.join(root, 'red.jpg'));
  writeFileSync(path.join(root, 'broken.jpg'), good.subarray(0, 100));
  writeFileSync(path.join(root, 'text.png'), 'this is no picture');
  writeFileSync(path.join(root, 'empty.jpg'), '');
  await using library = await openLibrary(root);
  const report = await library.sync();
  assert.is(report.indexed, 4);
  assert.is(report.failed + report.skipped, 3);
  assert.equal(report.problems.map((problem) => problem.path).sort(), [
    'broken.jpg',
    'empty.jpg',
    'text.png',
  ]);
  for (const problem of report.problems) {
    assert.match(problem.code, /^ERR_/);
    assert.ok(problem.reason.length > 5);
  }
  assert.equal(
    library.problems(),
    [...report.problems].sort((a, b) => (a.path < b.path ? -1 : 1)),
  );
  const { media } = library.stats();
  assert.is(media.indexed + media.failed + media.skipped, 7);
  // Attempts are bounded: after three tries an unchanged damaged file is left alone.
  await library.sync();
  await library.sync();
  const last = await library.sync();
  assert.is(last.problems.length, 0);
  assert.is((await library.sync({ retryFailed: true })).problems.length, report.failed);
});

test('when most of a library vanishes at once nothing is forgotten until confirmed', async () => {
  const root = makeTempDir('vanish');
  const names = await writePictures(root, 30);
  await using library = await openLibrary(root);
  await library.sync();
  for (const name of names.slice(0, 25)) rmSync(path.join(root, name));
  const held = await library.sync();
  assert.is(held.removed, 0);
  assert.is(held.heldBack, 25);
  assert.is(library.stats().frames, 30);
  const confirmed = await library.sync({ confirmRemovals: true });
  assert.is(confirmed.removed, 25);
  assert.is(library.stats().frames, 5);
  assert.is((await library.search({ text: 'circle' }, { k: 50 })).results.length, 5);
});

test('an interrupted sync keeps what it finished and the next one completes it', async () => {
  const root = makeTempDir('interrupt');
  await writePictures(root, 80);
  await using library = await openLibrary(root);
  const controller = new AbortController();
  const code = await codeOf(() =>
    library.sync({
      signal: controller.signal,
      onProgress: (event) => event.done >= 40 && controller.abort(),
    }),
  );
  assert.is(code, 'ERR_ABORTED');
  const kept = library.stats();
  assert.ok(kept.media.pending + kept.media.indexed >= 30, 'what was decoded is recorded');
  assert.ok(kept.media.pending + kept.media.indexed < 80, 'it really was interrupted');
  const report = await library.sync();
  assert.is(report.framesTotal, 80);
  const ids = (await library.search({ text: 'circle' }, { k: 200, exact: true })).results.map(
    (hit) => hit.frame_id,
  );
  assert.equal(
    [...ids].sort((a, b) => a - b),
    Array.from({ length: 80 }, (_, i) => i),
  );
  assert.ok((await library.verify()).ok);
});

testUnless(noFfmpeg)('filters give exactly as many hits as match', async () => {
  const root = makeTempDir('filters');
  await writePictures(path.join(root, 'stills'), 12);
  writeVideo(path.join(root, 'clips/a.mp4'), 4);
  writeVideo(path.join(root, 'clips/b.webm'), 3);
  await using library = await openLibrary(root);
  const report = await library.sync({ fps: 2 });
  assert.is(report.failed, 0);
  const count = async (options: object): Promise<number> =>
    (await library.search({ text: 'stripes' }, { k: 100, ...options })).results.length;
  assert.is(await count({ type: 'image' }), 12);
  assert.is(await count({ type: 'video' }), 14);
  assert.is(await count({ path: 'clips/*.webm' }), 6);
  assert.is(await count({ path: 'nowhere/**' }), 0);
  const { results } = await library.search(
    { text: 'stripes' },
    { type: 'video', path: '**/a.mp4', k: 100 },
  );
  const times = results.map((hit) => hit.timestamp ?? -1).sort((a, b) => a - b);
  assert.is(times.length, 8);
  times.forEach((time, i) => assert.ok(Math.abs(time - i * 0.5) < 0.11, `frame ${i} at ${time}`));
  assert.match(results[0]?.video_id ?? '', /^[0-9a-f]{32}$/);
  assert.is(library.mediaFile(results[0]?.video_id ?? '')?.path, path.join(root, 'clips/a.mp4'));
});

test('vectors can be made afresh from the stored frames, also with the originals gone', async () => {
  const root = await fourDiscs();
  await using library = await openLibrary(root);
  await library.sync();
  const before = (await library.search({ text: 'a red circle' })).results;
  rmSync(path.join(root, 'red.jpg'));
  const report = await library.index({ rebuild: true });
  assert.is(report.framesAdded, 4);
  assert.equal((await library.search({ text: 'a red circle' })).results, before);
});

test('verify finds a stored frame that is gone, and repair brings it back', async () => {
  const root = await fourDiscs();
  await using library = await openLibrary(root);
  await library.sync();
  const id = (await library.search({ text: 'a red circle' }, { k: 1 })).results[0]?.frame_id ?? -1;
  rmSync(library.frameFile(id) ?? '');
  const found = await library.verify();
  assert.not.ok(found.ok);
  assert.match(found.problems.join('\n'), /red\.jpg/);
  const repaired = await library.verify({ repair: true });
  assert.equal(repaired.problems, []);
  assert.is(await topPath(library, 'a red circle'), 'red.jpg');
});

test('a library outside its root serves that root only', async () => {
  const root = await fourDiscs();
  const dir = path.join(makeTempDir('outside'), 'library');
  await (await openLibrary(root, { dir })).close();
  assert.is(await codeOf(() => openLibrary(makeTempDir('other'), { dir })), 'ERR_ARG_RANGE');
  await using library = await openLibrary(root, { dir });
  assert.is((await library.sync()).indexed, 4);
});

test('no library, no folder, wrong options: each has its code', async () => {
  const root = makeTempDir('none');
  assert.is(findLibrary(root), undefined);
  assert.is(await codeOf(() => openLibrary(root, { readOnly: true })), 'ERR_LIBRARY_MISSING');
  assert.is(await codeOf(() => openLibrary(root, { create: false })), 'ERR_LIBRARY_MISSING');
  assert.is(await codeOf(() => openLibrary(path.join(root, 'nope'))), 'ERR_NOT_FOUND');
  assert.is(
    await codeOf(() => openLibrary(root, { model: '/no/such/model' })),
    'ERR_MODEL_MISSING',
  );
  await using library = await openLibrary(root);
  assert.is(await codeOf(() => library.sync({ fps: 0 })), 'ERR_ARG_RANGE');
  const first = library.sync();
  assert.is(await codeOf(() => library.sync()), 'ERR_BUSY');
  assert.is((await first).framesTotal, 0);
  assert.equal((await library.search({ text: 'anything' })).results, []);
  const dry = await library.sync({ dryRun: true });
  assert.ok(dry.dryRun);
});

test.run();
