/** The variables of specs 002 and 003 on the command line: what each of them changes. */
import { spawn } from 'node:child_process';
import path from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { CLI, cleanEnv, documentOf, runCli } from '../helpers/cli';
import { askJson } from '../helpers/http';
import { drawPictures } from '../helpers/media-folder';
import { makeTempDir } from '../helpers/temp';
import { MINILM } from '../helpers/tiny-models';

interface Stats {
  readonly frames: number;
  readonly framesPending: number;
  readonly hnswNodes: number;
}

const root = makeTempDir('embedding-settings');
test.before(async () => {
  await drawPictures(root, 3);
});

test('CLIP_ENABLED=false or --no-embed stores frames, and index embeds them later', async () => {
  const off = await runCli(['sync', root, '--json'], { env: { CLIP_ENABLED: 'false' } });
  assert.is(off.code, 0, off.stderr);
  assert.match(off.stderr, /sightline index/);
  const stats = async (): Promise<Stats> =>
    documentOf(await runCli(['stats', root, '--json'])) as Stats;
  const before = await stats();
  assert.equal([before.frames, before.framesPending, before.hnswNodes], [0, 3, 0]);
  await runCli(['sync', root, '--no-embed', '--quiet']);
  assert.is((await stats()).framesPending, 3);
  await runCli(['index', root, '--quiet']);
  const after = await stats();
  assert.equal([after.framesPending, after.hnswNodes], [0, 3]);
});

test('CLIP_DEBUG_LOG says when the model is loaded and what every call took', async () => {
  const env = { CLIP_DEBUG_LOG: 'true' };
  const result = await runCli(['embed', 'text', 'red', '--cache', 'none'], { env });
  assert.match(result.stderr, /sightline text: model loaded on cpu: .*text_model\.onnx/);
  assert.match(
    result.stderr,
    /sightline text: 1 in [\d.]+ ms \([\d.]+ inference\), dim \d+, 0 failed/,
  );
  assert.is(result.stdout.trim().split('\n').length, 1);
});

test('unsupported values of variables are refused by name', async () => {
  for (const [name, value] of [
    ['CLIP_NORMALIZE', 'false'],
    ['CLIP_PRETRAINED', 'laion2b_s34b_b79k'],
    ['CLIP_MAX_IMAGE_SIZE', '1'],
    ['CLIP_TIMEOUT_S', 'soon'],
  ] as const) {
    const folder = makeTempDir('embedding-refused');
    await drawPictures(folder, 1);
    const result = await runCli(['sync', folder], { env: { [name]: value } });
    assert.is(result.code, 2, `${name}: ${result.stderr}`);
    assert.match(result.stderr, new RegExp(name));
  }
});

test('CLIP_CACHE_DIR is where models are looked up', async () => {
  const folder = makeTempDir('clip-cache');
  const env = { CLIP_CACHE_DIR: folder, CLIP_MODEL_NAME: 'ViT-B-32' };
  const result = await runCli(['embed', 'image', path.join(root, 'x.png')], { env });
  assert.is(result.code, 4, result.stderr);
  assert.ok(result.stderr.includes(folder), result.stderr);
  assert.match(result.stderr, /sightline models pull ViT-B-32/);
});

test('serve --embed-only answers without a library, and ends on SIGTERM', async () => {
  const folder = makeTempDir('embed-only');
  const args = ['serve', folder, '--embed-only', '--port', '0', '--json', '--text-model', MINILM];
  const child = spawn(process.execPath, [CLI, ...args], { env: cleanEnv({}) });
  try {
    const line = await new Promise<string>((resolve) => {
      child.stdout.setEncoding('utf8').once('data', resolve);
    });
    const { url, models } = JSON.parse(line) as { url: string; models: { text: string } };
    assert.is(models.text, 'tiny-minilm');
    const answer = await askJson(Number(new URL(url).port), '/embed/text', { text: 'red circle' });
    assert.is(answer.json<{ dim: number }>().dim, 8);
    child.kill('SIGTERM');
    const code = await new Promise((resolve) => child.once('close', resolve));
    assert.is(code, 0);
  } finally {
    child.kill('SIGKILL');
  }
});

test.run();
