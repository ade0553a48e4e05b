/**
 * Catalogs of earlier versions open, keep what they hold, and become catalogs of today.
 *
 * catalog-1: two pictures and a video with rows 0 and 1; the video's second frame and picture c.jpg
 * failed; d.jpg waits.
 *
 * catalog-3: the last version with one space and the name of its model in `meta`; a picture and a video,
 * all four frames with rows.
 *
 * catalog-4: the last version without facts of OpenEXR files; two pictures with rows, and shot/a.exr and
 * shot/deep.exr, which that version skipped.
 */
import { cpSync, mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { openCatalog, type Catalog } from '../../lib/catalog';
import { asFrameId, asRow } from '../../lib/base/types';
import { openLibrary } from '../../lib/library';
import { everyKind } from '../helpers/exr-files';
import { writePictures } from '../helpers/media';
import { makeTempDir } from '../helpers/temp';
import { TINY_CLIP } from '../helpers/tiny-clip';

const copyTo = (dir: string, name: string): void =>
  cpSync(path.resolve(__dirname, '../../../test/golden', name), dir, { recursive: true });

async function openCopy(name: string, readOnly = false): Promise<Catalog> {
  const dir = makeTempDir('catalog');
  copyTo(dir, name);
  return openCatalog(dir, { readOnly });
}

test('version 1 is migrated with its rows, failures and queue', async () => {
  const catalog = await openCopy('catalog-1');
  assert.equal(catalog.integrityCheck(), []);
  assert.is(catalog.framesInSpace('clip', [asFrameId(1)])[0]?.mediaPath, 'b.mp4');
  assert.is(catalog.rowOfFrame('clip', asFrameId(0)), 0);
  assert.equal([...catalog.filterRows('clip', { kind: 'video' })], [2]);
  const { frames, pendingFrames, failedFrames } = catalog.counts('clip');
  assert.equal([frames, pendingFrames, failedFrames], [2, 1, 2]);
  const old = catalog.embeddingOf('clip', asFrameId(0));
  assert.equal([old?.error, old?.device, old?.created_at], [null, null, null]);
  assert.is(catalog.embeddingOf('clip', asFrameId(3))?.error, 'ERR_ENCODE: not finite');
  assert.is(catalog.embeddingOf('clip', asFrameId(4)), undefined);
  catalog.close();
});

test('what failed in version 1 is retried, and its reason is cleared when it succeeds', async () => {
  const catalog = await openCopy('catalog-1');
  catalog.retryFailedFrames('clip');
  assert.equal(catalog.framesWithoutRow('clip', 10), [2, 3, 4]);
  const run = { device: 'cpu', inferenceMs: 1.5, createdAt: '2026-01-02T03:04:05.000Z' };
  const rows = [2, 3, 4].map((id) => ({ frameId: asFrameId(id), row: asRow(id) }));
  assert.equal(catalog.recordRows('clip', rows, [], 5, run), []);
  assert.equal(catalog.integrityCheck(), []);
  for (const media of catalog.media()) {
    assert.equal([media.state, media.code, media.reason], ['indexed', null, null], media.path);
  }
  assert.is(catalog.embeddingOf('clip', asFrameId(3))?.inference_time_ms, 1.5);
  catalog.close();
});

test('version 3 becomes a catalog with a list of spaces, and keeps the name of its model', async () => {
  const catalog = await openCopy('catalog-3');
  assert.equal(catalog.integrityCheck(), []);
  assert.equal(catalog.spaces.all(), [
    {
      name: 'clip',
      state: 'active',
      modality: 'image',
      metric: 'cosine',
      model: { id: 'm', revision: '1', sha256: 'ab', preprocessVersion: 1 },
      modelName: 'Xenova/clip-vit-base-patch32',
      vectorTable: 'sightline_clip_0123456789ab',
      dim: 4,
      committedRows: 4,
    },
  ]);
  assert.equal([catalog.meta('model'), catalog.meta('vector_table')], [undefined, undefined]);
  assert.is(catalog.rowOfFrame('clip', asFrameId(3)), 3);
  catalog.close();
  const old = await openCopy('catalog-1');
  const [space] = old.spaces.all();
  assert.equal([space?.state, space?.modelName, space?.vectorTable], ['active', 'builtin', undefined]);
  old.close();
});

const A_EXR = '5b84d16e4ebabd953071a83f651f1de8';
const DEEP_EXR = '4eb363ca25a39ecb797c37c68a92e356';

test('version 4 keeps all it has, and its OpenEXR files wait for their facts', async () => {
  const catalog = await openCopy('catalog-4');
  assert.equal(catalog.integrityCheck(), []);
  assert.equal(
    catalog.exr.toInspect('1.0.0').map(({ mediaId, path: file }) => [file, mediaId]),
    [
      ['shot/a.exr', A_EXR],
      ['shot/deep.exr', DEEP_EXR],
    ],
  );
  assert.equal(catalog.exr.counts(), { files: 0, failed: 0 });
  const [space] = catalog.spaces.all();
  assert.equal([space?.name, space?.modelName, space?.committedRows], ['clip', 'tiny-clip', 2]);
  assert.is(catalog.rowOfFrame('clip', asFrameId(1)), 1);
  catalog.close();
});

test('a library of version 4 knows the facts of its OpenEXR files after one sync', async () => {
  const root = makeTempDir('library-4');
  copyTo(path.join(root, '.sightline'), 'catalog-4');
  await writePictures(root, 2);
  mkdirSync(path.join(root, 'shot'));
  const { deep, 'single-part': flat } = everyKind();
  writeFileSync(path.join(root, 'shot/deep.exr'), deep as Buffer);
  writeFileSync(path.join(root, 'shot/a.exr'), flat as Buffer);
  await using library = await openLibrary(root, { model: TINY_CLIP });
  // Vectors and stored pictures did not come with the catalog: the second sync makes them again.
  await library.sync();
  await library.sync();
  const { rows } = await library.sql('SELECT file_path, media_id FROM files ORDER BY file_path');
  assert.equal(rows, [
    ['shot/a.exr', A_EXR],
    ['shot/deep.exr', DEEP_EXR],
  ]);
  assert.is((await library.exr.similar('shot/a.exr')).length, 1);
  assert.is(library.stats().frames, 2);
  assert.equal((await library.verify()).problems, []);
});

test('a reader reports that a writer must migrate the catalog first', async () => {
  for (const name of ['catalog-1', 'catalog-4']) {
    const code = await openCopy(name, true).then(
      (catalog) => catalog.close(),
      (error: unknown) => (error as { code: string }).code,
    );
    assert.is(code, 'ERR_FILE_VERSION', name);
  }
});

test.run();
