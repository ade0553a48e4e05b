/**
 * Catalogs of earlier versions open, keep what they hold, and become catalogs of today.
 *
 * catalog-1: two pictures and a video with rows 0 and 1; the video's second frame and picture c.jpg
 * failed; d.jpg waits.
 *
 * catalog-3: the last version with one space and the name of its model in `meta`; a picture and a video,
 * all four frames with rows.
 */
import { cpSync } from 'node:fs';
import path from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { openCatalog, type Catalog } from '../../lib/catalog';
import { asFrameId, asRow } from '../../lib/base/types';
import { makeTempDir } from '../helpers/temp';

async function openCopy(name: string, readOnly = false): Promise<Catalog> {
  const dir = makeTempDir('catalog');
  cpSync(path.resolve(__dirname, '../../../test/golden', name), dir, { recursive: true });
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

test('a reader reports that a writer must migrate the catalog first', async () => {
  const code = await openCopy('catalog-1', true).then(
    (catalog) => catalog.close(),
    (error: unknown) => (error as { code: string }).code,
  );
  assert.is(code, 'ERR_FILE_VERSION');
});

test.run();
