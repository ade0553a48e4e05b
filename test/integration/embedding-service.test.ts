/** The embedding service over the built-in model and real caches. */
import { spawnSync } from 'node:child_process';
import path from 'node:path';
import sharp from 'sharp';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { MAX_TEXT } from '../../lib/base/limits';
import { openClip, type ClipModel, type SentenceEncoder } from '../../lib/encode';
import { makeError } from '../../lib/base/errors';
import {
  EmbeddingService,
  MAX_BATCH,
  openCache,
  openEmbeddingService,
  serviceSettings,
} from '../../lib/service';
import { MemoryCache, RedisCache } from '../../lib/stores/cache';
import { searchDefaults } from '../../lib/stores/vectors/settings';
import { scaled } from '../helpers/deadline';
import { assertUnitRow, minilm, MINILM } from '../helpers/tiny-models';
import { noRedis, RedisServer } from '../helpers/redis';
import { testUnless } from '../helpers/skip';
import { makeTempDir } from '../helpers/temp';
import { codeOf, errorOf } from '../helpers/errors';

let clip: ClipModel;
const pictures: Uint8Array[] = [];

test.before(async () => {
  clip = await openClip('builtin');
  for (const background of ['red', 'green', 'blue']) {
    const size = { width: 64, height: 48, channels: 3 as const, background };
    pictures.push(await sharp({ create: size }).png().toBuffer());
  }
});
test.after(() => clip.close());

/** The text side, with a count of what reaches it, and a gate to hold it. */
function counted(): { text: SentenceEncoder; calls: string[][]; hold: () => () => void } {
  const calls: string[][] = [];
  let gate = Promise.resolve();
  const text: SentenceEncoder = {
    modality: 'text',
    dim: clip.text.dim,
    model: clip.text.model,
    encode: (batch, options) => clip.text.encode(batch, options),
    encodeEach: async (batch, options) => {
      calls.push([...batch]);
      await gate;
      return clip.text.encodeEach(batch, options);
    },
    stats: () => clip.text.stats(),
    warm: () => clip.text.warm(),
    close: () => Promise.resolve(),
  };
  const hold = (): (() => void) => {
    let open = (): void => undefined;
    gate = new Promise((resolve) => (open = resolve));
    return open;
  };
  return { text, calls, hold };
}

test('pixels give the vector of the same picture as a file, even if they change during the call', async () => {
  await using service = await openEmbeddingService({ clip, cache: 'memory' });
  const size = { width: 40, height: 30 };
  const rgb = Uint8Array.from({ length: 40 * 30 * 3 }, (_, i) => (i * 7919) % 256);
  const file = await sharp(rgb, { raw: { ...size, channels: 3 } })
    .png()
    .toBuffer();
  const truth = await service.getImageEmbedding(file);
  const working = rgb.slice();
  const pending = service.getImageEmbedding({ data: working, ...size });
  working.fill(0);
  assert.equal(await pending, truth, 'a copy was taken');
  assert.equal(await service.getImageEmbedding({ data: rgb, ...size, channels: 3 }), truth);
  assert.is(service.hits.image, 1, 'and it was kept under what it was');
  const clamped = new Uint8ClampedArray(40 * 30 * 4).fill(255);
  for (let i = 0; i < 1200; i++) clamped.set(rgb.subarray(3 * i, 3 * i + 3), 4 * i);
  const { imageEmbeddings } = await service.batchGenerateEmbeddings({
    images: [{ data: clamped, ...size }, file],
  });
  assert.equal(imageEmbeddings, [truth, truth], 'as a canvas gives them');
  const data = rgb;
  for (const [image, code] of [
    [{ data, width: 40, height: 31 }, 'ERR_ARG_RANGE'],
    [{ data, width: 40, height: 30, channels: 4 }, 'ERR_ARG_RANGE'],
    [{ data, width: 0, height: 30 }, 'ERR_ARG_RANGE'],
    [{ data, width: 40.5, height: 30 }, 'ERR_ARG_RANGE'],
    [{ data, width: 1e6, height: 1e6 }, 'ERR_MEDIA_LIMIT'],
    [{ data: new Float32Array(3600), ...size }, 'ERR_ARG_TYPE'],
    [{ data: [...rgb], ...size }, 'ERR_ARG_TYPE'],
    [{ width: 40, height: 30 }, 'ERR_ARG_TYPE'],
  ] as const)
    assert.is(await codeOf(service.getImageEmbedding(image as never)), code);
});

