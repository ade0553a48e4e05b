/** Rules given once: they hold for later commands, are shown, and can be taken back. */
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { runCli } from '../helpers/cli';
import { writePictures } from '../helpers/media';
import { makeTempDir } from '../helpers/temp';

async function folder(): Promise<string> {
  const root = makeTempDir('cli-ignore');
  mkdirSync(path.join(root, '#private (1)'));
  await writePictures(path.join(root, '#private (1)'), 2);
  await writePictures(root, 1);
  return root;
}

async function json(...args: string[]): Promise<Record<string, unknown>> {
  const { stdout, stderr } = await runCli([...args, '--json']);
  assert.ok(stdout !== '', stderr);
  return JSON.parse(stdout) as Record<string, unknown>;
}

test('a rule of one sync holds for the next ones until it is taken back', async () => {
  const root = await folder();
  const tried = await json('sync', root, '--ignore', '#private (1)/', '--dry-run');
  assert.is(tried.scanned, 1);
  assert.is((await json('sync', root)).scanned, 3, 'a dry run is not remembered');
  const given = await runCli(['sync', root, '--ignore', '#private (1)/']);
  assert.match(given.stderr, /from now on.*"#private \(1\)\/".*--unignore/);
  assert.match(given.stderr, /2 left out by a rule/);
  assert.equal(JSON.parse(readFileSync(path.join(root, '.sightline/config.json'), 'utf8')), {
    ignore: ['#private (1)/'],
  });
  const plain = await runCli(['search', 'circle', root, '--paths']);
  assert.is(plain.stdout.trim().split('\n').length, 1);
  assert.match((await runCli(['stats', root])).stdout, /leaves out +#private \(1\)\//);
  const more = await json('sync', root, '--ignore', '*.png');
  assert.equal([more.scanned, more.added], [1, 0], 'rules add up');
  const wrong = await runCli(['sync', root, '--unignore', '*.gif']);
  assert.is(wrong.code, 2);
  assert.match(wrong.stderr, /is not a rule of.*ERR_ARG_RANGE/);
  const back = await json('sync', root, '--unignore', '#private (1)/', '--unignore', '*.png');
  assert.equal([back.scanned, back.added], [3, 2]);
  const config = await json('config', 'print', root);
  assert.equal(config.ignore, []);
});

test('other settings of the library stay as they are', async () => {
  const root = await folder();
  await runCli(['sync', root, '-q']);
  const file = path.join(root, '.sightline/config.json');
  writeFileSync(file, '{"k": 7, "ignore": ["a"]}');
  await runCli(['sync', root, '-q', '--ignore', 'b']);
  assert.equal(JSON.parse(readFileSync(file, 'utf8')), { k: 7, ignore: ['a', 'b'] });
});

test('a search answers while the folder is away, and says so', async () => {
  const root = await folder();
  const library = makeTempDir('cli-ignore-library');
  await runCli(['sync', root, '--library', library, '-q']);
  renameSync(root, `${root}.away`);
  const answer = await runCli(['search', 'circle', root, '--library', library, '--paths']);
  assert.is(answer.code, 0);
  assert.is(answer.stdout.trim().split('\n').length, 3);
  assert.match(answer.stderr, /could not be looked for.*ERR_FILE_MISSING/);
  const sync = await runCli(['sync', root, '--library', library]);
  assert.is(sync.code, 2);
  assert.match(sync.stderr, /ERR_FILE_MISSING/);
  mkdirSync(root);
  const empty = await json('sync', root, '--library', library);
  assert.equal([empty.heldBack, empty.removed], [3, 0]);
  renameSync(`${root}.away`, `${root}/back`);
});

test.run();
