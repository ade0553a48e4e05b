/** Words in, words out: routing of arguments, formats, escaping, pace. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { isOneSlipAway, routeArguments } from '../../lib/cli/arguments';
import { exitCodeOf } from '../../lib/cli/exit-codes';
import {
  formatBytes,
  formatDuration,
  formatTable,
  formatTimestamp,
  printable,
} from '../../lib/cli/output/format';
import { Pace, PlainView, type Shown } from '../../lib/cli/output/progress';
import { describeNews, describeReport } from '../../lib/cli/output/sync-report';
import { makeError } from '../../lib/base/errors';
import type { MediaProblem, SyncReport } from '../../lib/base/types';

test('a bare query is a search, verbs and questions about the program are not', () => {
  const cases: [string[], object][] = [
    [['red car at night'], { args: ['search', 'red car at night'] }],
    [['red car', '/videos', '--json'], { args: ['search', 'red car', '/videos', '--json'] }],
    [['-k', '5', 'red car'], { args: ['search', '-k', '5', 'red car'] }],
    [['sync', '/videos'], { args: ['sync', '/videos'] }],
    [['search', 'sync'], { args: ['search', 'sync'] }],
    [['--help'], { args: ['--help'] }],
    [['-V'], { args: ['-V'] }],
    [['help', 'sync'], { args: ['help', 'sync'] }],
    [['cat'], { args: ['search', 'cat'] }],
    [[], { args: [] }],
  ];
  for (const [given, expected] of cases) assert.equal(routeArguments(given), expected);
});

test('a mistyped verb is asked about instead of searched for', () => {
  assert.equal(routeArguments(['serach']), { meant: 'search' });
  assert.equal(routeArguments(['snyc', '/videos']), { meant: 'sync' });
  assert.equal(routeArguments(['stat']), { meant: 'stats' });
  assert.equal(routeArguments(['serch', 'red car', '/videos']), { meant: 'search' });
});

test('a verb of other programs is asked about, a word that only looks like code is searched for', () => {
  assert.equal(routeArguments(['status', '/videos']), { meant: 'stats' });
  assert.equal(routeArguments(['scan']), { meant: 'sync' });
  assert.equal(routeArguments(['search', 'status']), { args: ['search', 'status'] });
  assert.equal(routeArguments(['constructor']), { args: ['search', 'constructor'] });
});

test('one slip is one letter more, fewer, changed or swapped', () => {
  for (const word of ['ync', 'synac', 'synk', 'snyc', 'ysnc'])
    assert.ok(isOneSlipAway(word, 'sync'));
  for (const word of ['sync', 'sy', 'cnys', 'skunk', ''])
    assert.not.ok(isOneSlipAway(word, 'sync'));
});

test('text from outside cannot act on the terminal', () => {
  assert.is(printable('a\nb\tc\u001b[31md\u0007'), 'a\\nb\\tc\\x1b[31md\\x07');
  assert.is(printable('evil\u202egpj.exe'), 'evil\\u202egpj.exe');
  assert.is(printable('\u009b31m\u007f\u2028'), '\\x9b31m\\x7f\\u2028');
  assert.is(printable('Füße 日本 🙂.jpg'), 'Füße 日本 🙂.jpg');
});

test('times, durations and sizes read well at their edges', () => {
  assert.is(formatTimestamp(null), '-');
  assert.is(formatTimestamp(0), '0:00.0');
  assert.is(formatTimestamp(59.96), '1:00.0');
  assert.is(formatTimestamp(754.25), '12:34.3');
  assert.is(formatTimestamp(3600), '1:00:00.0');
  assert.is(formatDuration(850), '850 ms');
  assert.is(formatDuration(4249), '4.2 s');
  assert.is(formatDuration(185_000), '3 min 5 s');
  assert.is(formatDuration(7_800_000), '2 h 10 min');
  assert.is(formatBytes(512), '512 B');
  assert.is(formatBytes(1024), '1.0 KB');
  assert.is(formatBytes(1.5 * 1024 ** 3), '1.5 GB');
});

test('a table aligns its columns and leaves no trailing blanks', () => {
  const table = formatTable(
    [{ title: '#', align: 'right' }, { title: 'path' }],
    [
      ['1', 'a.jpg'],
      ['10', 'folder/b.jpg'],
    ],
  );
  assert.is(table, ' #  path\n 1  a.jpg\n10  folder/b.jpg');
});

test('the pace counts only what this run did', () => {
  let now = 0;
  const pace = new Pace(() => now);
  assert.is(pace.describe(900, 1000), '');
  now = 2000;
  assert.is(pace.describe(920, 1000), '10.0/s, 8.0 s left');
  now = 10_000;
  assert.is(pace.describe(1000, 1000), '10.0/s');
});

test('without a terminal there is one line every ten seconds, in files and then in frames', () => {
  let now = 0;
  let written = '';
  const view = new PlainView(
    (text) => (written += text),
    () => now,
  );
  const show = (at: number, event: Partial<Shown>): void => {
    now = at;
    view.show({ phase: 'decode', done: 0, total: 0, frames: 0, framesTotal: 0, ...event });
  };
  show(0, { phase: 'scan', done: 100 });
  show(1000, { done: 500, total: 2500 });
  show(9999, { done: 900, total: 2500 });
  assert.is(written, '');
  show(11_000, { done: 1500, total: 2500 });
  assert.is(written, 'reading: 1,500 of 2,500 files, 100.0/s, 10.0 s left\n');
  show(12_000, { done: 1600, total: 2500 });
  show(21_500, { phase: 'encode', done: 2500, total: 2500, frames: 40, framesTotal: 80 });
  assert.is(written.split('\n')[1], 'embedding: 40 of 80 frames');
});

const REPORT: SyncReport = {
  scanned: 10,
  added: 0,
  changed: 0,
  moved: 0,
  removed: 0,
  ignored: 0,
  heldBack: 0,
  heldBackReasons: [],
  unreachable: 0,
  otherSampling: 0,
  unchanged: 10,
  indexed: 0,
  skipped: 0,
  failed: 0,
  framesAdded: 0,
  framesFailed: 0,
  framesTotal: 12,
  problems: [],
  elapsedMs: 4200,
  dryRun: false,
};

const problem = (path: string): MediaProblem => ({
  path,
  state: 'failed',
  code: 'ERR_MEDIA_DECODE',
  reason: 'cut off',
});

test('a sync that changed nothing is no news before a search', () => {
  assert.is(describeNews(REPORT), undefined);
  const news = describeNews({ ...REPORT, indexed: 1, framesAdded: 3, failed: 2 }) ?? '';
  assert.match(news, /^1 file indexed \(3 frames\) in 4\.2 s; 10 unchanged, 2 failed$/m);
  assert.match(news, /stats --problems/);
  assert.match(describeNews({ ...REPORT, heldBack: 40 }) ?? '', /40 files gone at once.*--confirm/);
});

test('a report lists the first five problems and counts the rest', () => {
  const many = ['a', 'b', 'c', 'd', 'e', 'f\u001b', 'g'].map(problem);
  const text = describeReport({ ...REPORT, failed: 7, problems: many });
  assert.is(text.match(/cut off \(ERR_MEDIA_DECODE\)/g)?.length, 5);
  assert.match(text, /and 2 more: "sightline stats --problems" lists all/);
  const few = describeReport({ ...REPORT, failed: 1, problems: [problem('x\u001b[2J')] });
  assert.match(few, /failed: x\\x1b\[2J: cut off/);
  assert.not.match(describeReport(REPORT), /problems/);
});

test('errors map to the documented exit codes', () => {
  assert.is(exitCodeOf(makeError('ERR_ARG_RANGE', 'x')), 2);
  assert.is(exitCodeOf(makeError('ERR_FILE_CORRUPT', 'x')), 2);
  assert.is(exitCodeOf(makeError('ERR_MODEL_MISSING', 'x')), 4);
  assert.is(exitCodeOf(makeError('ERR_FFMPEG_MISSING', 'x')), 4);
  assert.is(exitCodeOf(makeError('ERR_ABORTED', 'x')), 130);
  assert.is(exitCodeOf(new Error('defect')), 2);
});

test.run();
