/** `sightline embed`: vectors to stdout, cached on disk, damaged inputs apart. */
import { existsSync, readdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { documentOf, runCli } from '../helpers/cli';
import { drawPictures } from '../helpers/media-folder';
import { makeTempDir } from '../helpers/temp';

interface Line {
  readonly input: string;
  readonly embedding: number[];
}

const lengthOf = (vector: readonly number[]): number => Math.hypot(...vector);

test('texts: one line each, unit length, from the disk cache the second time', async () => {
  const env = { XDG_CACHE_HOME: makeTempDir('embed-cache') };
  const args = ['embed', 'text', 'a red circle', 'two blue squares'];
  const first = await runCli(args, { env });
  assert.is(first.code, 0, first.stderr);
  const lines = first.stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Line);
  assert.equal(
    lines.map(({ input }) => input),
    ['a red circle', 'two blue squares'],
  );
  for (const { embedding } of lines) assert.ok(Math.abs(lengthOf(embedding) - 1) < 1e-4);
  const kept = path.join(env.XDG_CACHE_HOME, 'sightline', 'embeddings', 'instruction');
  assert.ok(readdirSync(kept).length > 0);
  assert.is((await runCli(args, { env })).stdout, first.stdout);
});

test('pictures: a damaged one is named and costs the others nothing', async () => {
  const root = makeTempDir('embed-pictures');
  await drawPictures(root, 2);
  const good = readdirSync(root).map((name) => path.join(root, name));
  const bad = path.join(root, 'bad.png');
  writeFileSync(bad, 'no picture');
  const result = await runCli(['embed', 'image', ...good, bad, '--json', '--cache', 'none']);
  assert.is(result.code, 3);
  const { model, results } = documentOf(result) as {
    model: string;
    results: (Line & { error?: { code: string } })[];
  };
  assert.is(model, 'builtin');
  assert.is(results.filter(({ embedding }) => embedding !== undefined).length, good.length);
  assert.match(results.find(({ input }) => input === bad)?.error?.code ?? '', /^ERR_MEDIA/);
  assert.match(result.stderr, /bad\.png/);
});

test('wrong use is a usage error', async () => {
  assert.is((await runCli(['embed', 'song', 'x'])).code, 2);
  assert.is((await runCli(['embed', 'text'])).code, 2);
  assert.is((await runCli(['embed', 'text', 'x', '--cache', 'somewhere'])).code, 2);
  assert.not.ok(existsSync('.sightline'));
});

test.run();