test('what happens in the cache can be seen with NODE_DEBUG, and no text is', () => {
  const index = path.resolve(__dirname, '../../lib/index.js');
  const program = `const { openEmbeddingService } = require(${JSON.stringify(index)});
    (async () => {
      const service = await openEmbeddingService({ model: 'builtin', cache: 'memory' });
      for (let i = 0; i < 2; i++) await service.getInstructionEmbedding('a secret heart', { ttlSeconds: 60 });
      await service.cleanup();
    })();`;
  for (const [NODE_DEBUG, lines] of [
    ['sightline', 3],
    ['', 0],
  ] as const) {
    const env = { ...process.env, NODE_DEBUG };
    const { stderr } = spawnSync(process.execPath, ['-e', program], { env, encoding: 'utf8' });
    const ours = stderr.split('\n').filter((line) => line.startsWith('SIGHTLINE'));
    assert.is(ours.length, lines, stderr);
    assert.not.match(stderr, /secret/);
    if (lines === 0) continue;
    assert.match(ours[0] as string, /cache miss for embedding:instruction:[0-9a-f]{64}$/);
    assert.match(ours[1] as string, /computed 1 instruction embeddings of \d+ values$/);
    assert.match(ours[2] as string, /cache hit for embedding:instruction:[0-9a-f]{64}$/);
  }
});

const metric = async (service: EmbeddingService, line: RegExp): Promise<number> =>
  Number(line.exec(await service.metrics.registry.metrics())?.[1] ?? NaN);

test('gives the vectors of the model, from the cache the second time', async () => {
  const { text, calls } = counted();
  await using service = new EmbeddingService({ instruction: text, image: clip.image });
  const vector = await service.getInstructionEmbedding('a red heart');
  assert.equal(vector, await clip.text.encode(['a red heart']));
  // Times are those of calls since somebody first asked for metrics.
  assert.is(service.metrics, service.metrics);
  vector[0] = 7;
  const again = await service.getInstructionEmbedding('a red heart');
  assert.not.equal(again[0], 7, 'callers have copies');
  assert.is(calls.length, 1);
  await service.getInstructionEmbedding('a red heart', { useCache: false });
  assert.is(calls.length, 2);
  const image = await service.getImageEmbedding(pictures[0] as Uint8Array);
  assert.equal(image, await clip.image.encode([pictures[0] as Uint8Array]));
  assert.is(await metric(service, /embedding_cache_hits_total\{kind="instruction"\} (\d+)/), 1);
  assert.is(await metric(service, /embedding_cache_misses_total\{kind="image"\} (\d+)/), 1);
  assert.is(await metric(service, /generation_seconds_count\{kind="instruction"\} (\d+)/), 1);
  assert.is(await metric(service, /embedding_queue_depth\{kind="instruction"\} (\d+)/), 0);
});

