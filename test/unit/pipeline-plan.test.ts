import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { MediaFile } from '../../lib/media';
import {
  compareFiles,
  moveCandidates,
  resolveContents,
  type KnownFile,
} from '../../lib/pipeline/plan/plan';
import { asMediaId, type MediaState } from '../../lib/base/types';

const found = (relPath: string, over: Partial<MediaFile> = {}): MediaFile => ({
  relPath,
  absPath: `/r/${relPath}`,
  kind: relPath.endsWith('.mp4') ? 'video' : 'image',
  sizeBytes: 10,
  mtimeMs: 1,
  ctimeMs: 1,
  ...over,
});
const known = (path: string, state: MediaState, over: Partial<KnownFile> = {}): KnownFile => ({
  mediaId: asMediaId(path.padEnd(32, '0')),
  path,
  sizeBytes: 10,
  mtimeMs: 1,
  ctimeMs: 1,
  contentHash: `hash-of-${path}`,
  state,
  attempts: 1,
  needsDecoding: false,
  fault: state === 'failed' ? 'decode' : null,
  kind: 'image',
  sampling: 'max=512',
  width: 20,
  height: 10,
  ...over,
});

test('a file with the same path, size and time is left alone', () => {
  const plan = compareFiles([found('a.jpg')], [known('a.jpg', 'indexed')]);
  assert.is(plan.unchanged.length, 1);
  assert.is(plan.added.length + plan.changed.length + plan.unfinished.length, 0);
});

test('another size is a change; another time of either kind is a reason to look', () => {
  const rows = [
    known('a.jpg', 'indexed'),
    known('b.jpg', 'indexed'),
    known('c.jpg', 'indexed'),
    known('d.jpg', 'failed', { contentHash: null }),
    known('e.jpg', 'indexed', { ctimeMs: null }),
  ];
  const files = [
    found('a.jpg', { sizeBytes: 11 }),
    found('b.jpg', { mtimeMs: 2 }),
    found('c.jpg', { ctimeMs: 2 }),
    found('d.jpg', { mtimeMs: 2 }),
    found('e.jpg', { ctimeMs: 2 }),
  ];
  const plan = compareFiles(files, rows);
  const names = (pairs: readonly { known: KnownFile }[]) => pairs.map((pair) => pair.known.path);
  assert.equal(names(plan.changed), ['a.jpg', 'd.jpg']);
  assert.equal(names(plan.suspects), ['b.jpg', 'c.jpg']);
  assert.equal(names(plan.unchanged), ['e.jpg'], 'an older version did not record that time');
});

test('pictures come before videos, each in walk order', () => {
  const plan = compareFiles([found('a.mp4'), found('b.jpg'), found('c.mp4'), found('d.jpg')], []);
  assert.equal(
    plan.added.map((file) => file.relPath),
    ['b.jpg', 'd.jpg', 'a.mp4', 'c.mp4'],
  );
});

test('what must be decoded is a column; failed files are tried until their attempts are used up', () => {
  const rows = [
    known('p.jpg', 'pending', { attempts: 9, needsDecoding: true }),
    known('w.jpg', 'pending'),
    known('f.jpg', 'failed'),
    known('x.jpg', 'failed', { attempts: 3 }),
    known('e.jpg', 'failed', { fault: 'encode' }),
    known('l.jpg', 'failed', { fault: 'encode', needsDecoding: true }),
    known('s.jpg', 'skipped'),
  ];
  const files = rows.map((row) => found(row.path));
  const taken = (retry: boolean) =>
    compareFiles(files, rows, retry).unfinished.map((item) => item.known.path);
  assert.equal(taken(false), ['p.jpg', 'f.jpg', 'l.jpg']);
  assert.equal(taken(true), ['p.jpg', 'f.jpg', 'x.jpg', 'l.jpg']);
});

/** Resolves as `makePlan` does; `bytes` stands for the disk, and a file that is not in it for EACCES. */
function resolve(files: readonly MediaFile[], rows: readonly KnownFile[], bytes: object) {
  const plan = compareFiles(files, rows);
  const disk = new Map(Object.entries(bytes)) as Map<string, string>;
  const hashes = new Map<string, string | undefined>();
  for (const { file } of plan.suspects) hashes.set(file.relPath, disk.get(file.relPath));
  const candidates = moveCandidates(plan, hashes).map((file) => file.relPath);
  for (const name of candidates) hashes.set(name, disk.get(name));
  const { moves, touched, unreadable, changed, added, missing, overwritten } = resolveContents(
    plan,
    hashes,
  );
  const names = (pairs: readonly { known: KnownFile }[]) => pairs.map((pair) => pair.known.path);
  return {
    candidates,
    moves: moves.map(({ known: row, file }) => `${row.path} > ${file.relPath}`),
    ...{ touched: names(touched), unreadable: names(unreadable), changed: names(changed) },
    added: added.map((file) => file.relPath),
    missing: missing.map((row) => row.path),
    overwritten: overwritten.map((row) => row.path),
  };
}

