import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { openCatalog, type Catalog, type IngestedItem } from '../../lib/catalog';
import { parsePattern } from '../../lib/base/patterns';
import { isLibraryError } from '../../lib/base/errors';
import { asFrameId, asRow, type MediaKind, type MediaId } from '../../lib/base/types';
import { makeTempDir } from '../helpers/temp';

const model = { id: 'tiny', revision: '1', sha256: 'ab', preprocessVersion: 1 };

function item(
  catalog: Catalog,
  name: string,
  frames: number,
  over: Partial<IngestedItem> = {},
): IngestedItem {
  const kind: MediaKind = name.endsWith('.mp4') ? 'video' : 'image';
  return {
    replaces: undefined,
    path: name,
    kind,
    sizeBytes: 10,
    mtimeMs: 1.5,
    contentHash: `hash-${name}`,
    state: frames > 0 ? 'pending' : 'failed',
    code: frames > 0 ? null : 'ERR_MEDIA_DECODE',
    reason: frames > 0 ? null : 'damaged',
    width: 20,
    height: 10,
    capturedAt: null,
    attempts: 1,
    ...{ needsDecoding: false, note: null, ctimeMs: 1.5, sampling: 'max=512' },
    fault: frames > 0 ? null : 'decode',
    frames: Array.from({ length: frames }, (_, i) => ({
      frameId: catalog.nextFrameId(),
      timestamp: kind === 'video' ? i / 2 : null,
      width: 20,
      height: 10,
    })),
    ...over,
  };
}

async function fresh(): Promise<{ dir: string; catalog: Catalog }> {
  const dir = makeTempDir('catalog');
  const catalog = await openCatalog(dir);
  catalog.spaces.create('clip', model, 4);
  return { dir, catalog };
}

function mediaIdOf(catalog: Catalog, name: string): MediaId {
  const row = catalog.mediaByPath(name);
  assert.ok(row, `${name} is in the catalog`);
  return row?.mediaId as MediaId;
}

test('a media file becomes indexed when its last frame has a row', async () => {
  const { catalog } = await fresh();
  catalog.recordIngested([item(catalog, 'a.jpg', 1), item(catalog, 'b.mp4', 3)]);
  assert.equal(catalog.framesWithoutRow('clip', 10), [0, 1, 2, 3]);
  const rows = (ids: number[]) => ids.map((id) => ({ frameId: asFrameId(id), row: asRow(id) }));
  catalog.recordRows('clip', rows([0, 1]), [], 2);
  assert.is(catalog.mediaByPath('a.jpg')?.state, 'indexed');
  assert.is(catalog.mediaByPath('b.mp4')?.state, 'pending');
  catalog.recordRows('clip', rows([2]), [{ frameId: asFrameId(3), reason: 'NaN' }], 3);
  const video = catalog.mediaByPath('b.mp4');
  assert.is(video?.state, 'indexed');
  assert.is(video?.code, 'ERR_ENCODE');
  assert.equal(catalog.framesWithoutRow('clip', 10), []);
  catalog.retryFailedFrames('clip');
  assert.equal(catalog.framesWithoutRow('clip', 10), [3]);
  assert.is(catalog.spaces.byName('clip')?.committedRows, 3);
  const frame = catalog.framesInSpace('clip', [asFrameId(2), asFrameId(7)]);
  assert.is(frame[0]?.timestamp, 0.5);
  assert.is(frame[0]?.mediaPath, 'b.mp4');
  assert.is(frame[1], undefined);
  catalog.close();
});

test('a media file none of whose frames could be encoded is failed with the reason', async () => {
  const { catalog } = await fresh();
  catalog.recordIngested([item(catalog, 'a.jpg', 1)]);
  catalog.recordRows('clip', [], [{ frameId: asFrameId(0), reason: 'zero vector' }], 0);
  assert.is(catalog.mediaByPath('a.jpg')?.state, 'failed');
  assert.is(catalog.mediaByPath('a.jpg')?.reason, 'not embedded: zero vector');
  catalog.close();
});

test('frame ids have no gaps, survive a reopen and are never used twice', async () => {
  const { dir, catalog } = await fresh();
  catalog.recordIngested([item(catalog, 'a.jpg', 1), item(catalog, 'b.jpg', 1)]);
  catalog.nextFrameId();
  catalog.beginIngest();
  catalog.recordIngested([item(catalog, 'c.jpg', 1)]);
  assert.is(
    catalog.mediaByPath('c.jpg') && catalog.framesOfMedia(mediaIdOf(catalog, 'c.jpg'))[0],
    2,
  );
  catalog.removeMedia([mediaIdOf(catalog, 'c.jpg')]);
  catalog.close();
  const again = await openCatalog(dir);
  assert.is(again.nextFrameId(), 3);
  again.close();
});

