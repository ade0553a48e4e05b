/** What a program can read from a library besides answers: frames, media files, vectors, sizes, events. */
import { mkdirSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { openLibrary, type Library } from '../../lib/library';
import type { ProgressEvent, SyncReport } from '../../lib/base/types';
import { codeOf } from '../helpers/errors';
import { COLOURS, noFfmpeg, picture, writeVideo } from '../helpers/media';
import { testUnless } from '../helpers/skip';
import { makeTempDir } from '../helpers/temp';

const root = makeTempDir('library-contents');
let library: Library;

test.before(async () => {
  mkdirSync(path.join(root, 'sub'));
  for (const [file, colour] of [
    ['red.jpg', COLOURS.red],
    ['sub/green.jpg', COLOURS.green],
    ['sub/blue.jpg', COLOURS.blue],
  ] as const)
    writeFileSync(path.join(root, file), await picture(COLOURS.white, colour));
  writeFileSync(path.join(root, 'broken.jpg'), Buffer.from('ffd8ffe000104a464946', 'hex'));
  library = await openLibrary(root);
  await library.sync();
});
test.after(() => library.close());

const paths = (items: Iterable<{ readonly path: string }>): string[] =>
  [...items].map((item) => item.path);

test('media() lists every file in path order, and filters by kind, path and state', () => {
  const all = [...library.media()];
  assert.equal(paths(all), ['broken.jpg', 'red.jpg', 'sub/blue.jpg', 'sub/green.jpg']);
  assert.equal(paths(library.media({ path: 'sub/' })), ['sub/blue.jpg', 'sub/green.jpg']);
  assert.equal(paths(library.media({ type: 'video' })), []);
  const [broken, ...others] = library.media({ state: 'failed' });
  assert.is(broken?.path, 'broken.jpg');
  assert.ok((broken?.code ?? '').startsWith('ERR_') && (broken?.reason ?? '') !== '');
  assert.is(others.length, 0);
  const red = all.find((item) => item.path === 'red.jpg');
  const { size, mtimeMs } = statSync(path.join(root, 'red.jpg'));
  assert.is(red?.sizeBytes, size);
  assert.is(Math.floor(red?.mtimeMs ?? 0), Math.floor(mtimeMs));
  assert.match(red?.sha256 ?? '', /^[0-9a-f]{64}$/);
  assert.ok((red?.width ?? 0) > 0 && (red?.height ?? 0) > 0);
});

test('frames() lists frames by id, of all files, of some, or of one', () => {
  const all = [...library.frames()];
  assert.is(all.length, 3);
  assert.equal(
    all.map((frame) => frame.frameId),
    all.map((frame) => frame.frameId).sort((a, b) => a - b),
  );
  for (const frame of all) assert.equal(library.frame(frame.frameId), frame);
  const inSub = [...library.frames({ path: 'sub/' })];
  assert.equal(inSub.map((frame) => frame.mediaPath).sort(), ['sub/blue.jpg', 'sub/green.jpg']);
  const mediaId = inSub[0]?.mediaId ?? '';
  assert.equal([...library.frames({ mediaId })], inSub.slice(0, 1));
  assert.equal([...library.frames({ mediaId, type: 'video' })], []);
  assert.equal([...library.frames({ mediaId: 'unknown' })], []);
});

test('vectorOf() gives the unit vector that finds its own frame', async () => {
  for (const { frameId } of library.frames()) {
    const vector = await library.vectorOf(frameId);
    assert.is(vector?.length, library.stats().dim);
    assert.ok(Math.abs(Math.hypot(...(vector ?? [])) - 1) < 1e-5);
    const { results } = await library.search({ vector: vector as Float32Array }, { k: 1 });
    assert.is(results[0]?.frame_id, frameId);
    assert.ok((results[0]?.cosine ?? 0) > 0.9999);
  }
  for (const unknown of [99, -1, 1.5, NaN]) assert.is(await library.vectorOf(unknown), undefined);
});

test('misspelt filters are refused', async () => {
  assert.is(await codeOf(() => library.frames({ kind: 'image' } as object)), 'ERR_ARG_TYPE');
  assert.is(await codeOf(() => library.media({ type: 'images' } as object)), 'ERR_ARG_RANGE');
  assert.is(await codeOf(() => library.media({ state: 1 } as object)), 'ERR_ARG_TYPE');
});

test('diskUsage() counts every byte of the library', async () => {
  const usage = await library.diskUsage();
  const files = readdirSync(library.dir, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => path.join(entry.parentPath, entry.name));
  assert.is(
    usage.total,
    files.reduce((sum, file) => sum + statSync(file).size, 0),
  );
  assert.is(usage.total, usage.frames + usage.vectors + usage.other);
  assert.ok(usage.frames > 0 && usage.vectors > 0 && usage.other > 0);
});

test('a search can be aborted, before it starts and while it encodes', async () => {
  const aborted = AbortSignal.abort();
  assert.is(
    await codeOf(() => library.search({ text: 'red' }, { signal: aborted })),
    'ERR_ABORTED',
  );
  const controller = new AbortController();
  const searching = codeOf(() => library.search({ text: 'green' }, { signal: controller.signal }));
  controller.abort();
  assert.is(await searching, 'ERR_ABORTED');
  assert.is((await library.search({ text: 'a red circle' })).results[0]?.media_path, 'red.jpg');
});

test('events tell of progress and the end of a sync, and readers of changes by others', async () => {
  await using reader = await openLibrary(root, { readOnly: true });
  await reader.search({ text: 'red' });
  let changes = 0;
  reader.events.on('change', () => changes++);
  const seen: ProgressEvent[] = [];
  const reports: SyncReport[] = [];
  library.events.on('progress', (event) => seen.push(event));
  library.events.once('sync', (report) => reports.push(report));
  writeFileSync(path.join(root, 'yellow.jpg'), await picture(COLOURS.white, COLOURS.yellow));
  const report = await library.sync();
  library.events.removeAllListeners();
  assert.equal(reports, [report]);
  assert.ok(seen.some((event) => event.phase === 'decode'));
  assert.ok(seen.some((event) => event.phase === 'encode'));
  // A reader looks at most once a second.
  for (const end = Date.now() + 10_000; changes === 0 && Date.now() < end;)
    await reader.search({ text: 'yellow' });
  assert.is(changes, 1);
});

testUnless(noFfmpeg)('frames of a video are listed by its media id', async () => {
  writeVideo(path.join(root, 'film.mp4'), 3);
  await library.sync();
  const [film] = library.media({ type: 'video' });
  const frames = [...library.frames({ mediaId: film?.mediaId ?? '' })];
  assert.ok(frames.length >= 3);
  assert.ok(frames.every((frame, i) => i === 0 || frame.frameId > (frames[i - 1]?.frameId ?? 0)));
});

test('after close() everything is refused', async () => {
  const other = await openLibrary(root, { readOnly: true });
  await other.close();
  for (const call of [
    () => other.frames(),
    () => other.media(),
    () => other.vectorOf(0),
    () => other.diskUsage(),
  ])
    assert.is(await codeOf(call), 'ERR_CLOSED');
});

test.run();
