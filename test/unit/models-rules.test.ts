/** Rules without a hub: names, which files are taken, settings, golden vectors. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { chooseFiles } from '../../lib/models/hub/choose';
import { cosineOf, leastCosine, readGolden, writeGolden } from '../../lib/models/store/golden';
import type { Golden } from '../../lib/models/store/golden';
import {
  GOLDEN_TEXTS,
  goldenClips,
  goldenPictures,
  goldenSounds,
} from '../../lib/encode/golden/golden-inputs';
import type { HubFile } from '../../lib/models/store/cache';
import { isSafeRelativePath, parseModelName, SHORT_NAMES } from '../../lib/models/names';
import { hubSettings } from '../../lib/models/settings';
import type { Dtype } from '../../lib/models/dtype';

const repository = (names: readonly string[]): Parameters<typeof chooseFiles>[0] => ({
  repository: 'a/b',
  commit: '0'.repeat(40),
  files: names.map((path): HubFile => ({
    path,
    size: 10,
    sha256: undefined,
    gitSha1: '0'.repeat(40),
  })),
});
const chosen = (names: readonly string[], dtype: Dtype): string[] =>
  chooseFiles(repository(names), dtype).map((file) => file.path);

test('short names and names of the original weights lead to repositories with ONNX files', () => {
  for (const name of SHORT_NAMES)
    assert.match(parseModelName(name)[0].repository, /^[\w-]+\/[\w.-]+$/);
  const [first, second] = parseModelName('openai/clip-vit-base-patch32');
  assert.is(first.repository, 'Xenova/clip-vit-base-patch32');
  assert.is(second?.repository, 'openai/clip-vit-base-patch32');
  assert.equal(parseModelName('a/b@v1.0'), [{ repository: 'a/b', revision: 'v1.0' }]);
  for (const name of [
    'constructor',
    '__proto__',
    'a/b/c',
    'a--b/c',
    'a/..',
    'a..b/c',
    `a/b@${'v'.repeat(201)}`,
    '-a/b',
    'a/b@',
    'a/b@../x',
  ])
    assert.throws(() => parseModelName(name), /received/, name);
});

test('each layout gives its graphs with their external data, and nothing else', () => {
  const clip = ['config.json', 'README.md', 'onnx/model.onnx', 'vocab.json', 'tokenizer.json'];
  for (const tower of ['vision_model', 'text_model'])
    for (const suffix of ['', '_fp16', '_quantized', '_q4'])
      clip.push(`onnx/${tower}${suffix}.onnx`);
  assert.equal(chosen(clip, 'fp16'), [
    'config.json',
    'tokenizer.json',
    'onnx/vision_model_fp16.onnx',
    'onnx/text_model_fp16.onnx',
  ]);
  const large = [
    'config.json',
    'onnx/model.onnx',
    'onnx/model.onnx_data',
    'onnx/model.onnx_data_1',
  ];
  large.push('onnx/model.onnx.data', 'onnx/model.onnx_database', 'onnx/model_fp16.onnx_data');
  assert.equal(chosen(large, 'fp32'), large.slice(0, 5));
  // All that decides how inputs are prepared and outputs pooled; what only training needs is not.
  const sides = [
    'config.json',
    'preprocessor_config.json',
    'processor_config.json',
    'tokenizer.json',
    'tokenizer_config.json',
    'special_tokens_map.json',
    'modules.json',
    'sentence_bert_config.json',
    'config_sentence_transformers.json',
    '1_Pooling/config.json',
    'onnx/model.onnx',
  ];
  assert.equal(chosen([...sides, 'training_args.bin', 'onnx/config.json'], 'fp32'), sides);
  const sentence = [
    'config.json',
    'modules.json',
    '1_Pooling/config.json',
    'onnx/model_quantized.onnx',
  ];
  assert.equal(chosen(sentence, 'q8'), sentence);
  assert.throws(() => chosen(sentence, 'fp32'), /has no fp32 weights.*--dtype q8/);
  // One tower is a model where that is all there is, and no model beside a whole one.
  const tower = ['config.json', 'onnx/text_model.onnx', 'onnx/text_model.onnx_data'];
  assert.equal(chosen(tower, 'fp32'), tower);
  assert.throws(() => chosen(tower, 'q8'), /has no q8 weights.*--dtype fp32/);
  assert.throws(
    () => chosen([...tower, 'onnx/model_quantized.onnx'], 'fp32'),
    /has no fp32 weights.*--dtype q8/,
  );
  assert.throws(() => chosen(['config.json', 'model.onnx'], 'fp32'), /has no ONNX files/);
  assert.throws(() => chosen(['onnx/model.onnx'], 'fp32'), /has no config\.json/);
});

test('safe names are safe everywhere', () => {
  for (const name of ['config.json', 'onnx/model.onnx', '1_Pooling/config.json', 'a-b_c.d/e'])
    assert.ok(isSafeRelativePath(name), name);
  for (const name of [
    '',
    '/',
    'a/',
    'a//b',
    '..',
    'a/..',
    './a',
    'C:a',
    'a\\b',
    'a\nb',
    'CON',
    'lpt1.txt',
    'a.',
    'a ',
    `${'a/'.repeat(200)}b`,
  ])
    assert.not.ok(isSafeRelativePath(name), JSON.stringify(name));
});

test('settings come from the variables of the hub tools, and only from the given environment', () => {
  const settings = hubSettings({
    HF_ENDPOINT: 'https://mirror.example/hf/',
    HF_TOKEN: ' hf_x\n',
    HF_HUB_OFFLINE: 'True',
    https_proxy: 'proxy.example:3128',
    HTTPS_PROXY: 'http://other:1',
    NO_PROXY: 'a,b',
  });
  assert.is(settings.endpoint, 'https://mirror.example/hf');
  assert.is(settings.token, 'hf_x');
  assert.ok(settings.isOffline);
  assert.equal(settings.proxy, { http: '', https: 'http://proxy.example:3128', except: 'a,b' });
  const none = hubSettings({ HF_HUB_OFFLINE: '0' });
  assert.is(none.endpoint, 'https://huggingface.co');
  assert.not.ok(none.isOffline);
  assert.equal(none.proxy, { http: '', https: '', except: '' });
});

test('golden vectors come back from JSON bit by bit, and rubbish does not', () => {
  const golden: Golden = {
    dtype: 'fp16',
    provider: 'cpu',
    runtime: 'onnxruntime 1',
    platform: 'x-y',
    preprocessVersion: 1,
    sha256: 'ab',
    vectors: new Map([['text-short', Float32Array.of(0.1, -2, 3e-39)]]),
  };
  const text = JSON.stringify(writeGolden(golden));
  assert.equal(readGolden(JSON.parse(text)), golden);
  for (const change of [
    { dtype: 'int3' },
    { vectors: { a: 'AAA' } },
    { vectors: 7 },
    // Nothing to compare with would be compared with success.
    { vectors: {} },
    { provider: 1 },
  ])
    assert.is(readGolden({ ...writeGolden(golden), ...change }), undefined, JSON.stringify(change));
  assert.is(readGolden(null), undefined);
});

test('cosines and their thresholds', () => {
  const a = Float32Array.of(3, 4);
  assert.is(cosineOf(a, Float32Array.of(6, 8)), 1);
  assert.is(cosineOf(a, Float32Array.of(-3, -4)), -1);
  assert.ok(Number.isNaN(cosineOf(a, Float32Array.of(1))));
  assert.ok(Number.isNaN(cosineOf(a, Float32Array.of(0, 0))));
  assert.is(leastCosine('fp32', 'fp32'), 0.999);
  assert.is(leastCosine('fp32', 'q8'), 0.95);
  assert.is(leastCosine('fp16', 'fp32'), 0.99);
});

test('the golden inputs are what they were: a changed one makes recorded vectors worthless', async () => {
  const { createHash } = await import('node:crypto');
  const { default: sharp } = await import('sharp');
  const sums: Record<string, string> = {};
  const sum = (bytes: Uint8Array | string): string =>
    createHash('sha256').update(bytes).digest('hex').slice(0, 16);
  // The pixels, not the files: deflate may pack them in another way one day.
  for (const [name, file] of goldenPictures()) sums[name] = sum(await sharp(file).raw().toBuffer());
  for (const [name, text] of GOLDEN_TEXTS) sums[name] = sum(text);
  for (const [name, samples] of goldenSounds()) sums[name] = sum(new Uint8Array(samples.buffer));
  const drawn = new Map([...goldenPictures()].map(([name, file]) => [sum(file), name]));
  for (const [name, clip] of goldenClips())
    sums[name] = clip.map((file) => drawn.get(sum(file))?.at('image-'.length)).join('');
  assert.equal(sums, {
    'image-gradient': '077876ee7e89a31b',
    'image-disc': '4a6439f9e53f09c4',
    'image-checks': '81c768f41efddaaa',
    'text-short': 'a1e4a280d27cad5b',
    'text-caption': '430919a7e1853f18',
    'text-marks': 'b6f7fbb599ddde0f',
    'audio-chirp': 'b253ca2d98d070ec',
    'audio-noise': '7bc28bbed798b555',
    'video-cycle': 'gdcgdcgdcgdcgdcg',
    'video-short': 'gdc',
  });
});

test.run();
