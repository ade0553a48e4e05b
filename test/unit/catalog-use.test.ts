/** The catalog in use: filters that follow changes, listings beside writes, cost, two writers. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { openCatalog, type Catalog } from '../../lib/catalog';
import { parsePattern } from '../../lib/base/patterns';
import { asFrameId, asRow, type MediaId } from '../../lib/base/types';
import { codeOf } from '../helpers/errors';
import { add, filled, picture, raw } from '../helpers/catalog';
import { makeTempDir } from '../helpers/temp';

test('a filter follows commits, removals and renames, also those of another process', async () => {
  const dir = makeTempDir('catalog');
  const catalog = await filled(dir, ['x/a.jpg', 'y/b.mp4']);
  const reader = await openCatalog(dir, { readOnly: true });
  const bits = (of: Catalog): number[] => {
    const set = of.filterRows('clip', { path: parsePattern('x/*') });
    return Array.from({ length: set.length * 8 }, (_, row) => row).filter(
      (row) => ((set[row >> 3] ?? 0) >> (row & 7)) & 1,
    );
  };
  const both = (): number[] => {
    const mine = bits(catalog);
    assert.equal(bits(reader), mine, 'the reader agrees');
    return mine;
  };
  assert.equal(both(), [0]);
  add(catalog, ['x/c.jpg', 'x/d.mp4']);
  assert.equal(both(), [0, 4, 5, 6, 7]);
  const idOf = (name: string): MediaId => catalog.mediaByPath(name)?.mediaId as MediaId;
  const move = (from: string, to: string): void =>
    catalog.relocate([{ mediaId: idOf(from), location: { path: to, mtimeMs: 2, ctimeMs: 2 } }]);
  move('y/b.mp4', 'x/b.mp4');
  assert.equal(both(), [0, 1, 2, 3, 4, 5, 6, 7]);
  move('x/d.mp4', 'z/d.mp4');
  assert.equal(both(), [0, 1, 2, 3, 4]);
  catalog.removeMedia([idOf('x/a.jpg')]);
  assert.equal(both(), [1, 2, 3, 4]);
  catalog.requeue('clip', [asFrameId(3), asFrameId(4)]);
  assert.equal(both(), [1, 2]);
  catalog.recordIngested([{ ...picture(catalog, 'x/b.mp4', 1), replaces: idOf('x/b.mp4') }]);
  assert.equal(both(), []);
  reader.close();
  catalog.close();
});

test('writing while a listing is open works, with nothing shown twice', async () => {
  const catalog = await filled(makeTempDir('catalog'), []);
  const names = Array.from({ length: 1200 }, (_, i) => `a/${String(i).padStart(4, '0')}.jpg`);
  catalog.recordIngested(names.map((name) => picture(catalog, name)));
  const seen = new Set<string>();
  for (const media of catalog.media()) {
    assert.not.ok(seen.has(media.path));
    seen.add(media.path);
    if (seen.size === 100) catalog.recordIngested([picture(catalog, 'b/late.jpg')]);
  }
  assert.is(seen.size, 1201);
  catalog.close();
});

test('settling a frame costs the same with a long queue and many rows as with few', async () => {
  /** Least processor time of settling 100 frames when as many rows are there and as many frames wait. */
  const cost = async (others: number): Promise<number> => {
    const catalog = await filled(makeTempDir('catalog'), []);
    const names = Array.from({ length: 2 * others + 500 }, (_, i) => `${i}.jpg`);
    catalog.recordIngested(names.map((name) => picture(catalog, name)));
    const settle = (from: number, to: number): unknown =>
      catalog.recordRows(
        'clip',
        Array.from({ length: to - from }, (_, i) => ({
          frameId: asFrameId(from + i),
          row: asRow(from + i),
        })),
        [],
        to,
      );
    settle(0, others);
    const times = [0, 100, 200, 300, 400].map((from) => {
      const before = process.cpuUsage();
      settle(others + from, others + from + 100);
      const { user, system } = process.cpuUsage(before);
      return user + system;
    });
    catalog.close();
    // The least: other work on the machine can only add.
    return Math.min(...times);
  };
  await cost(100);
  const [few, many] = [await cost(100), await cost(12_000)];
  // A plan that walks the queue or the rows for each frame makes this ten times and more.
  assert.ok(many < few * 4, `${few} us among few, ${many} us among many`);
});

test('a second writer waits its turn and then says who is in the way', async () => {
  const dir = makeTempDir('catalog');
  const catalog = await filled(dir, ['a.jpg']);
  const other = await openCatalog(dir);
  raw(other).exec('PRAGMA busy_timeout=1');
  raw(catalog).exec('BEGIN IMMEDIATE');
  assert.is(await codeOf(() => other.setMeta('x', 'y')), 'ERR_FILE_LOCKED');
  raw(catalog).exec('COMMIT');
  assert.is(await codeOf(() => other.setMeta('x', 'y')), 'ok');
  other.close();
  catalog.close();
});

test.run();