test('batches keep order, and ask the model only for what is new, each once', async () => {
  const { text, calls } = counted();
  await using service = new EmbeddingService({ instruction: text, image: clip.image });
  await service.getInstructionEmbedding('two');
  const texts = ['one', 'two', 'three', 'one'];
  const images = [pictures[1], pictures[0], pictures[1]] as Uint8Array[];
  const { textEmbeddings, imageEmbeddings } = await service.batchGenerateEmbeddings({
    texts,
    images,
  });
  assert.equal(calls, [['two'], ['one', 'three']]);
  for (const [i, one] of texts.entries()) {
    const alone = await clip.text.encode([one]);
    assert.ok(textEmbeddings[i]?.every((value, d) => Math.abs(value - (alone[d] ?? 9)) < 1e-5));
  }
  assert.equal(imageEmbeddings[0], imageEmbeddings[2]);
  assert.not.equal(imageEmbeddings[0], imageEmbeddings[1]);
  assert.not.ok(textEmbeddings[0] === textEmbeddings[3], 'equal inputs do not share one array');
  assert.equal(await service.batchGenerateEmbeddings({}), {
    textEmbeddings: [],
    imageEmbeddings: [],
    tokens: 0,
  });
});

test('concurrent equal inputs are computed once, even if one caller aborts', async () => {
  const { text, calls, hold } = counted();
  await using service = new EmbeddingService({ instruction: text, image: clip.image });
  const open = hold();
  const leaving = new AbortController();
  const first = codeOf(service.getInstructionEmbedding('same', { signal: leaving.signal }));
  const others = Array.from({ length: 20 }, () => service.getInstructionEmbedding('same'));
  await new Promise((resolve) => setTimeout(resolve, 20));
  const depth = /embedding_queue_depth\{kind="instruction"\} (\d+)/;
  assert.is(await metric(service, depth), 1);
  leaving.abort();
  assert.is(await first, 'ERR_ABORTED');
  open();
  const vectors = await Promise.all(others);
  assert.is(calls.length, 1);
  assert.is(new Set(vectors).size, 20);
  for (const vector of vectors) assert.equal(vector, vectors[0]);
});

test('a failure reaches all waiting callers and is not cached', async () => {
  let fails = true;
  const text: SentenceEncoder = {
    ...counted().text,
    encodeEach: (batch) => (fails ? Promise.reject(new Error('no')) : clip.text.encodeEach(batch)),
  };
  await using service = new EmbeddingService({ instruction: text, image: clip.image });
  const both = await Promise.allSettled([1, 2].map(() => service.getInstructionEmbedding('x')));
  assert.ok(both.every(({ status }) => status === 'rejected'));
  fails = false;
  assert.is((await service.getInstructionEmbedding('x')).length, clip.dim);
  const broken = service.getImageEmbedding(Buffer.from('no picture'));
  assert.match(await codeOf(broken), /^ERR_MEDIA_/);
  assert.is((await service.getImageEmbedding(pictures[2] as Uint8Array)).length, clip.dim);
});

test("another caller's bad input does not fail ours", async () => {
  const { text, calls, hold } = counted();
  const picky: SentenceEncoder = {
    ...text,
    encodeEach: async (batch, options) => {
      const result = await text.encodeEach(batch, options);
      const errors = batch.map((input) =>
        input === 'bad' ? makeError('ERR_ENCODE', 'no direction') : undefined,
      );
      return { ...result, errors };
    },
  };
  await using service = new EmbeddingService({ instruction: picky, image: clip.image });
  const open = hold();
  const theirs = errorOf(service.batchGenerateEmbeddings({ texts: ['good', 'bad'] }));
  await new Promise((resolve) => setTimeout(resolve, 10));
  const ours = service.getInstructionEmbedding('good');
  await new Promise((resolve) => setTimeout(resolve, 10));
  open();
  const { code, message, details } = await theirs;
  assert.is(code, 'ERR_ENCODE');
  assert.is(details['index'], 1);
  assert.match(message, /input 1 of 2: no direction/);
  assert.equal(await ours, await clip.text.encode(['good']));
  assert.equal(calls, [['good', 'bad']]);
  // What failed is not kept.
  assert.is(await codeOf(service.getInstructionEmbedding('bad')), 'ERR_ENCODE');
  assert.is(calls.length, 2);
});

