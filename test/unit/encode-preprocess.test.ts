/** Geometry of resize and crop, the decoder's doors, and settings. Pixels: test/golden/preprocess. */
import sharp from 'sharp';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { decodeRgb, sniffPicture } from '../../lib/encode/preprocess/decode-rgb';
import {
  normalizeTable,
  preprocessInto,
  resizeAndCrop,
  type PreprocessSpec,
  type RgbImage,
} from '../../lib/encode/preprocess/preprocess';
import { resizeRgb } from '../../lib/encode/preprocess/resize';
import { deadlineMs, towerSettings } from '../../lib/encode/settings';
import { codeOf } from '../helpers/errors';

const SEED = 5;
console.log(`seed ${SEED}`);
const CLIP: PreprocessSpec = {
  size: 224,
  shortestEdge: 224,
  resizeTo: undefined,
  filter: 'bicubic',
  rescale: 1 / 255,
  mean: [0.5, 0.25, 0],
  std: [0.5, 0.25, 1],
};

function randomImage(width: number, height: number): RgbImage {
  let state = SEED;
  const data = new Uint8Array(width * height * 3).map(() => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state >>> 24;
  });
  return { data, width, height };
}

const flat = (width: number, height: number, rgb: readonly number[]): RgbImage => ({
  data: new Uint8Array(width * height * 3).map((_, i) => rgb[i % 3] as number),
  width,
  height,
});

test('a window of the resized picture equals the same piece of the whole', () => {
  const { data, width, height } = randomImage(83, 61);
  for (const [w, h] of [
    [40, 30],
    [200, 147],
    [83, 30],
    [40, 61],
  ] as const) {
    const full = { left: 0, top: 0, width: w, height: h };
    const whole = resizeRgb(data, width, height, w, h, full, 'bicubic');
    const window = { left: 5, top: 3, width: 20, height: 17 };
    const part = resizeRgb(data, width, height, w, h, window, 'bicubic');
    for (let y = 0; y < window.height; y++) {
      const from = ((y + window.top) * w + window.left) * 3;
      const line = whole.subarray(from, from + window.width * 3);
      assert.equal([...part.subarray(y * 60, y * 60 + 60)], [...line], `${w}x${h} line ${y}`);
    }
  }
});

test('sizes that do not fit are refused, and nothing is read or written', () => {
  const { data } = randomImage(9, 7);
  const window = { left: 1, top: 1, width: 4, height: 3 };
  const resize = (width: number, outWidth: number, changes: object): Uint8Array =>
    resizeRgb(data, width, 7, outWidth, 5, { ...window, ...changes }, 'bicubic');
  assert.is(resize(9, 6, {}).length, 36);
  for (const [width, outWidth, changes] of [
    [8, 6, {}],
    [10, 6, {}],
    [9.5, 6, {}],
    [0, 6, {}],
    [9, 0, {}],
    [9, Number.NaN, {}],
    [9, 6, { left: 3 }],
    [9, 6, { left: -1 }],
    [9, 6, { top: 3 }],
    [9, 6, { width: 0 }],
    [9, 9e9, { width: 5000 }],
  ] as const) {
    assert.throws(
      () => resize(width, outWidth, changes),
      (error: { code?: string }) => error.code === 'ERR_ARG_RANGE',
      JSON.stringify([width, outWidth, changes]),
    );
  }
});

test('a picture of the right size passes unchanged', () => {
  const image = randomImage(224, 224);
  assert.equal(Buffer.compare(resizeAndCrop(image, CLIP), image.data), 0);
});

test('a flat picture stays flat at every shape, extreme ones included', () => {
  for (const [width, height] of [
    [1, 1],
    [1, 5000],
    [5000, 1],
    [3, 2],
    [223, 225],
    [999, 1000],
  ] as const) {
    const out = resizeAndCrop(flat(width, height, [10, 100, 250]), CLIP);
    assert.is(out.length, 224 * 224 * 3);
    assert.ok(
      out.every((value, i) => value === [10, 100, 250][i % 3]),
      `${width}x${height}`,
    );
  }
});

test('the crop keeps the middle', () => {
  // Left third red, middle third green, right third blue.
  const image = flat(300, 100, [0, 0, 0]);
  for (let i = 0; i < 300 * 100; i++) image.data[i * 3 + Math.floor((i % 300) / 100)] = 255;
  const out = resizeAndCrop(image, { ...CLIP, size: 96, shortestEdge: 96 });
  const inner = out.subarray((48 * 96 + 10) * 3, (48 * 96 + 86) * 3);
  for (let i = 0; i < inner.length; i += 3)
    assert.equal([...inner.subarray(i, i + 3)], [0, 255, 0]);
});

test('channels are planes, normalised with their own mean and deviation', () => {
  const out = new Float32Array(3 * 224 * 224);
  preprocessInto(flat(50, 40, [255, 0, 51]), CLIP, normalizeTable(CLIP), out, 0);
  const plane = 224 * 224;
  for (const [channel, value] of [1, -1, 0.2].entries()) {
    const part = out.subarray(channel * plane, (channel + 1) * plane);
    assert.ok(part.every((item) => Math.abs(item - value) < 1e-6));
  }
});