test('removing media leaves tombstones for rows that the engine still has', async () => {
  const { catalog } = await fresh();
  catalog.recordIngested([item(catalog, 'a.jpg', 1), item(catalog, 'b.jpg', 1)]);
  catalog.recordRows('clip', [{ frameId: asFrameId(0), row: asRow(0) }], [], 1);
  const gone = catalog.removeMedia([mediaIdOf(catalog, 'a.jpg'), mediaIdOf(catalog, 'b.jpg')]);
  assert.equal(gone, [0, 1]);
  assert.equal(catalog.spaces.tombstones('clip'), [0]);
  assert.equal(catalog.framesWithoutRow('clip', 10), []);
  catalog.spaces.clearTombstones('clip');
  assert.equal(catalog.spaces.tombstones('clip'), []);
  catalog.close();
});

test('a new version of a file keeps its media id and replaces its frames in one step', async () => {
  const { catalog } = await fresh();
  catalog.recordIngested([item(catalog, 'a.jpg', 1)]);
  const mediaId = mediaIdOf(catalog, 'a.jpg');
  const buried = catalog.recordIngested([item(catalog, 'a.jpg', 1, { replaces: mediaId })]);
  assert.equal(buried, [0]);
  assert.is(mediaIdOf(catalog, 'a.jpg'), mediaId);
  assert.equal(catalog.framesOfMedia(mediaId), [1]);
  // A file that could not be read just now keeps what is there.
  const later = item(catalog, 'a.jpg', 0, { replaces: mediaId, state: 'pending' });
  assert.equal(catalog.recordIngested([later]), []);
  assert.equal(catalog.framesOfMedia(mediaId), [1]);
  catalog.close();
});

test('an error inside a batch leaves nothing of the batch', async () => {
  const { catalog } = await fresh();
  const good = item(catalog, 'a.jpg', 1);
  const bad = { ...item(catalog, 'b.jpg', 1), kind: 'sound' as MediaKind };
  assert.throws(
    () => catalog.recordIngested([good, bad]),
    (error: unknown) => isLibraryError(error) && error.code === 'ERR_CATALOG',
  );
  assert.is(catalog.mediaByPath('a.jpg'), undefined);
  catalog.close();
});

test('filters become a bitset over rows', async () => {
  const { catalog } = await fresh();
  catalog.recordIngested([
    item(catalog, 'x/a.jpg', 1),
    item(catalog, 'b.jpg', 1),
    item(catalog, 'c.mp4', 7),
  ]);
  const ids = Array.from({ length: 9 }, (_, i) => ({ frameId: asFrameId(i), row: asRow(i) }));
  catalog.recordRows('clip', ids, [], 9);
  assert.equal([...catalog.filterRows('clip', { kind: 'image' })], [0b11, 0]);
  assert.equal([...catalog.filterRows('clip', { kind: 'video' })], [0b11111100, 1]);
  assert.equal([...catalog.filterRows('clip', { path: parsePattern('x/*') })], [1, 0]);
  catalog.close();
});

test('metadata.jsonl has the fields of the specification', async () => {
  const { dir, catalog } = await fresh();
  catalog.recordIngested([item(catalog, 'a.jpg', 1), item(catalog, 'b.mp4', 2)]);
  const file = path.join(dir, 'metadata.jsonl');
  await catalog.exportMetadata(file);
  const lines = readFileSync(file, 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));
  assert.is(lines.length, 3);
  assert.equal(lines[0], {
    frame_id: 0,
    video_id: null,
    frame_path: 'frames/0/0.jpg',
    timestamp: null,
    width: 20,
    height: 10,
  });
  assert.match(lines[2].video_id, /^[0-9a-f]{32}$/);
  assert.is(lines[2].timestamp, 0.5);
  catalog.close();
});

test('a damaged frame entry is noticed when it is read', async () => {
  const { catalog } = await fresh();
  catalog.recordIngested([item(catalog, 'a.jpg', 1)]);
  assert.equal(catalog.integrityCheck(), []);
  // @ts-expect-error reaching past the interface, as a flipped bit would
  catalog.db.exec('UPDATE frames SET width = width + 1');
  assert.throws(
    () => catalog.frame(asFrameId(0)),
    (error: unknown) => isLibraryError(error) && error.code === 'ERR_CATALOG',
  );
  assert.is(catalog.integrityCheck().length, 1);
  catalog.close();
});

test('a foreign file and a future version are refused', async () => {
  const { dir, catalog } = await fresh();
  // @ts-expect-error as above
  catalog.db.exec('PRAGMA user_version=999');
  catalog.close();
  const code = async (folder: string): Promise<string> => {
    try {
      (await openCatalog(folder)).close();
      return 'opened';
    } catch (error) {
      return isLibraryError(error) ? error.code : String(error);
    }
  };
  assert.is(await code(dir), 'ERR_FILE_VERSION');
  const foreign = makeTempDir('foreign');
  writeFileSync(path.join(foreign, 'catalog.sqlite'), 'this is not a database at all'.repeat(40));
  assert.is(await code(foreign), 'ERR_CATALOG');
});

test('a reader sees what the writer commits', async () => {
  const { dir, catalog } = await fresh();
  const reader = await openCatalog(dir, { readOnly: true });
  assert.is(reader.mediaByPath('a.jpg'), undefined);
  catalog.recordIngested([item(catalog, 'a.jpg', 1)]);
  assert.is(reader.mediaByPath('a.jpg')?.state, 'pending');
  assert.throws(() => reader.setMeta('x', 'y'));
  reader.close();
  catalog.close();
});

test.run();
