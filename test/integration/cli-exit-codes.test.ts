/** The exit code of every way a command can end, and what is said with it. */
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { MediaProblem, SyncReport } from '../../lib/base/types';
import { documentOf, errorOf, runCli } from '../helpers/cli';
import { drawing, drawPictures } from '../helpers/media-folder';
import { makeTempDir } from '../helpers/temp';

const root = makeTempDir('cli-exit');
test.before(() => drawPictures(root, 3).then(() => undefined));

const USAGE: [args: string[], said: RegExp][] = [
  [[], /Usage: sightline/],
  [['sync', '/no/such/folder'], /there is no folder "\/no\/such\/folder"/],
  [['search', 'red', 'car'], /use quotes: sightline search "red car"/],
  [['search', 'red', 'car', 'at', 'night'], /in quotes: sightline search "red car at night"/],
  [['search'], /what to search for/],
  [['serach', 'x'], /did you mean "sightline search"/],
  [['sync', '--fsp', '2'], /unknown option '--fsp'/],
  [['sync', '--fps', 'fast'], /--fps takes a number from 0.001 to 240, received "fast"/],
  [['sync', '--fps', '1', '--keyframes'], /exclude each other/],
  [['search', 'x', '-k', '0'], /-k takes a whole number from 1 to 1000/],
  [['search', 'x', '--type', 'song'], /Allowed choices are image, video/],
  [['search', '--like', 'abc'], /--like takes the number of a frame/],
  [['search', '--image', '/no/such.jpg'], /--image \/no\/such\.jpg: ENOENT/],
  [['search', 'words', '.', '--image', 'x.jpg'], /only a folder may follow/],
  [['serve', '--port', '99999'], /--port takes a whole number from 0 to 65535/],
  [['sync', 'a', 'b'], /too many arguments/],
  [['sync', '--\u001b[2J'], /unknown option '--\\x1b\[2J'/],
  [['sync', 'no\u001b[2J'], /there is no folder "no\\x1b\[2J"/],
  [['models', 'bake'], /Allowed choices are list, pull, verify/],
];

test('wrong usage is 2, names the mistake on stderr and keeps stdout empty', async () => {
  const cwd = makeTempDir('cli-usage');
  for (const [args, said] of USAGE) {
    const result = await runCli(args, { cwd });
    assert.is(result.code, 2, `${args.join(' ')}: ${result.stderr}`);
    assert.match(result.stderr, said);
    assert.is(result.stdout, '', args.join(' '));
    assert.not.match(result.stderr, /\u001b/);
    assert.not.match(result.stderr, /\n +at /, `${args.join(' ')} shows a stack`);
  }
});

test('with --json wrong usage is a document too', async () => {
  for (const args of [
    ['sync', '--json', '--fsp'],
    ['search', 'x', '-k', '0', '--json'],
  ]) {
    const result = await runCli(args);
    assert.is(result.code, 2);
    assert.match(errorOf(result).code, /^ERR_ARG_/);
    assert.ok(errorOf(result).message.length > 0);
  }
});

test('help and version are data and 0', async () => {
  for (const args of [['--help'], ['help', 'sync'], ['search', '--help'], ['--version']]) {
    const result = await runCli(args);
    assert.is(result.code, 0, args.join(' '));
    assert.ok(result.stdout.length > 0);
    assert.is(result.stderr, '');
  }
});

test('a missing library is reported with a remedy', async () => {
  const empty = makeTempDir('cli-empty');
  for (const verb of ['stats', 'verify']) {
    const result = await runCli([verb, empty]);
    assert.is(result.code, 2);
    assert.match(result.stderr, /has no library yet: run "sightline sync"/);
  }
  const search = await runCli(['search', 'x', empty, '--no-sync', '--json']);
  assert.is(search.code, 2);
  assert.is(errorOf(search).code, 'ERR_LIBRARY_MISSING');
});

test('a damaged file is 3, is named with its reason, and the others are searchable', async () => {
  const dir = path.join(root, 'damaged');
  await drawPictures(dir, 3);
  const whole = await drawing(3);
  writeFileSync(path.join(dir, 'broken.jpg'), whole.subarray(0, 40));
  const result = await runCli(['sync', dir, '--json']);
  assert.is(result.code, 3, result.stderr);
  const report = documentOf<SyncReport>(result);
  assert.is(report.failed, 1);
  assert.is(report.indexed, 3);
  assert.is(report.problems[0]?.path, 'broken.jpg');
  assert.ok((report.problems[0]?.reason.length ?? 0) > 0);

  const again = await runCli(['sync', dir, '--retry-failed']);
  assert.is(again.code, 3);
  assert.match(again.stderr, /failed: broken\.jpg: .+\(ERR_MEDIA_/);
  assert.match(again.stderr, /stats --problems/);
  const stats = await runCli(['stats', dir, '--problems', '--json']);
  const { problems } = documentOf<{ problems: MediaProblem[] }>(stats);
  assert.equal(
    problems.map((problem) => problem.path),
    ['broken.jpg'],
  );
  const search = await runCli(['search', 'a circle', dir, '--json']);
  assert.is(search.code, 0, 'a broken file does not make every search fail');
});

test('a missing model is 4 with the remedy', async () => {
  const result = await runCli(['sync', root, '--model', 'nobody/nothing', '--json']);
  assert.is(result.code, 4, result.stderr);
  assert.match(result.stderr, /nobody\/nothing/);
  assert.is(errorOf(result).code, 'ERR_MODEL_MISSING');
});

test('a missing ffmpeg exits with 4 and one line for all videos; pictures are indexed', async () => {
  const dir = path.join(root, 'films');
  await drawPictures(dir, 2);
  for (const name of ['a.mp4', 'b.mp4', 'c.mkv'])
    writeFileSync(path.join(dir, name), `not read without ffmpeg: ${name}`);
  const env = { SIGHTLINE_FFMPEG: path.join(dir, 'no-such-ffmpeg') };
  const result = await runCli(['sync', dir], { env });
  assert.is(result.code, 4, result.stderr);
  assert.match(result.stderr, /2 files indexed/);
  assert.is(result.stderr.match(/ERR_FFMPEG_MISSING/g)?.length, 1);
  assert.match(result.stderr, /3 files left out: .*no-such-ffmpeg/);
  const search = await runCli(['search', 'a circle', dir, '--json'], { env });
  assert.is(search.code, 0, 'what could be indexed can be searched');
});

test('--dry-run says what would be done and leaves no vectors', async () => {
  const dir = path.join(root, 'dry');
  await drawPictures(dir, 2);
  const result = await runCli(['sync', dir, '--dry-run', '--json']);
  assert.is(result.code, 0, result.stderr);
  const report = documentOf<SyncReport>(result);
  assert.is(report.dryRun, true);
  assert.is(report.added, 2);
  assert.is(report.framesTotal, 0);
});

test('--quiet prints nothing if there is no error', async () => {
  const dir = path.join(root, 'quiet');
  await drawPictures(dir, 1);
  const result = await runCli(['sync', dir, '--quiet']);
  assert.is(result.code, 0);
  assert.is(result.stderr, '');
  assert.is(result.stdout, '');
});

test('an empty folder is no error, and says so', async () => {
  const dir = path.join(root, 'nothing');
  mkdirSync(dir);
  const result = await runCli(['search', 'a circle', dir]);
  assert.is(result.code, 0, result.stderr);
  assert.is(result.stdout, '');
  assert.match(result.stderr, /holds no pictures or videos/);
});

test.run();