test('invalid inputs are refused with a code', async () => {
  await using service = new EmbeddingService({ instruction: clip.text, image: clip.image });
  const wrong: readonly [() => Promise<unknown>, string][] = [
    [() => service.getInstructionEmbedding(''), 'ERR_ARG_TYPE'],
    [() => service.getInstructionEmbedding(' \n'), 'ERR_ARG_TYPE'],
    [() => service.getInstructionEmbedding(5 as never), 'ERR_ARG_TYPE'],
    [() => service.getInstructionEmbedding('x'.repeat(MAX_TEXT + 1)), 'ERR_ARG_RANGE'],
    [() => service.getImageEmbedding(new Uint8Array(0)), 'ERR_ARG_TYPE'],
    [() => service.getImageEmbedding('file.png' as never), 'ERR_ARG_TYPE'],
    [
      () => service.batchGenerateEmbeddings({ texts: new Array<string>(MAX_BATCH + 1).fill('x') }),
      'ERR_ARG_RANGE',
    ],
    [() => service.batchGenerateEmbeddings({ texts: 'x' as never }), 'ERR_ARG_TYPE'],
  ];
  for (const [call, code] of wrong) assert.is(await codeOf(call()), code);
  assert.is((await service.getInstructionEmbedding('x'.repeat(MAX_TEXT))).length, clip.dim);
});

test('cleanup waits for running calls, then refuses new ones', async () => {
  const { text, hold } = counted();
  let closed = 0;
  const service = new EmbeddingService({
    instruction: text,
    image: clip.image,
    close: () => Promise.resolve(void closed++),
  });
  const open = hold();
  const running = service.getInstructionEmbedding('last');
  await new Promise((resolve) => setTimeout(resolve, 10));
  const cleaning = service.cleanup();
  assert.is(await codeOf(service.getInstructionEmbedding('late')), 'ERR_CLOSED');
  assert.is(closed, 0);
  open();
  assert.is((await running).length, clip.dim);
  await cleaning;
  await service.cleanup();
  assert.is(closed, 1);
});

test('texts by a sentence encoder, pictures by a CLIP, each kept under its own model', async () => {
  await using service = await openEmbeddingService({ textModel: MINILM, cache: 'memory', env: {} });
  assert.equal([service.instructionDim, service.imageDim], [8, clip.dim]);
  for (const { text, vector } of minilm.texts) {
    if (text.trim() === '') continue;
    assertUnitRow(await service.getInstructionEmbedding(text), 0, vector, 'computed');
    assertUnitRow(await service.getInstructionEmbedding(text), 0, vector, 'cached');
  }
  const image = await service.getImageEmbedding(pictures[0] as Uint8Array);
  assert.is(image.length, clip.dim);
  const named = { EMBEDDING_TEXT_MODEL_NAME: MINILM };
  await using byName = await openEmbeddingService({ cache: 'none', env: named });
  assert.is(byName.models.instruction.id, 'tiny-minilm');
  // Beside an open CLIP the variable does not count: a library must not need what it never asks.
  await using beside = await openEmbeddingService({ clip, cache: 'none', env: named });
  assert.is(beside.models.instruction.id, 'builtin');
});

test('the text side of a CLIP can be named as a text model', async () => {
  const service = await openEmbeddingService({ textModel: 'builtin', cache: 'none', env: {} });
  const vector = await service.getInstructionEmbedding('a red circle');
  assert.equal(vector, await clip.text.encode(['a red circle']));
  await service.cleanup();
  assert.is(await codeOf(service.getInstructionEmbedding('x')), 'ERR_CLOSED');
});

test('a cached text answers in well under a millisecond in process', async () => {
  await using service = await openEmbeddingService({ clip, cache: 'memory' });
  await service.getInstructionEmbedding('warm');
  const times: number[] = [];
  for (let i = 0; i < 500; i++) {
    const started = performance.now();
    await service.getInstructionEmbedding('warm');
    times.push(performance.now() - started);
  }
  times.sort((a, b) => a - b);
  // The figure is the benchmark's; this only sees that no model is asked.
  assert.ok((times[250] ?? 99) < scaled(5), `median ${times[250]} ms`);
});

