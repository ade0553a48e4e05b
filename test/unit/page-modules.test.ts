/** The page's pure modules: where tiles go, what the address says, how values read. */
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { test } from 'uvu';
import * as assert from 'uvu/assert';

interface Box {
  index: number;
  x: number;
  y: number;
  width: number;
  height: number;
}
interface Row {
  y: number;
  height: number;
  boxes: Box[];
}
interface Layout {
  layOut(
    sizes: { width: number; height: number }[],
    width: number,
  ): { rows: Row[]; height: number };
  rowsBetween(rows: Row[], top: number, bottom: number): [number, number];
  neighbour(rows: Row[], index: number, way: string): number;
}
interface State {
  q: string;
  k: number;
  type: string;
  each: boolean;
  like: number | undefined;
  image: string;
  frame: number | undefined;
}
interface StateModule {
  readState(search: string): State;
  toAddress(state: State): string;
  queryKey(state: State): string;
}
interface Format {
  clock(seconds: number): string;
  exactClock(seconds: number): string;
  nameParts(name: string): [string, string];
  bytes(n: number): string;
  day(iso: string): string;
  wholePath(path: string, root: string | undefined): string;
}
interface View {
  scale: number;
  x: number;
  y: number;
}
interface Size {
  width: number;
  height: number;
}
interface ZoomModule {
  FITTED: View;
  zoomAt(view: View, factor: number, point: { x: number; y: number }): View;
  fitInto(picture: Size, stage: Size): Size;
  bound(view: View, fitted: Size, stage: Size): View;
}

const web = path.resolve(__dirname, '../../../web');
const load = async <T>(name: string): Promise<T> =>
  (await import(pathToFileURL(path.join(web, name)).href)) as T;

const SEED = 20_261;
function sizes(count: number): { width: number; height: number }[] {
  let value = SEED;
  const next = (): number => (value = (value * 16_807) % 2_147_483_647) / 2_147_483_647;
  return Array.from({ length: count }, () => ({
    width: 40 + Math.round(next() * 500),
    height: 40 + Math.round(next() * 500),
  }));
}

test(`every picture has a place, rows fill the width and do not overlap (seed ${SEED})`, async () => {
  const { layOut } = await load<Layout>('layout.js');
  for (const count of [0, 1, 2, 7, 1000])
    for (const width of [320, 760, 1400, 2500]) {
      const { rows, height } = layOut(sizes(count), width);
      const boxes = rows.flatMap((row) => row.boxes);
      assert.equal(
        boxes.map((box) => box.index),
        Array.from({ length: count }, (_, i) => i),
      );
      rows.forEach((row, i) => {
        const last = row.boxes.at(-1) as Box;
        assert.ok(last.x + last.width <= width + 0.5, 'inside');
        if (i < rows.length - 1) assert.ok(last.x + last.width >= width - 0.5, 'filled');
        const next = rows[i + 1];
        if (next) assert.ok(next.y >= row.y + row.height, 'below');
      });
      const end = rows.at(-1);
      assert.ok(end === undefined || Math.abs(height - (end.y + end.height)) < 0.01);
    }
});

test('the rows in view are found without looking at all of them', async () => {
  const { layOut, rowsBetween } = await load<Layout>('layout.js');
  const { rows, height } = layOut(sizes(1000), 1200);
  for (const [top, bottom] of [
    [0, 800],
    [height / 2, height / 2 + 900],
    [-500, -1],
    [height - 10, height + 1000],
    [height + 1, height + 2],
  ] as [number, number][]) {
    const [first, end] = rowsBetween(rows, top, bottom);
    const expected = rows.flatMap((row, i) =>
      row.y + row.height >= top && row.y <= bottom ? [i] : [],
    );
    assert.equal(
      Array.from({ length: Math.max(0, end - first) }, (_, i) => first + i),
      expected,
    );
  }
});

test('arrow keys move in two dimensions and stop at the edges', async () => {
  const { layOut, neighbour } = await load<Layout>('layout.js');
  const square = Array.from({ length: 10 }, () => ({ width: 100, height: 100 }));
  const { rows } = layOut(square, 760);
  const perRow = rows[0]?.boxes.length ?? 0;
  assert.ok(perRow >= 3 && rows.length >= 2);
  assert.is(neighbour(rows, 1, 'down'), 1 + perRow);
  assert.is(neighbour(rows, 1 + perRow, 'up'), 1);
  assert.is(neighbour(rows, 0, 'left'), 0);
  assert.is(neighbour(rows, 0, 'up'), 0);
  assert.is(neighbour(rows, perRow - 1, 'right'), perRow, 'on to the next row');
  assert.is(neighbour(rows, 4, 'end'), 9);
  assert.is(neighbour(rows, 4, 'home'), 0);
  assert.is(neighbour(rows, 9, 'down'), 9);
});

