/** `sightline embed`: vectors to stdout, cached on disk, damaged inputs apart. */
import { existsSync, readdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { readVectors } from '../../lib/engine';
import { documentOf, runCli } from '../helpers/cli';
import { noFfmpeg, writeVideo } from '../helpers/media';
import { drawPictures } from '../helpers/media-folder';
import { skip } from '../helpers/skip';
import { makeTempDir } from '../helpers/temp';
import {
  assertUnitRow,
  formulaSound,
  minilm,
  MINILM,
  VIDEOMAE,
  WAV2VEC2,
} from '../helpers/tiny-models';
import { wav } from '../helpers/wav';

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

test('texts by a sentence encoder, named by flag or variable, into a .npy file', async () => {
  const npy = path.join(makeTempDir('embed-npy'), 'texts.npy');
  const texts = minilm.texts.map(({ text }) => text).filter((text) => text !== '');
  const args = ['embed', 'text', ...texts, '--cache', 'none'];
  const result = await runCli([...args, '--model', MINILM, '--npy', npy, '--json']);
  assert.is(result.code, 0, result.stderr);
  const { model, dim, results } = documentOf(result) as {
    model: string;
    dim: number;
    results: { input: string; row: number }[];
  };
  assert.equal([model, dim], ['tiny-minilm', 8]);
  assert.equal(
    results.map(({ input, row }) => [input, row]),
    texts.map((text, i) => [text, i]),
  );
  const { vectors } = await readVectors(npy);
  const expected = minilm.texts.filter(({ text }) => text !== '');
  expected.forEach(({ vector }, i) => assertUnitRow(vectors, i, vector));
  const byName = await runCli([...args, '--json'], { env: { EMBEDDING_TEXT_MODEL_NAME: MINILM } });
  assert.is((documentOf(byName) as { model: string }).model, 'tiny-minilm');
});

test('a sound and a film, by decoder and encoder; what has neither is named', async () => {
  const root = makeTempDir('embed-media');
  const film = path.join(root, 'film.mp4');
  if (noFfmpeg !== undefined) return skip(noFfmpeg);
  writeVideo(film, 2);
  const sound = path.join(root, 'sound.wav');
  writeFileSync(sound, wav(Array.from(formulaSound(1, 8000), (value) => Math.round(value * 8000))));
  const heard = await runCli(['embed', 'audio', sound, film, '--model', WAV2VEC2, '--json']);
  assert.is(heard.code, 3, heard.stderr);
  const { results } = documentOf(heard) as { results: (Line & { error?: { code: string } })[] };
  assert.is(results[0]?.embedding.length, 8);
  assert.match(results[1]?.error?.code ?? '', /^ERR_MEDIA_UNSUPPORTED$/);
  const seen = await runCli(['embed', 'video', film, '--model', VIDEOMAE]);
  assert.is(seen.code, 0, seen.stderr);
  const { embedding } = JSON.parse(seen.stdout) as Line;
  assert.ok(Math.abs(lengthOf(embedding) - 1) < 1e-4);
  const missing = await runCli(['embed', 'audio', sound], { env: { HF_HOME: root } });
  assert.is(missing.code, 4);
  assert.match(missing.stderr, /sightline models pull/);
});

test('wrong use is a usage error', async () => {
  assert.is((await runCli(['embed', 'song', 'x'])).code, 2);
  assert.is((await runCli(['embed', 'text'])).code, 2);
  assert.is((await runCli(['embed', 'text', 'x', '--cache', 'somewhere'])).code, 2);
  assert.not.ok(existsSync('.sightline'));
});

test.run();
