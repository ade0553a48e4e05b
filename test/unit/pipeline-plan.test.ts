import { test } from 'uvu';
import * as assert from 'uvu/assert';
import {
  compareFiles,
  moveCandidates,
  resolveMoves,
  type FoundFile,
  type KnownFile,
} from '../../lib/pipeline/plan';
import { asMediaId, type MediaState } from '../../lib/types';

const found = (relPath: string, over: Partial<FoundFile> = {}): FoundFile => ({
  relPath,
  absPath: `/r/${relPath}`,
  kind: relPath.endsWith('.mp4') ? 'video' : 'image',
  sizeBytes: 10,
  mtimeMs: 1,
  ...over,
});
const known = (path: string, state: MediaState, over: Partial<KnownFile> = {}): KnownFile => ({
  mediaId: asMediaId(path.padEnd(32, '0')),
  path,
  sizeBytes: 10,
  mtimeMs: 1,
  contentHash: `hash-of-${path}`,
  state,
  code: null,
  attempts: 1,
  ...over,
});

test('a file with the same path, size and time is left alone', () => {
  const plan = compareFiles([found('a.jpg')], [known('a.jpg', 'indexed')]);
  assert.is(plan.unchanged.length, 1);
  assert.is(plan.added.length + plan.changed.length + plan.unfinished.length, 0);
});

test('another size or another time makes a file changed', () => {
  const rows = [known('a.jpg', 'indexed'), known('b.jpg', 'failed')];
  const plan = compareFiles(
    [found('a.jpg', { sizeBytes: 11 }), found('b.jpg', { mtimeMs: 2 })],
    rows,
  );
  assert.is(plan.changed.length, 2);
});

test('pictures come before videos, each in walk order', () => {
  const plan = compareFiles([found('a.mp4'), found('b.jpg'), found('c.mp4'), found('d.jpg')], []);
  assert.equal(
    plan.added.map((file) => file.relPath),
    ['b.jpg', 'd.jpg', 'a.mp4', 'c.mp4'],
  );
});

test('pending files are taken up again, failed ones until their attempts are used up', () => {
  const files = ['p.jpg', 'f.jpg', 'x.jpg', 's.jpg'].map((name) => found(name));
  const rows = [
    known('p.jpg', 'pending', { attempts: 9 }),
    known('f.jpg', 'failed'),
    known('x.jpg', 'failed', { attempts: 3 }),
    known('s.jpg', 'skipped'),
  ];
  const taken = (retry: boolean) =>
    compareFiles(files, rows, retry).unfinished.map((item) => item.known.path);
  assert.equal(taken(false), ['p.jpg', 'f.jpg']);
  assert.equal(taken(true), ['p.jpg', 'f.jpg', 'x.jpg']);
});

test('a vanished file and a new one with the same bytes are a move, used once', () => {
  const plan = compareFiles(
    [found('new/a.jpg'), found('new/copy.jpg'), found('other.jpg', { sizeBytes: 99 })],
    [known('a.jpg', 'indexed', { contentHash: 'h' })],
  );
  const candidates = moveCandidates(plan);
  assert.equal(
    candidates.map((file) => file.relPath),
    ['new/a.jpg', 'new/copy.jpg'],
  );
  const result = resolveMoves(plan, new Map(candidates.map((file) => [file.relPath, 'h'])));
  assert.is(result.moves.length, 1);
  assert.is(result.moves[0]?.file.relPath, 'new/a.jpg');
  assert.equal(
    result.added.map((file) => file.relPath),
    ['new/copy.jpg', 'other.jpg'],
  );
  assert.is(result.missing.length, 0);
});

test.run();
