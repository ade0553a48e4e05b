/** Finding a model, refusing what is none, and what decides its identity. */
import { cpSync, mkdirSync, readFileSync, renameSync, rmSync, symlinkSync } from 'node:fs';
import { unlinkSync, utimesSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { findModel, hubCacheDir, openClip } from '../../lib/encode';
import { inspectClip } from '../../lib/models/store/model-files';
import { readExternalDataNames } from '../../lib/models/onnx/onnx-file';
import { externalTensor, field, model } from '../helpers/onnx-bytes';
import { sharedData } from '../helpers/shared-data';
import { skip } from '../helpers/skip';
import { makeTempDir } from '../helpers/temp';
import { codeOf, errorOf } from '../helpers/errors';
import { copyTinyClip, TINY_CLIP, TINY_CLIP_EXTERNAL } from '../helpers/tiny-clip';

const TOWER = path.join('onnx', 'vision_model.onnx');
const COMMIT = '0123456789abcdef0123456789abcdef01234567';

/** A hub cache with one repository, files linked to blobs as the hub's tools leave them. */
function hubCache(name: string): { cache: string; blobs: string; snapshot: string } {
  const cache = makeTempDir('hub');
  const repository = path.join(cache, `models--${name.replace('/', '--')}`);
  const snapshot = path.join(repository, 'snapshots', COMMIT);
  const blobs = path.join(repository, 'blobs');
  mkdirSync(path.join(repository, 'refs'), { recursive: true });
  mkdirSync(blobs);
  writeFileSync(path.join(repository, 'refs', 'main'), `${COMMIT}\n`);
  cpSync(TINY_CLIP, snapshot, { recursive: true });
  const tower = path.join(snapshot, TOWER);
  renameSync(tower, path.join(blobs, 'abc'));
  symlinkSync('../../../blobs/abc', tower);
  return { cache, blobs, snapshot };
}

async function invalidTower(bytes: Buffer | string): Promise<Error & { code: string }> {
  const folder = copyTinyClip();
  writeFileSync(path.join(folder, TOWER), bytes);
  return errorOf(openClip(folder));
}

test('the hub cache is found as the hub tools find it', () => {
  const env = { HF_HUB_CACHE: '/a', HF_HOME: '/b', XDG_CACHE_HOME: '/c' };
  assert.is(hubCacheDir(env), '/a');
  assert.is(hubCacheDir({ ...env, HF_HUB_CACHE: '' }), path.join('/b', 'hub'));
  const xdg = { XDG_CACHE_HOME: '/c' };
  assert.is(hubCacheDir(xdg), path.join('/c', 'huggingface', 'hub'));
  assert.match(hubCacheDir({}), /[\\/]\.cache[\\/]huggingface[\\/]hub$/);
});

test('a repository in the hub cache opens with its commit as revision', async () => {
  const { cache } = hubCache('someone/tiny-clip');
  const clip = await openClip('someone/tiny-clip', { env: { HF_HUB_CACHE: cache } });
  assert.is(clip.identity.id, 'someone/tiny-clip');
  assert.is(clip.identity.revision, COMMIT);
  assert.not.ok(clip.isBuiltin);
  const folder = await openClip(TINY_CLIP);
  assert.is(clip.identity.sha256, folder.identity.sha256, 'same weights, same hash');
  assert.is(folder.identity.id, 'tiny-clip');
});

test('a model that is not there is ERR_MODEL_MISSING with the whole remedy', async () => {
  const env = { HF_HUB_CACHE: makeTempDir('hub') };
  const error = await errorOf(openClip('openai/clip-vit-base-patch32', { env }));
  assert.is(error.code, 'ERR_MODEL_MISSING');
  for (const part of [
    'onnx/vision_model.onnx',
    'onnx/text_model.onnx',
    'tokenizer.json',
    path.join(env.HF_HUB_CACHE, 'models--openai--clip-vit-base-patch32', 'snapshots'),
    '--model builtin',
    'sightline models pull openai/clip-vit-base-patch32',
  ]) {
    assert.ok(error.message.includes(part), `the message names ${part}`);
  }
  assert.is(await codeOf(openClip('./no/such/folder')), 'ERR_MODEL_MISSING');
});

test('a folder with missing files names exactly those', async () => {
  const folder = copyTinyClip();
  unlinkSync(path.join(folder, 'tokenizer.json'));
  const error = await errorOf(openClip(folder));
  assert.is(error.code, 'ERR_MODEL_MISSING');
  assert.equal(error.details['files'], ['tokenizer.json']);
});

test('names that are no names are refused', async () => {
  for (const name of ['', 'clip', 'a/b/c', 'a/../b', '~/x', 'org/..', 'org/na me', 'org/-']) {
    assert.is(await codeOf(findModel(name, { HF_HUB_CACHE: '/nowhere' })), 'ERR_ARG_RANGE', name);
  }
});

test('the identity follows the weights, not the place or the other files', async () => {
  const folder = copyTinyClip();
  const before = (await openClip(folder)).identity;
  writeFileSync(path.join(folder, 'README.md'), 'x');
  assert.is((await openClip(folder)).identity.sha256, before.sha256);
  const file = path.join(folder, TOWER);
  const bytes = readFileSync(file);
  // One bit of one weight; size and, on purpose, the time of change differ as any edit's would.
  const at = bytes.lastIndexOf(Buffer.from('project')) + 60;
  bytes[at] = (bytes[at] as number) ^ 1;
  writeFileSync(file, bytes);
  utimesSync(file, new Date(), new Date(Date.now() + 5000));
  assert.is.not((await openClip(folder)).identity.sha256, before.sha256);
});

test('weights in a file of their own count for the identity and run', async () => {
  const folder = copyTinyClip();
  const alone = (await openClip(folder)).identity;
  cpSync(TINY_CLIP_EXTERNAL, folder, { recursive: true });
  assert.equal(readExternalDataNames(path.join(folder, TOWER)), ['vision_weights.bin']);
  const clip = await openClip(folder);
  assert.is.not(clip.identity.sha256, alone.sha256);
  const { vision } = await inspectClip(folder, folder, 'fp32');
  assert.ok((vision?.bytes ?? 0) > 1536);
  await clip.image.warm();
  await clip.close();
  rmSync(path.join(folder, 'onnx', 'vision_weights.bin'));
  const error = await errorOf(openClip(folder));
  assert.is(error.code, 'ERR_MODEL_INVALID');
  assert.match(error.message, /vision_weights\.bin" is missing/);
});

test('external data outside the folder is refused before the runtime sees the model', async () => {
  const places = [
    '/etc/hostname',
    '../../secret.bin',
    'sub/../../secret.bin',
    './weights.bin',
    '..\\secret.bin',
    'C:secret.bin',
    '',
  ];
  for (const place of places) {
    const tensor = externalTensor(place);
    const constant = field(1, field(5, field(5, tensor)));
    const nested = field(1, field(5, field(6, field(5, tensor))));
    for (const bytes of [
      model(field(5, tensor)),
      model(constant),
      model(nested),
      model(field(15, field(1, tensor))),
      Buffer.concat([model(), field(25, field(7, field(5, field(5, tensor))))]),
    ]) {
      const error = await invalidTower(bytes);
      assert.is(error.code, 'ERR_MODEL_INVALID');
      assert.match(error.message, /outside its folder/);
    }
  }
});

test('links out of the folder are refused, for the model and for its weights', async () => {
  const outside = path.join(makeTempDir('outside'), 'weights.bin');
  writeFileSync(outside, 'secret');
  const folder = copyTinyClip();
  writeFileSync(path.join(folder, TOWER), model(field(5, externalTensor('weights.bin'))));
  symlinkSync(outside, path.join(folder, 'onnx', 'weights.bin'));
  assert.match((await errorOf(openClip(folder))).message, /outside the model's folder/);

  const linked = copyTinyClip();
  rmSync(path.join(linked, TOWER));
  symlinkSync(path.join(TINY_CLIP, TOWER), path.join(linked, TOWER));
  assert.is(await codeOf(openClip(linked)), 'ERR_MODEL_INVALID');

  const { cache, snapshot } = hubCache('a/b');
  rmSync(path.join(snapshot, TOWER));
  symlinkSync(path.join(TINY_CLIP, TOWER), path.join(snapshot, TOWER));
  assert.is(await codeOf(openClip('a/b', { env: { HF_HUB_CACHE: cache } })), 'ERR_MODEL_INVALID');
});

test('the common bad downloads are told by name', async () => {
  const pointer = 'version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 351000000\n';
  const lfs = await invalidTower(pointer);
  assert.is(lfs.code, 'ERR_MODEL_INVALID');
  assert.match(lfs.message, /Git LFS pointer.*351000000 bytes/);
  assert.match((await invalidTower('<!DOCTYPE html><p>Not found')).message, /web page/);
  assert.match((await invalidTower('{"error":"gated"}')).message, /web page or an error message/);
  assert.is((await invalidTower('')).code, 'ERR_MODEL_INVALID');
});

test('the samples of not-embedders are refused with a clear message', async () => {
  const folder = sharedData('models', 'not-embedders');
  if (folder === undefined) return skip('no shared models');
  const graph = await invalidTower(
    readFileSync(path.join(folder, 'all-MiniLM-L6-v2.graph-only.onnx')),
  );
  assert.is(graph.code, 'ERR_MODEL_INVALID');
  assert.match(graph.message, /holds only the graph/);
  const lfs = await invalidTower(
    readFileSync(path.join(folder, 'lfs-pointer.model_quantized.onnx')),
  );
  assert.match(lfs.message, /Git LFS pointer.*22972370 bytes/);
});

test('a cut or damaged model never passes as healthy silently, and never hangs the walk', () => {
  const seed = 11;
  console.log(`seed ${seed}`);
  const bytes = readFileSync(path.join(TINY_CLIP, TOWER));
  const file = path.join(makeTempDir('cut'), 'model.onnx');
  const walk = (content: Buffer): string => {
    writeFileSync(file, content);
    try {
      readExternalDataNames(file);
      return 'ok';
    } catch (error) {
      return (error as { code?: string }).code ?? String(error);
    }
  };
  assert.is(walk(bytes), 'ok');
  let refused = 0;
  for (let length = 0; length < bytes.length; length += 7) {
    const result = walk(bytes.subarray(0, length));
    assert.ok(result === 'ok' || result === 'ERR_MODEL_INVALID', result);
    if (result !== 'ok') refused++;
  }
  // The graph is one field of the file: every cut inside it is seen.
  assert.ok(refused > (bytes.length / 7) * 0.9, `${refused} cuts refused`);
  let state = seed;
  for (let i = 0; i < 500; i++) {
    const damaged = Buffer.from(bytes);
    for (let flips = 0; flips < 3; flips++) {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
      damaged[state % damaged.length] = (state >>> 8) & 255;
    }
    const result = walk(damaged);
    assert.ok(result === 'ok' || result === 'ERR_MODEL_INVALID', result);
  }
});

test('a message nested without end is refused, not followed', async () => {
  let bytes = externalTensor('x');
  for (let i = 0; i < 200; i++) bytes = field(1, field(5, field(6, bytes)));
  assert.match((await invalidTower(model(bytes))).message, /nested deeper/);
});

test('hostile or foreign configuration is ERR_MODEL_INVALID', async () => {
  const cases: [string, string, RegExp][] = [
    ['config.json', 'not json', /is not JSON/],
    ['config.json', '[]', /does not hold a JSON object/],
    ['config.json', `{"x":${'['.repeat(100_000)}`, /nests deeper/],
    ['config.json', `{"x":${'{"a":'.repeat(70)}1${'}'.repeat(70)}}`, /nests deeper than 64/],
    ['config.json', '{"model_type":"bert"}', /model_type is "bert", expected "clip"/],
    ['config.json', '{"model_type":"clip","projection_dim":1e9}', /projection_dim must be/],
    ['config.json', '{"model_type":"clip","projection_dim":"8"}', /projection_dim must be/],
    [
      'config.json',
      '{"model_type":"clip","vision_config":{"image_size":1e6}}',
      /image_size must be/,
    ],
    ['config.json', '{"model_type":"clip","vision_config":7}', /vision_config is not an object/],
    ['config.json', '{"model_type":"clip","logit_scale":"x"}', /logit_scale must be/],
    ['config.json', ' '.repeat((1 << 20) + 1), /1048577 bytes, allowed are 1048576/],
    ['preprocessor_config.json', '{"size":224}', /makes pictures of 224x224/],
    ['preprocessor_config.json', '{"size":16,"resample":4}', /resample is 4, expected/],
    ['preprocessor_config.json', '{"size":16,"image_mean":[0,0]}', /image_mean must be three/],
    [
      'preprocessor_config.json',
      '{"size":16,"image_mean":[0,0,0],"image_std":[1,0,1]}',
      /image_std/,
    ],
    ['preprocessor_config.json', '{"size":{"shortest_edge":8},"crop_size":16}', /larger than size/],
    ['preprocessor_config.json', '{"size":{"wide":16}}', /width must be/],
    ['preprocessor_config.json', '{"size":"16"}', /neither a number nor a size/],
  ];
  for (const [name, content, reason] of cases) {
    const folder = copyTinyClip();
    writeFileSync(path.join(folder, name), content);
    const error = await errorOf(openClip(folder));
    assert.is(error.code, 'ERR_MODEL_INVALID', content.slice(0, 80));
    assert.match(error.message, reason);
  }
});

test('a tower of another shape is refused when the model is opened', async () => {
  const folder = copyTinyClip();
  const file = path.join(folder, 'config.json');
  const config = JSON.parse(readFileSync(file, 'utf8')) as object;
  writeFileSync(file, JSON.stringify({ ...config, projection_dim: 9 }));
  const error = await errorOf(openClip(folder));
  assert.is(error.code, 'ERR_MODEL_INVALID');
  assert.match(error.message, /expected image_embeds of shape \[n, 9\].*received \[batch, 8\]/);

  const swapped = copyTinyClip();
  cpSync(path.join(swapped, TOWER), path.join(swapped, 'onnx', 'text_model.onnx'));
  assert.match((await errorOf(openClip(swapped))).message, /inputs are pixel_values, expected/);
});

test('the dimension is the graphs own where the configuration does not state it', async () => {
  const folder = copyTinyClip();
  const file = path.join(folder, 'config.json');
  const { projection_dim: dim, ...config } = JSON.parse(readFileSync(file, 'utf8')) as Record<
    string,
    unknown
  >;
  assert.is(dim, 8);
  writeFileSync(file, JSON.stringify(config));
  const clip = await openClip(folder);
  assert.is(clip.dim, 8);
  assert.is((await clip.text.encode(['red'])).length, 8);
  await clip.close();
});

test('the built-in model is there and opens as such', async () => {
  const clip = await openClip();
  assert.is(clip.identity.id, 'builtin');
  assert.ok(clip.isBuiltin);
  assert.match(clip.identity.sha256, /^[0-9a-f]{64}$/);
  const vectors = await clip.text.encode(['a red circle', 'a blue square']);
  assert.is(vectors.length, 2 * clip.dim);
  await clip.close();
});

test.run();