test('pictures of every kind become upright RGB', async () => {
  const grey = await sharp({ create: { width: 9, height: 4, channels: 3, background: '#808080' } })
    .greyscale()
    .jpeg()
    .toBuffer();
  const image = await decodeRgb(grey);
  assert.equal([image.width, image.height, image.data.length], [9, 4, 108]);
  assert.equal([...image.data.subarray(0, 3)], [128, 128, 128]);

  const clear = { r: 0, g: 0, b: 0, alpha: 0 };
  const transparent = await sharp({
    create: { width: 2, height: 2, channels: 4, background: clear },
  })
    .png()
    .toBuffer();
  assert.ok(
    (await decodeRgb(transparent)).data.every((value) => value === 255),
    'on white',
  );

  const turned = await sharp(grey).withMetadata({ orientation: 6 }).jpeg().toBuffer();
  const upright = await decodeRgb(turned);
  assert.equal([upright.width, upright.height], [4, 9]);

  for (const format of ['webp', 'gif', 'avif', 'png'] as const) {
    const bytes = await sharp(grey).toFormat(format).toBuffer();
    assert.ok(sniffPicture(bytes) !== undefined, format);
    assert.is((await decodeRgb(bytes)).data.length, 108, format);
  }
});

test('what is no picture, damaged or too large is told apart', async () => {
  const svg = '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>';
  for (const bytes of [svg, '', 'GIF', '%PDF-1.4', 'II*\0aaaa']) {
    assert.is(await codeOf(decodeRgb(Buffer.from(bytes))), 'ERR_MEDIA_UNSUPPORTED', bytes);
  }
  const png = await sharp({ create: { width: 99, height: 99, channels: 3, background: '#123' } })
    .png({ compressionLevel: 0 })
    .toBuffer();
  assert.is(await codeOf(decodeRgb(png.subarray(0, 9000))), 'ERR_MEDIA_DECODE');
  const huge = await sharp({
    create: { width: 8000, height: 6000, channels: 3, background: '#123' },
  })
    .png()
    .toBuffer();
  assert.is(await codeOf(decodeRgb(huge)), 'ERR_MEDIA_LIMIT');
  const needle = await sharp({
    create: { width: 1, height: 70_000, channels: 3, background: '#123' },
  })
    .png()
    .toBuffer();
  assert.is(await codeOf(decodeRgb(needle)), 'ERR_MEDIA_LIMIT');
});

test('settings: options before environment before what fits the model', () => {
  const large = 400 << 20;
  const small = 4 << 20;
  const env = { CLIP_CPU_THREADS: '6', CLIP_TIMEOUT_S: '2.5' };
  assert.equal(towerSettings('image', large, { env }), {
    workers: 1,
    threadsPerWorker: 6,
    batchSize: 8,
    timeoutMs: 2500,
    maxCalls: 1024,
    batchWindowMs: 2,
    idleMs: 300_000,
    workerHeapMb: 1024,
    device: 'cpu',
    isVerbose: false,
  });
  const few = towerSettings('image', small, { env, timeoutMs: 700 });
  assert.equal([few.workers, few.threadsPerWorker, few.timeoutMs], [6, 1, 700]);
  const wide = towerSettings('image', 65 << 20, { env: {}, threads: 32 });
  assert.ok(wide.workers > 1 && wide.workers <= 4, 'several copies on many cores');
  assert.is(wide.threadsPerWorker, Math.floor(32 / wide.workers));
  const huge = towerSettings('image', Number.MAX_SAFE_INTEGER, { env: {}, threads: 64 });
  assert.is(huge.workers, 1, 'one copy when two do not fit');
  const split = towerSettings('image', large, { env, workers: 2 });
  assert.equal([split.workers, split.threadsPerWorker], [2, 3]);
  const text = towerSettings('text', large, { env: { CLIP_CPU_THREADS: 'null' }, threads: 3 });
  assert.equal([text.workers, text.threadsPerWorker, text.timeoutMs], [1, 3, 30_000]);
});

test('settings out of range are named', () => {
  for (const options of [
    { env: { CLIP_CPU_THREADS: 'many' } },
    { env: { CLIP_TIMEOUT_S: '-1' } },
    { env: {}, workers: 0 },
    { env: {}, threads: 1.5 },
    { env: {}, timeoutMs: Number.NaN },
    { env: { CLIP_PRETRAINED: 'laion2b' } },
    { env: { CLIP_NORMALIZE: 'false' } },
    { env: { CLIP_DEBUG_LOG: 'loud' } },
  ]) {
    assert.throws(
      () => towerSettings('image', 1, options),
      (error: { code?: string }) => error.code === 'ERR_ARG_RANGE',
    );
  }
});

test('deadlines grow with the task up to 30 s and never shrink below one item', () => {
  assert.is(deadlineMs(2000, 1), 2000);
  assert.is(deadlineMs(2000, 8), 16_000);
  assert.is(deadlineMs(2000, 32), 30_000);
  assert.is(deadlineMs(60_000, 4), 60_000);
});

test.run();
