/**
 * What `verify` finds and what repair makes of it: a frame keeps its id, whatever was damaged. And who may
 * check, repair, sync and read at the same time.
 */
import {
  cpSync,
  mkdirSync,
  readFileSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { openCatalog, type Catalog } from '../../lib/catalog';
import { EmbeddedVectors } from '../../lib/library/spaces/embedded-vectors';
import { openLibrary, type Library } from '../../lib/library';
import { reconcile } from '../../lib/pipeline';
import { compactRows, reclaim } from '../../lib/pipeline/reclaim';
import { parsePattern } from '../../lib/base/patterns';
import { asFrameId, asRow, type MediaId } from '../../lib/base/types';
import { VectorIndex } from '../../lib/vectors';
import { codeOf } from '../helpers/errors';
import { picture } from '../helpers/catalog';
import { noFfmpeg, writePictures, writeVideo } from '../helpers/media';
import { makeTempDir } from '../helpers/temp';
import { TINY_CLIP } from '../helpers/tiny-clip';

interface Made {
  readonly root: string;
  readonly library: Library;
}

async function libraryOf(count: number, film = false): Promise<Made> {
  const root = makeTempDir('repair');
  await writePictures(root, count);
  if (film && noFfmpeg === undefined) writeVideo(path.join(root, 'film.mp4'), 3);
  const library = await openLibrary(root, { model: TINY_CLIP });
  await library.sync();
  return { root, library };
}

/** path@time -> [frame id, cosine to a fixed vector]: equal vectors give equal numbers. */
async function allOf(library: Library): Promise<Record<string, [number, number]>> {
  const vector = Float32Array.from({ length: library.stats().dim }, (_, i) => i + 1);
  const { results } = await library.search({ vector }, { k: 1000, exact: true });
  const entries = results.map(
    (hit) => [`${hit.media_path}@${hit.timestamp}`, [hit.frame_id, hit.cosine]] as const,
  );
  return Object.fromEntries(entries.sort(([a], [b]) => (a < b ? -1 : 1))) as never;
}

function flip(file: string, at: number): void {
  const bytes = readFileSync(file);
  bytes[at] = (bytes[at] as number) ^ 0x10;
  writeFileSync(file, bytes);
}

test('stored pictures that are damaged or gone come back under their ids, with their vectors', async () => {
  const { library } = await libraryOf(4, true);
  const before = await allOf(library);
  const idOf = (name: string): number => before[`${name}@null`]?.[0] ?? -1;
  const film = Object.entries(before).filter(([name]) => name.startsWith('film.mp4'));
  flip(library.frameFile(idOf('p000.jpg')) as string, 200);
  rmSync(library.frameFile(idOf('p001.jpg')) as string);
  for (const [, [id]] of film.slice(1)) writeFileSync(library.frameFile(id) as string, '');
  const found = await library.verify();
  assert.is(found.problems.length, 2 + film.slice(1).length, found.problems.join('\n'));
  assert.match(found.problems.join('\n'), /stored picture is damaged/);
  assert.match(found.problems.join('\n'), /stored picture is missing/);
  const repaired = await library.verify({ repair: true });
  assert.equal(repaired.problems, []);
  assert.equal(await allOf(library), before);
  await library.close();
});

test('repair forgets nothing: neither a frame whose original is gone, nor files that are missing', async () => {
  const { root, library } = await libraryOf(4);
  const before = await allOf(library);
  rmSync(path.join(root, 'p001.jpg'));
  rmSync(path.join(root, 'p002.jpg'));
  rmSync(library.frameFile(before['p001.jpg@null']?.[0] ?? -1) as string);
  rmSync(library.frameFile(before['p003.jpg@null']?.[0] ?? -1) as string);
  const report = await library.verify({ repair: true });
  assert.is(report.problems.length, 1, report.problems.join('\n'));
  assert.match(report.problems[0] ?? '', /p001\.jpg: stored picture is missing/);
  assert.equal(await allOf(library), before);
  await library.close();
});

test('other bytes under the recorded size and times are found by verify, and indexed by repair', async () => {
  const { root, library } = await libraryOf(3);
  const before = await allOf(library);
  const file = path.join(root, 'p001.jpg');
  const { mtimeMs, atimeMs, size } = statSync(file);
  const other = readFileSync(path.join(root, 'p002.jpg'));
  const bytes = Buffer.alloc(size);
  other.copy(bytes);
  writeFileSync(file, bytes);
  utimesSync(file, atimeMs / 1000, mtimeMs / 1000);
  await library.close();
  // A disk that flips bits leaves the time of change alone; here the catalog is told what it is now.
  const catalog = await openCatalog(path.join(root, '.sightline'));
  const media = catalog.mediaByPath('p001.jpg');
  assert.ok(media !== undefined);
  const times = { mtimeMs: statSync(file).mtimeMs, ctimeMs: statSync(file).ctimeMs };
  catalog.relocate([
    { mediaId: media?.mediaId as MediaId, location: { path: 'p001.jpg', ...times } },
  ]);
  catalog.close();
  await using again = await openLibrary(root);
  assert.is((await again.sync()).unchanged, 3);
  assert.match((await again.verify()).problems.join('\n'), /p001\.jpg: the file's bytes differ/);
  assert.equal((await again.verify({ repair: true })).problems, []);
  const after = await allOf(again);
  assert.equal(after['p000.jpg@null'], before['p000.jpg@null']);
  assert.is.not(after['p001.jpg@null']?.[0], before['p001.jpg@null']?.[0]);
});

test('damaged rows are encoded again for their frames; a damaged graph is made again', async () => {
  const { root, library } = await libraryOf(40);
  const before = await allOf(library);
  await library.close();
  const space = path.join(root, '.sightline/spaces/clip');
  for (const [names, at, finding] of [
    [['embeddings.dat'], 40, /do not match their checksum/],
    // Whoever opens it for writing makes a graph again that is damaged.
    [['hnsw_index.bin'], 4200, /^$|hnsw_index\.bin/],
    [['embeddings.dat', 'hnsw_index.bin'], 40, /do not match their checksum/],
  ] as const) {
    for (const name of names) flip(path.join(space, name), at);
    await using again = await openLibrary(root);
    assert.match((await again.verify()).problems.join('\n'), finding);
    assert.equal((await again.verify({ repair: true })).problems, []);
    const after = await allOf(again);
    assert.equal(Object.keys(after), Object.keys(before));
    for (const [frame, [id, cosine]] of Object.entries(before)) {
      assert.is(after[frame]?.[0], id);
      assert.ok(Math.abs((after[frame]?.[1] ?? 9) - cosine) < 1e-5, frame);
    }
  }
});

test('check and repair take turns with a sync, and a second process is told', async () => {
  const { root, library } = await libraryOf(12);
  const id = Object.values(await allOf(library))[0]?.[0] ?? -1;
  rmSync(library.frameFile(id) as string);
  await writePictures(path.join(root, 'more'), 10);
  const sync = library.sync();
  assert.is(await codeOf(library.verify({ repair: true })), 'ERR_BUSY');
  assert.is(await codeOf(library.verify()), 'ERR_BUSY');
  assert.is((await sync).framesTotal, 22);
  const repair = library.verify({ repair: true });
  assert.is(await codeOf(library.sync()), 'ERR_BUSY');
  assert.equal((await repair).problems, []);
  assert.is(await codeOf(openLibrary(root)), 'ERR_FILE_LOCKED');
  await using reader = await openLibrary(root, { readOnly: true });
  assert.is(await codeOf(reader.verify({ repair: true })), 'ERR_READ_ONLY');
  assert.equal((await reader.verify()).problems, []);
  await library.close();
});

test('a reader whose reopen failed tries again and recovers', async () => {
  const folder = path.join(makeTempDir('reader'), 'index');
  const writer = await VectorIndex.create({ dim: 2, metric: 'cosine', path: folder });
  await writer.add(Float32Array.of(1, 0), { keys: [0] });
  const open = (): Promise<VectorIndex> => VectorIndex.open(folder, { readOnly: true });
  let failures = 1;
  const reader = new EmbeddedVectors(await open(), () =>
    failures-- > 0 ? Promise.reject(new Error('too many open files')) : open(),
  );
  await reader.refresh(1);
  await writer.add(Float32Array.of(0, 1), { keys: [1] });
  let message = '';
  await reader.refresh(2).catch((error: Error) => (message = error.message));
  assert.is(message, 'too many open files');
  assert.is(reader.count, 1, 'what it had it still has');
  await reader.refresh(2);
  assert.is(reader.count, 2);
  await reader.close();
  await writer.close();
});

/** Axis pairs of so many dimensions are enough to tell thousands of frames apart. */
const DIM = 64;
/** A third of 2,000 such rows is a megabyte, which pays to be given back. */
const WIDE_DIM = 512;

interface Parts {
  readonly catalog: Catalog;
  readonly index: EmbeddedVectors;
  readonly space: string;
}

/** A library's two books with `count` one-frame files, each found by its own axis pair. */
async function booksOf(count: number, dim = DIM): Promise<{ dir: string; parts: Parts }> {
  const dir = makeTempDir('books');
  const catalog = await openCatalog(dir);
  const model = { id: 'm', revision: '1', sha256: 'ab', preprocessVersion: 1 };
  catalog.spaces.create('clip', model, dim);
  const folder = path.join(dir, 'spaces/clip');
  mkdirSync(path.dirname(folder), { recursive: true });
  const index = new EmbeddedVectors(
    await VectorIndex.create({ dim, metric: 'cosine', path: folder }),
  );
  const names = Array.from({ length: count }, (_, i) => `${String(i).padStart(5, '0')}.jpg`);
  const items = names.map((name) => picture(catalog, name));
  catalog.recordIngested(items);
  const keys = items.flatMap((item) => item.frames.map((frame) => frame.frameId));
  const vectors = new Float32Array(count * dim);
  for (const id of keys) vectors.set(axis(id, dim), id * dim);
  await index.add(vectors, { keys });
  const rows = keys.map((frameId) => ({ frameId, row: asRow(frameId) }));
  catalog.recordRows('clip', rows, [], count);
  return { dir, parts: { catalog, index, space: 'clip' } };
}

function axis(id: number, dim: number): Float32Array {
  const vector = new Float32Array(dim);
  vector[id % dim] = 1;
  vector[(id + 1 + Math.floor(id / dim)) % dim] = 0.5;
  return vector;
}

async function removeThird({ catalog, index, space }: Parts): Promise<void> {
  const gone = [...catalog.media()].filter((_, i) => i % 3 === 1).map(({ mediaId }) => mediaId);
  const buried = catalog.removeMedia(gone);
  await index.remove(buried);
  catalog.spaces.clearTombstones(space);
}

async function assertAgree({ catalog, index, space }: Parts): Promise<void> {
  const ids = catalog.framesOfSpace(space);
  const rows = await index.rowsOf(ids);
  assert.equal(
    ids.map((id) => catalog.rowOfFrame(space, id)),
    rows,
  );
  assert.is(catalog.spaces.byName(space)?.committedRows, index.count);
  assert.equal(catalog.integrityCheck(), []);
  for (const id of ids.slice(-20)) {
    const { keys } = await index.searchExact(axis(id, index.dim), 1);
    assert.is(keys[0], id);
  }
}

test('rows of what is gone are given back when it pays, and frames keep their ids', async () => {
  const { dir, parts } = await booksOf(2000, WIDE_DIM);
  const rows = path.join(dir, 'spaces/clip/embeddings.dat');
  const before = statSync(rows).size;
  await reclaim(parts);
  assert.is(parts.index.count, 2000, 'nothing is gone');
  await removeThird(parts);
  await reclaim(parts);
  assert.equal([parts.index.count, parts.index.liveCount], [1333, 1333]);
  assert.ok(statSync(rows).size < before * 0.7, `${statSync(rows).size} of ${before}`);
  await assertAgree(parts);
  const filter = { path: parsePattern('0{099,1,2}*') };
  const keys = parts.catalog.filterFrames('clip', filter);
  const bits = parts.catalog.filterRows('clip', filter);
  const hits = await parts.index.searchExact(axis(1002, WIDE_DIM), 2000, {
    filter: { rows: bits },
  });
  assert.equal(
    [...hits.keys].sort((a, b) => a - b),
    keys,
  );
  await parts.index.close();
  parts.catalog.close();
});

test('a crash on either side of the renumbering is put right by the next open', async () => {
  for (const isCompacted of [false, true]) {
    const { dir, parts } = await booksOf(700);
    await removeThird(parts);
    parts.catalog.spaces.beginRenumbering('clip');
    if (isCompacted) await parts.index.compact({});
    await parts.index.close();
    parts.catalog.close();
    const catalog = await openCatalog(dir);
    assert.is(catalog.spaces.rowEpoch('clip').isSettled, false);
    const index = new EmbeddedVectors(await VectorIndex.open(path.join(dir, 'spaces/clip')));
    const again = { catalog, index, space: 'clip' };
    await reconcile(again);
    assert.is(catalog.spaces.rowEpoch('clip').isSettled, true);
    assert.is(catalog.framesOfSpace('clip').length, 467);
    assert.equal(catalog.framesWithoutRow('clip', 10), []);
    await assertAgree(again);
    await compactRows(again);
    await assertAgree(again);
    await index.close();
    catalog.close();
  }
});

test('halves that were restored apart agree again, and no frame gets the row of another', async () => {
  for (const older of ['catalog', 'engine'] as const) {
    const { dir, parts } = await booksOf(700);
    await removeThird(parts);
    const folder = path.join(dir, older === 'catalog' ? 'catalog.sqlite' : 'spaces/clip');
    const kept = makeTempDir('kept');
    await parts.index.close();
    parts.catalog.close();
    cpSync(folder, path.join(kept, 'half'), { recursive: true });

    const later = await reopened(dir);
    await compactRows(later);
    assert.is(later.index.count, 467);
    await later.index.close();
    later.catalog.close();
    rmSync(folder, { recursive: true });
    cpSync(path.join(kept, 'half'), folder, { recursive: true });

    const again = await reopened(dir);
    await reconcile(again);
    assert.is(again.catalog.framesOfSpace('clip').length, 467, older);
    assert.equal(again.catalog.framesWithoutRow('clip', 10), []);
    await assertAgree(again);
    await again.index.close();
    again.catalog.close();
  }
});

async function reopened(dir: string): Promise<Parts> {
  const catalog = await openCatalog(dir);
  const index = new EmbeddedVectors(await VectorIndex.open(path.join(dir, 'spaces/clip')));
  return { catalog, index, space: 'clip' };
}

test('a catalog that lost most of its entries gives its pages back', async () => {
  const { dir, parts } = await booksOf(6000);
  await parts.index.close();
  parts.catalog.removeMedia([...parts.catalog.media()].slice(100).map(({ mediaId }) => mediaId));
  parts.catalog.close();
  const catalog = await openCatalog(dir);
  const before = statSync(path.join(dir, 'catalog.sqlite')).size;
  catalog.shrink();
  catalog.close();
  assert.ok(statSync(path.join(dir, 'catalog.sqlite')).size < before);
  const again = await openCatalog(dir);
  assert.is([...again.media()].length, 100);
  assert.is(again.frame(asFrameId(7))?.mediaPath, '00007.jpg');
  assert.equal(again.integrityCheck(), []);
  again.close();
});

test.run();