test('the disk cache survives the process that made it', async () => {
  const cache = `disk:${makeTempDir('service-cache')}`;
  {
    await using service = await openEmbeddingService({ clip, cache });
    await service.getInstructionEmbedding('kept');
  }
  const { text, calls } = counted();
  const parts = { ttlSeconds: 60, onNotice: () => undefined, env: {} };
  await using service = new EmbeddingService({
    instruction: text,
    image: clip.image,
    cache: openCache(cache, parts),
  });
  await service.getInstructionEmbedding('kept');
  assert.is(calls.length, 0);
});

testUnless(noRedis)('with Redis: kept there, computed while it is away', async () => {
  const server = await RedisServer.start();
  try {
    const { text, calls } = counted();
    await using service = new EmbeddingService({
      instruction: text,
      image: clip.image,
      cache: new RedisCache({ url: server.url, retryMs: 100 }),
    });
    const there = await service.getInstructionEmbedding('through redis');
    assert.equal(await service.getInstructionEmbedding('through redis'), there);
    assert.is(calls.length, 1);
    await server.down();
    assert.equal(await service.getInstructionEmbedding('through redis'), there);
    assert.is(calls.length, 2);
    assert.is(await metric(service, /embedding_cache_reachable (\d)/), 0);
  } finally {
    await server.down();
  }
});

test('settings have the documented defaults and say what they take', () => {
  assert.equal(serviceSettings({}), {
    isEnabled: true,
    textModel: undefined,
    imageModel: undefined,
    redisUrl: undefined,
    cacheTtlSeconds: 300,
  });
  assert.equal(searchDefaults({}), {
    topK: 10,
    threshold: -1,
    usesHnsw: true,
    m: undefined,
    efConstruction: undefined,
  });
  const names = { CLIP_MODEL_NAME: 'ViT-B-32', EMBEDDING_TEXT_MODEL_NAME: 'all-MiniLM-L6-v2' };
  assert.is(serviceSettings(names).imageModel, 'ViT-B-32');
  assert.is(serviceSettings(names).textModel, 'all-MiniLM-L6-v2');
  assert.is(searchDefaults({ EMBEDDING_SIMILARITY_THRESHOLD: '0.7' }).threshold, 0.7);
  assert.is(searchDefaults({ EMBEDDING_USE_HNSW_INDEX: 'false' }).usesHnsw, false);
  assert.is(serviceSettings({ EMBEDDING_CACHE_TTL: '60' }).cacheTtlSeconds, 60);
  assert.is(serviceSettings({ EMBEDDING_REDIS_URL: 'redis://x' }).redisUrl, 'redis://x');
  for (const [name, value] of [
    ['EMBEDDING_CACHE_TTL', '0'],
    ['EMBEDDING_CACHE_MAX_CONNECTIONS', 'many'],
    ['EMBEDDING_ENABLE_EMBEDDINGS', 'perhaps'],
    ['EMBEDDING_HNSW_M', '1.5'],
    ['EMBEDDING_USE_HNSW_INDEX', 'maybe'],
    ['EMBEDDING_SIMILARITY_THRESHOLD', '2'],
  ] as const) {
    assert.throws(
      () => [serviceSettings({ [name]: value }), searchDefaults({ [name]: value })],
      (error: Error & { code?: string }) =>
        error.code === 'ERR_ARG_RANGE' && error.message.includes(name),
    );
  }
  const parts = { ttlSeconds: 60, onNotice: () => undefined, env: {} };
  assert.instance(openCache('memory', parts), MemoryCache);
  assert.is(openCache('none', parts).stats().kind, 'none');
  assert.throws(
    () => openCache('somewhere', parts),
    (error: Error & { code?: string }) => error.code === 'ERR_ARG_RANGE',
  );
});

test.run();