test('the address and the state say the same, whatever the address holds', async () => {
  const { readState, toAddress, queryKey } = await load<StateModule>('state.js');
  (globalThis as { location?: unknown }).location = { pathname: '/', search: '' };
  const state = readState('?q=red+circle&type=video&frame=12&k=100');
  assert.equal(state, {
    q: 'red circle',
    k: 100,
    type: 'video',
    each: false,
    like: undefined,
    image: '',
    frame: 12,
  });
  assert.equal(readState(toAddress(state)), state);
  assert.is(queryKey(state), '?q=red+circle&k=100&type=video');
  assert.is(toAddress(readState('')), '/');
  assert.is(toAddress(readState('?like=7')), '?like=7');
  assert.is(queryKey(readState('?q=x&each=1')), '?q=x&each=1');
  const wild = readState(
    '?k=1e9&type=<b>&frame=-1&like=__proto__&image=../x&q=' + 'a'.repeat(5000),
  );
  assert.equal(
    { ...wild, q: wild.q.length },
    { q: 1024, k: 60, type: '', each: false, like: undefined, image: '', frame: undefined },
  );
  assert.is(readState('?k=99999').k, 1000);
});

test('times read as people write them', async () => {
  const { clock, exactClock } = await load<Format>('format.js');
  assert.equal([0, 7.9, 65, 3600, 3723].map(clock), ['0:00', '0:07', '1:05', '1:00:00', '1:02:03']);
  assert.equal([10.5, 7, 0.25].map(exactClock), ['0:10.5', '0:07', '0:00.25']);
});

test('names, sizes, days and paths read as people write them', async () => {
  const { nameParts, bytes, day, wholePath } = await load<Format>('format.js');
  assert.equal(nameParts('a.jpg'), ['', 'a.jpg']);
  assert.equal(nameParts('holiday-in-rome-0042.jpg'), ['holiday-in-rome-0', '042.jpg']);
  assert.is(nameParts('🙂'.repeat(20)).join(''), '🙂'.repeat(20), 'no letter is torn apart');
  assert.equal([0, 999, 1000, 57_123, 3_400_000, 20_000_000_000].map(bytes), [
    '0 bytes',
    '999 bytes',
    '1.0 kB',
    '57 kB',
    '3.4 MB',
    '20 GB',
  ]);
  assert.equal(['2024-05-01T10:20:30', '2024-05-01T10:20:30.123Z', '2024-05-01', 'soon'].map(day), [
    '2024-05-01 10:20',
    '2024-05-01 10:20',
    '2024-05-01',
    'soon',
  ]);
  assert.is(wholePath('a/b.jpg', '/home/x'), '/home/x/a/b.jpg');
  assert.is(wholePath('a/b.jpg', 'C:\\Pictures\\'), 'C:\\Pictures\\a\\b.jpg');
  assert.is(wholePath('a/b.jpg', undefined), 'a/b.jpg');
});

test('zooming keeps the point under the pointer, and a picture never leaves its edges', async () => {
  const { FITTED, zoomAt, fitInto, bound } = await load<ZoomModule>('zoom.js');
  const stage = { width: 800, height: 600 };
  const fitted = fitInto({ width: 4000, height: 1000 }, stage);
  assert.equal(fitted, { width: 800, height: 200 });
  const point = { x: 120, y: -30 };
  let view = FITTED;
  for (const factor of [1.5, 2, 0.7, 3]) {
    const before = { x: (point.x - view.x) / view.scale, y: (point.y - view.y) / view.scale };
    view = zoomAt(view, factor, point);
    assert.ok(Math.abs((point.x - view.x) / view.scale - before.x) < 1e-9);
    assert.ok(Math.abs((point.y - view.y) / view.scale - before.y) < 1e-9);
  }
  assert.is(zoomAt(FITTED, 0.1, point).scale, 1, 'never smaller than fitted');
  assert.is(zoomAt(FITTED, 1e6, point).scale, 16);
  const pushed = bound({ scale: 2, x: 5000, y: 5000 }, fitted, stage);
  assert.equal(pushed, { scale: 2, x: 400, y: 0 }, 'flush left; centred where it is smaller');
});

test.run();
