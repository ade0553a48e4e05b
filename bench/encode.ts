/**
 * What encoding costs, stage by stage, and what the pool makes of two cores: decode, resize and
 * normalise, inference alone, the same in one bare loop on this thread, and the pool. A pool of one
 * worker against the loop shows what crossing threads costs; the full pool what it brings.
 *
 *   node dist/bench/encode.js [--model builtin] [--images 400] [--repeat 5] [--output FILE]
 *
 * Pictures are seeded noise and gradients of 512 x 384 as JPEG, like stored frames; no data needed.
 */
import { writeFileSync } from 'node:fs';
import { availableParallelism, cpus, loadavg } from 'node:os';
import { parseArgs } from 'node:util';
import sharp from 'sharp';
import { openClip } from '../lib/encode';
import { decodeRgb } from '../lib/encode/decode-rgb';
import { readClipConfig } from '../lib/encode/model-config';
import { inspectModelFiles } from '../lib/encode/model-files';
import { findModel } from '../lib/encode/model-store';
import { normalizeTable, preprocessInto } from '../lib/encode/preprocess';
import { TowerSession } from '../lib/encode/session';

const SEED = 17;
const WIDTH = 512;
const HEIGHT = 384;
const BATCH = 16;

const { values } = parseArgs({
  options: {
    model: { type: 'string', default: 'builtin' },
    images: { type: 'string', default: '400' },
    repeat: { type: 'string', default: '5' },
    output: { type: 'string' },
  },
});

let state = SEED;
function random(): number {
  state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
  return state / 2 ** 32;
}

async function makePictures(count: number): Promise<Buffer[]> {
  const made: Buffer[] = [];
  for (let n = 0; n < count; n++) {
    const [fx, fy, phase] = [random() * 0.05, random() * 0.05, random() * 6];
    const data = new Uint8Array(WIDTH * HEIGHT * 3);
    for (let i = 0; i < data.length; i++) {
      const pixel = Math.floor(i / 3);
      const wave = Math.sin(
        (pixel % WIDTH) * fx + Math.floor(pixel / WIDTH) * fy + phase + (i % 3),
      );
      data[i] = 128 + 90 * wave + 30 * random();
    }
    const raw = { width: WIDTH, height: HEIGHT, channels: 3 } as const;
    made.push(await sharp(data, { raw }).jpeg({ quality: 90 }).toBuffer());
  }
  return made;
}

interface Timing {
  /** Milliseconds of the median and of the best run. */
  readonly median: number;
  readonly best: number;
  /** Processor milliseconds of all threads, median: other programs disturb it less. */
  readonly cpu: number;
}

const median = (numbers: number[]): number =>
  [...numbers].sort((a, b) => a - b)[Math.floor(numbers.length / 2)] ?? Number.NaN;

/** `repeat` runs, after one that warms up. */
async function timed(repeat: number, work: () => unknown): Promise<Timing> {
  await work();
  const times: number[] = [];
  const cpu: number[] = [];
  for (let i = 0; i < repeat; i++) {
    const started = performance.now();
    const before = process.cpuUsage();
    await work();
    times.push(performance.now() - started);
    const used = process.cpuUsage(before);
    cpu.push((used.user + used.system) / 1000);
  }
  return { median: median(times), best: Math.min(...times), cpu: median(cpu) };
}

async function main(): Promise<void> {
  const count = Number(values.images);
  const repeat = Number(values.repeat);
  const found = await findModel(values.model);
  const config = await readClipConfig(found.folder);
  const files = await inspectModelFiles(found.folder, found.boundary);
  const spec = config.preprocess;
  const each = 3 * spec.size * spec.size;
  const distinct = await makePictures(20);
  const pictures = Array.from({ length: count }, (_, i) => distinct[i % 20] as Buffer);

  const decoded = await Promise.all(distinct.map((bytes) => decodeRgb(bytes)));
  const table = normalizeTable(spec);
  const pixels = new Float32Array(BATCH * each);
  const decode = await timed(repeat, async () => {
    for (const bytes of distinct) await decodeRgb(bytes);
  });
  const preprocess = await timed(repeat, () => {
    for (const image of decoded) preprocessInto(image, spec, table, pixels, 0);
  });
  // The tensor of the published CLIP models, whatever the model measured above.
  const clipSpec = { ...spec, size: 224, shortestEdge: 224, resizeTo: undefined };
  const clipPixels = new Float32Array(3 * 224 * 224);
  const clip224 = await timed(repeat, () => {
    for (const image of decoded) preprocessInto(image, clipSpec, table, clipPixels, 0);
  });

  const session = await TowerSession.load({
    modality: 'image',
    folder: found.folder,
    file: files.vision,
    dim: config.dim,
    threads: 1,
    preprocess: spec,
    maxTokens: config.maxTokens,
  });
  const inference = await timed(repeat, () => session.runImages(pixels, BATCH, spec.size));
  const loop = await timed(repeat, async () => {
    for (let from = 0; from < count; from += BATCH) {
      const batch = pictures.slice(from, from + BATCH);
      for (const [i, bytes] of batch.entries()) {
        preprocessInto(await decodeRgb(bytes), spec, table, pixels, i * each);
      }
      await session.runImages(pixels.subarray(0, batch.length * each), batch.length, spec.size);
    }
  });

  const pools: Record<string, Timing> = {};
  for (const workers of new Set([1, availableParallelism()])) {
    const clip = await openClip(values.model, { workers });
    pools[`pool${workers}`] = await timed(repeat, () => clip.image.encode(pictures));
    await clip.close();
  }
  const clip = await openClip(values.model);
  const words = ['a red circle on a blue background'];
  const text = await timed(repeat, async () => {
    for (let i = 0; i < 50; i++) await clip.text.encode(words);
  });
  await clip.close();

  const round = (value: number): number => Math.round(value * 1000) / 1000;
  const each1 = (timing: Timing, items: number): Timing => ({
    median: round(timing.median / items),
    best: round(timing.best / items),
    cpu: round(timing.cpu / items),
  });
  const rates = (timing: Timing): object => ({
    median: round((count * 1000) / timing.median),
    best: round((count * 1000) / timing.best),
    cpuMsPerImage: round(timing.cpu / count),
  });
  const runs = { bareLoop: loop, ...pools };
  const report = {
    cpu: cpus()[0]?.model,
    cores: availableParallelism(),
    load: loadavg().map(round),
    node: process.version,
    model: { id: found.id, sha256: files.sha256, size: spec.size, dim: config.dim },
    source: `${WIDTH}x${HEIGHT} JPEG, seed ${SEED}`,
    images: count,
    repeat,
    msPerImage: {
      decode: each1(decode, distinct.length),
      preprocess: each1(preprocess, distinct.length),
      preprocess224: each1(clip224, distinct.length),
      inference: each1(inference, BATCH),
    },
    imagesPerSecond: Object.fromEntries(Object.entries(runs).map(([n, t]) => [n, rates(t)])),
    /** Speed of the pool over the bare loop, best against best. */
    poolToLoop: Object.fromEntries(
      Object.entries(pools).map(([name, timing]) => [name, round(loop.best / timing.best)]),
    ),
    msPerText: each1(text, 50),
  };
  const output = `${JSON.stringify(report, null, 2)}\n`;
  if (values.output === undefined) process.stdout.write(output);
  else writeFileSync(values.output, output);
}

void main();