const NOTHING = {
  ...{ candidates: [], moves: [], touched: [], unreadable: [], changed: [] },
  ...{ added: [], missing: [], overwritten: [] },
};
const row = (name: string, hash: string, over: Partial<KnownFile> = {}): KnownFile =>
  known(name, 'indexed', { contentHash: hash, ...over });
const later = { mtimeMs: 2, ctimeMs: 2 };

test('a vanished file and a new one with the same bytes are a move, used once', () => {
  const files = [found('new/a.jpg'), found('new/copy.jpg'), found('other.jpg', { sizeBytes: 99 })];
  const bytes = { 'new/a.jpg': 'h', 'new/copy.jpg': 'h' };
  assert.equal(resolve(files, [row('a.jpg', 'h')], bytes), {
    ...NOTHING,
    candidates: ['new/a.jpg', 'new/copy.jpg'],
    moves: ['a.jpg > new/a.jpg'],
    added: ['new/copy.jpg', 'other.jpg'],
  });
});

test('the same bytes under a new time are the same file; other bytes under old times are not', () => {
  const rows = [row('touched.jpg', 't'), row('sly.jpg', 's'), row('locked.jpg', 'l')];
  const files = [
    found('touched.jpg', later),
    found('sly.jpg', { ctimeMs: 2 }),
    found('locked.jpg', { ctimeMs: 2 }),
  ];
  assert.equal(resolve(files, rows, { 'touched.jpg': 't', 'sly.jpg': 'other' }), {
    ...NOTHING,
    touched: ['touched.jpg'],
    changed: ['sly.jpg'],
    unreadable: ['locked.jpg'],
  });
});

test('two files that swap their names keep their frames, whatever their sizes', () => {
  const rows = [row('a.jpg', 'a'), row('b.jpg', 'b', { sizeBytes: 20 })];
  const files = [found('a.jpg', { ...later, sizeBytes: 20 }), found('b.jpg', later)];
  const swapped = resolve(files, rows, { 'a.jpg': 'b', 'b.jpg': 'a' });
  assert.equal(swapped.moves, ['b.jpg > a.jpg', 'a.jpg > b.jpg']);
  assert.equal([swapped.changed, swapped.overwritten, swapped.missing], [[], [], []]);
  const same = [row('a.jpg', 'a'), row('b.jpg', 'b')];
  const equal = resolve([found('a.jpg', later), found('b.jpg', later)], same, {
    'a.jpg': 'b',
    'b.jpg': 'a',
  });
  assert.equal(equal.moves, ['b.jpg > a.jpg', 'a.jpg > b.jpg']);
});

test('a file moved onto another one takes its name; the other is gone for certain', () => {
  const rows = [row('a.jpg', 'a'), row('b.jpg', 'b')];
  assert.equal(resolve([found('a.jpg', later)], rows, { 'a.jpg': 'b' }), {
    ...NOTHING,
    moves: ['b.jpg > a.jpg'],
    overwritten: ['a.jpg'],
  });
});

test('a copy made before an edit keeps the frames; the edited file is a new one', () => {
  const files = [found('a.jpg', { ...later, sizeBytes: 12 }), found('copy.jpg', later)];
  assert.equal(resolve(files, [row('a.jpg', 'a')], { 'copy.jpg': 'a' }), {
    ...NOTHING,
    candidates: ['copy.jpg'],
    moves: ['a.jpg > copy.jpg'],
    added: ['a.jpg'],
  });
});

test('a chain of names moves along, and its last name is missing nowhere', () => {
  const rows = [row('1.jpg', 'x'), row('2.jpg', 'y'), row('3.jpg', 'z')];
  const files = [found('2.jpg', later), found('3.jpg', later), found('4.jpg', later)];
  const result = resolve(files, rows, { '2.jpg': 'x', '3.jpg': 'y', '4.jpg': 'z' });
  assert.equal(result.moves, ['1.jpg > 2.jpg', '2.jpg > 3.jpg', '3.jpg > 4.jpg']);
  assert.equal([result.missing, result.overwritten, result.added], [[], [], []]);
});

test.run();
