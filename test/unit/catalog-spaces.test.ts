/** Spaces of a catalog: their states, what waits for them, and what media files lack in the active one. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { openCatalog, type Catalog } from '../../lib/catalog';
import { asFrameId, asRow } from '../../lib/base/types';
import { filled, picture } from '../helpers/catalog';
import { makeTempDir } from '../helpers/temp';

const other = { id: 'other', revision: '2', sha256: 'cd', preprocessVersion: 1 };
const id = asFrameId;

/** Three pictures and a video of three frames, all in the space `clip`. */
async function library(): Promise<Catalog> {
  return filled(makeTempDir('spaces'), ['a.jpg', 'b.jpg', 'c.jpg', 'd.mp4']);
}

function build(catalog: Catalog): string {
  const name = catalog.spaces.nextName();
  assert.ok(
    catalog.spaces.create(name, other, 8, { state: 'building', modelName: '/models/other' }),
  );
  return name;
}

/** Gives every waiting frame the next row, except those that fail. */
function fill(catalog: Catalog, space: string, failing: readonly number[] = []): void {
  const ids = catalog.framesWithoutRow(space, 100);
  const first = catalog.spaces.byName(space)?.committedRows ?? 0;
  const good = ids.filter((frame) => !failing.includes(frame));
  catalog.recordRows(
    space,
    good.map((frameId, i) => ({ frameId, row: asRow(first + i) })),
    ids.filter((frame) => failing.includes(frame)).map((frameId) => ({ frameId, reason: 'NaN' })),
    first + good.length,
    { device: 'cpu', inferenceMs: 1, createdAt: '2026-01-02T03:04:05.000Z' },
  );
}

const statesOf = (catalog: Catalog): Record<string, string> =>
  Object.fromEntries([...catalog.media()].map(({ path, state }) => [path, state]));
const spacesOf = (catalog: Catalog): string[] =>
  catalog.spaces.all().map(({ name, state }) => `${name} ${state}`);

test('media files keep the state of the active space while another one is filled', async () => {
  const catalog = await library();
  const name = build(catalog);
  assert.is(catalog.counts(name).pendingFrames, 6);
  fill(catalog, name, [0, 3, 4]);
  assert.equal(statesOf(catalog), {
    'a.jpg': 'indexed',
    'b.jpg': 'indexed',
    'c.jpg': 'indexed',
    'd.mp4': 'indexed',
  });
  assert.is(catalog.mediaByPath('a.jpg')?.code, null);
  assert.equal(catalog.integrityCheck(), []);
  assert.is(catalog.spaces.obstacleOf(name), undefined, 'what fails by itself is no obstacle');

  catalog.spaces.activate(name);
  assert.equal(spacesOf(catalog), ['clip former', 'clip-2 active']);
  assert.equal(statesOf(catalog), {
    'a.jpg': 'failed',
    'b.jpg': 'indexed',
    'c.jpg': 'indexed',
    'd.mp4': 'indexed',
  });
  assert.is(catalog.mediaByPath('a.jpg')?.code, 'ERR_ENCODE');
  assert.is(catalog.mediaByPath('d.mp4')?.code, 'ERR_ENCODE', 'two of its frames lack a vector');
  assert.equal(catalog.integrityCheck(), []);

  catalog.spaces.activate('clip');
  assert.equal(spacesOf(catalog), ['clip active', 'clip-2 former']);
  for (const media of catalog.media())
    assert.equal([media.state, media.code, media.reason], ['indexed', null, null], media.path);
  assert.equal(catalog.integrityCheck(), []);
  catalog.close();
});

test('new and removed files are queued and buried in every space, and wait after going back', async () => {
  const catalog = await library();
  const name = build(catalog);
  fill(catalog, name);
  catalog.spaces.activate(name);
  catalog.recordIngested([picture(catalog, 'e.jpg')]);
  assert.equal(catalog.framesWithoutRow('clip', 10), [6]);
  fill(catalog, name);
  assert.is(catalog.mediaByPath('e.jpg')?.state, 'indexed', 'the former space does not count');
  catalog.removeMedia([catalog.mediaByPath('b.jpg')?.mediaId ?? ('' as never)]);
  assert.equal([catalog.spaces.tombstones(name), catalog.spaces.tombstones('clip')], [[1], [1]]);
  catalog.spaces.activate('clip');
  assert.is(catalog.mediaByPath('e.jpg')?.state, 'pending');
  assert.equal(catalog.framesInSpace('clip', [id(1), id(6)]), [undefined, undefined]);
  assert.equal(catalog.integrityCheck(), []);
  catalog.close();
});

test('a frame that keeps its vector is queued only where it has none', async () => {
  const catalog = await library();
  const name = build(catalog);
  const item = picture(catalog, 'a.jpg');
  const replaces = catalog.mediaByPath('a.jpg')?.mediaId;
  const frames = item.frames.map((frame) => ({ ...frame, frameId: id(0), kept: 'same' as const }));
  catalog.recordIngested([{ ...item, replaces, frames, state: 'indexed' }]);
  assert.equal(catalog.framesWithoutRow('clip', 10), []);
  assert.is(catalog.mediaByPath('a.jpg')?.state, 'indexed', 'it waits for the other space only');
  assert.is(catalog.framesWithoutRow(name, 10).length, 6);
  catalog.close();
});

test('an encoder that fails as a whole, or for every frame, is an obstacle', async () => {
  const catalog = await library();
  const name = build(catalog);
  fill(catalog, name, [0, 1, 2, 3, 4, 5]);
  assert.is(catalog.spaces.obstacleOf(name)?.code, 'ERR_ENCODE');
  catalog.spaces.empty(name);
  fill(catalog, name, [5]);
  assert.is(catalog.spaces.obstacleOf(name), undefined);
  const lost = { frameId: id(4), reason: 'gone', code: 'ERR_MODEL_MISSING', isEncoderFault: true };
  catalog.recordRows(name, [], [lost], 5);
  assert.is(catalog.spaces.obstacleOf(name)?.code, 'ERR_MODEL_MISSING');
  catalog.close();
});

test('there is one space in each state, and no name is used twice', async () => {
  const catalog = await library();
  const name = build(catalog);
  assert.not(catalog.spaces.create('more', other, 8, { state: 'building' }));
  assert.not(catalog.spaces.create('more', other, 8));
  assert.is(catalog.spaces.inState('building')?.modelName, '/models/other');
  catalog.spaces.drop(name);
  assert.equal(spacesOf(catalog), ['clip active']);
  assert.is.not(catalog.spaces.nextName(), name);
  catalog.close();
});

test('two processes that make the first space at once get one', async () => {
  const dir = makeTempDir('spaces');
  const [first, second] = [await openCatalog(dir), await openCatalog(dir)];
  assert.ok(first.spaces.create('clip', other, 8));
  assert.not(second.spaces.create('clip', { ...other, sha256: 'ef' }, 8));
  assert.is(second.spaces.inState('active')?.model.sha256, 'cd');
  first.close();
  second.close();
});

test.run();
