/** Files that the walk did not list: which are forgotten, which are kept, and the reason that is given. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { explainAbsence, type AbsenceQuestion } from '../../lib/pipeline/plan/absence';
import type { KnownFile } from '../../lib/pipeline/plan/plan';
import { asMediaId } from '../../lib/base/types';

const file = (path: string): KnownFile => ({
  mediaId: asMediaId(path),
  path,
  sizeBytes: 1,
  mtimeMs: 1,
  contentHash: null,
  ctimeMs: null,
  state: 'indexed',
  attempts: 1,
  needsDecoding: false,
  fault: null,
  kind: 'image',
  sampling: null,
  width: null,
  height: null,
});
const files = (folder: string, count: number): string[] =>
  Array.from({ length: count }, (_, i) => `${folder}${i}.jpg`);

interface Case {
  known: string[];
  missing: string[];
  ignored?: string[];
  unseen?: string[];
  replaced?: string[];
  volumes?: Record<string, number>;
  over?: Partial<AbsenceQuestion>;
}

/** How many of each: ignored, unreachable, held back, gone; and the reasons. */
function explain(one: Case): { counts: number[]; reasons: string } {
  const known = one.known.map(file);
  const absence = explainAbsence({
    known,
    missing: known.filter(({ path }) => one.missing.includes(path)),
    sight: {
      ignored: new Set(one.ignored),
      unseen: new Set(one.unseen),
      replaced: new Set(one.replaced),
      volumes: { '.': 1, ...one.volumes },
    },
    earlier: { '.': 1 },
    isRootSure: false,
    isConfirmed: false,
    ...one.over,
  });
  const { ignored, unreachable, heldBack, gone } = absence;
  return {
    counts: [ignored, unreachable, heldBack, gone].map((list) => list.length),
    reasons: absence.reasons.join('; '),
  };
}

test('a few files that are gone are gone', () => {
  const known = [...files('', 3), ...files('a/', 3)];
  assert.equal(explain({ known, missing: ['0.jpg', 'a/0.jpg'] }).counts, [0, 0, 0, 2]);
  assert.equal(explain({ known, missing: [] }).counts, [0, 0, 0, 0]);
});

test('everything gone is a question at any size, and only a person answers it', () => {
  for (const size of [1, 2, 12, 40]) {
    const known = files('', size);
    const { counts, reasons } = explain({ known, missing: known });
    assert.equal(counts, [0, 0, size, 0]);
    assert.is(reasons, 'every file of the library');
    assert.equal(explain({ known, missing: known, over: { isConfirmed: true } }).counts[3], size);
  }
});

test('many files at once are a question: more than 20 and more than a twentieth', () => {
  const known = files('', 1000);
  assert.equal(explain({ known, missing: known.slice(0, 50) }).counts, [0, 0, 0, 50]);
  assert.equal(explain({ known, missing: known.slice(0, 51) }).counts, [0, 0, 51, 0]);
  assert.equal(explain({ known: known.slice(0, 21), missing: known.slice(0, 20) }).counts[3], 20);
});

test('a top folder that lost all its files is a question, a deeper one and a part are not', () => {
  const known = [...files('usb/', 2), ...files('home/', 6), ...files('home/x/', 3), 'one.jpg'];
  const usb = explain({ known, missing: [...files('usb/', 2), 'home/0.jpg'] });
  assert.equal(usb.counts, [0, 0, 2, 1], 'what is clear is done');
  assert.is(usb.reasons, 'every file of usb');
  assert.equal(explain({ known, missing: ['usb/0.jpg'] }).counts, [0, 0, 0, 1]);
  assert.equal(explain({ known, missing: files('home/x/', 3) }).counts, [0, 0, 0, 3]);
  assert.equal(explain({ known, missing: ['one.jpg'] }).counts, [0, 0, 0, 1], 'no folder at all');
});

test('a disk that was there and is not any more is a question, however little is missing', () => {
  const known = [...files('a/nas/', 9), ...files('a/b/', 9)];
  const earlier = { '.': 1, 'a/nas': 7 };
  const lost = explain({ known, missing: ['a/nas/0.jpg', 'a/b/0.jpg'], over: { earlier } });
  assert.equal(lost.counts, [0, 0, 1, 1]);
  assert.is(lost.reasons, 'the disk at a/nas is not there');
  const there = { known, volumes: { 'a/nas': 8 }, over: { earlier } };
  assert.equal(explain({ ...there, missing: ['a/nas/0.jpg'] }).counts, [0, 0, 0, 1]);
  assert.equal(
    explain({ ...there, missing: files('a/nas/', 9) }).counts,
    [0, 0, 9, 0],
    'all of it',
  );
});

test('a root on another disk than before is a question, unless the library lies in it', () => {
  const moved = { known: files('', 9), missing: ['0.jpg'], volumes: { '.': 2 } };
  assert.equal(explain(moved).counts, [0, 0, 1, 0]);
  assert.equal(explain({ ...moved, over: { isRootSure: true } }).counts, [0, 0, 0, 1]);
  assert.equal(explain({ ...moved, over: { earlier: undefined } }).counts, [0, 0, 0, 1]);
});

test('what could not be seen is kept, whatever is confirmed', () => {
  const known = [...files('', 30), ...files('a/b/', 2), 'ab.jpg'];
  const over = { isConfirmed: true };
  const hidden = { known, missing: known, unseen: ['.'] };
  assert.equal(explain(hidden).counts, [0, 33, 0, 0]);
  assert.equal(explain({ ...hidden, over }).counts, [0, 33, 0, 0]);
  const sub = { known, missing: files('a/b/', 2), unseen: ['a'], over };
  assert.equal(explain(sub).counts, [0, 2, 0, 0]);
  assert.equal(explain({ known, missing: ['ab.jpg'], unseen: ['a'] }).counts, [0, 0, 0, 1]);
  const rest = { known: [...files('a/', 2), 'b.jpg'], missing: [...files('a/', 2), 'b.jpg'] };
  assert.equal(explain({ ...rest, unseen: ['a'] }).counts, [0, 2, 1, 0], 'all that could be seen');
});

test('a link or another library in place of files is a question', () => {
  const known = [...files('x/a/', 2), ...files('x/b/', 9)];
  const linked = explain({ known, missing: files('x/a/', 2), replaced: ['x/a'] });
  assert.equal(linked.counts, [0, 0, 2, 0]);
  assert.is(linked.reasons, 'something else has its name');
});

test('what a rule leaves out is forgotten at once and named so, even when it is nearly all', () => {
  const known = [...files('private/', 25), 'b.jpg'];
  const ignored = { known, missing: files('private/', 25), ignored: ['private'] };
  assert.equal(explain(ignored).counts, [25, 0, 0, 0]);
  assert.equal(explain({ known, missing: known, ignored: ['private'] }).counts, [25, 0, 1, 0]);
  assert.equal(explain({ ...ignored, unseen: ['.'] }).counts, [0, 25, 0, 0], 'nobody looked');
});

test.run();
