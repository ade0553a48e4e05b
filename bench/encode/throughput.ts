/**
 * Compares the pool with bare loops around the runtime, interleaved: `run` only infers on prepared tensors;
 * `loop` decodes and prepares each picture first, as the pool does. Both use the runtime's defaults (its
 * threads spin) with every power of two of threads, and with all cores.
 */
import { availableParallelism } from 'node:os';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { openClip } from '../../lib/encode';
import { decodeRgb } from '../../lib/encode/preprocess/decode-rgb';
import { readClipConfig } from '../../lib/encode/kinds/model-config';
import { inspectClip } from '../../lib/models/store/model-files';
import { findModel } from '../../lib/models/store/model-store';
import { normalizeTable, preprocessInto } from '../../lib/encode/preprocess/preprocess';
import { towerSettings } from '../../lib/encode/settings';
import { fastest, inTurns, median, speedRatio, type Trial } from './trials';

export interface Throughput {
  readonly images: number;
  readonly batch: number;
  readonly workers: number;
  readonly threadsPerWorker: number;
  readonly imagesPerSecond: Readonly<Record<string, number>>;
  /** Milliseconds per picture in the runtime, with one thread and with the best number of threads. */
  readonly inferenceMsOneThread: number;
  readonly inferenceMsBest: number;
  /** Speed of the pool divided by that of the best loop, and of the best bare inference. */
  readonly poolToLoop: number;
  readonly poolToRun: number;
}

function threadCounts(): number[] {
  const cores = availableParallelism();
  const counts = new Set([cores]);
  for (let threads = 1; threads < cores; threads *= 2) counts.add(threads);
  return [...counts].sort((a, b) => a - b);
}

export async function measureThroughput(
  model: string,
  pictures: readonly Buffer[],
  rounds: number,
): Promise<Throughput> {
  const found = await findModel(model);
  const { preprocess: spec } = await readClipConfig(found.folder);
  const { vision } = await inspectClip(found.folder, found.boundary, found.dtype);
  if (spec === undefined || vision === undefined)
    throw new Error('the bench needs a model with an image tower');
  const { batchSize, workers, threadsPerWorker } = towerSettings('image', vision.bytes, {});
  const { size } = spec;
  const each = 3 * size * size;
  const table = normalizeTable(spec);
  const pixels = new Float32Array(batchSize * each);
  const trials: Trial[] = [];
  const sessions: InferenceSession[] = [];
  for (const threads of threadCounts()) {
    const session = await InferenceSession.create(vision.file, {
      intraOpNumThreads: threads,
      interOpNumThreads: 1,
    });
    sessions.push(session);
    const infer = async (count: number): Promise<void> => {
      const data = pixels.subarray(0, count * each);
      await session.run({ pixel_values: new Tensor('float32', data, [count, 3, size, size]) });
    };
    const batches = async (prepare: (from: number, to: number) => Promise<void>): Promise<void> => {
      for (let from = 0; from < pictures.length; from += batchSize) {
        const to = Math.min(pictures.length, from + batchSize);
        await prepare(from, to);
        await infer(to - from);
      }
    };
    trials.push({
      name: `run, threads ${threads}`,
      run: () => batches(() => Promise.resolve()),
    });
    trials.push({
      name: `loop, threads ${threads}`,
      run: () =>
        batches(async (from, to) => {
          for (let i = from; i < to; i++) {
            const image = await decodeRgb(pictures[i] as Buffer);
            preprocessInto(image, spec, table, pixels, (i - from) * each);
          }
        }),
    });
  }
  const clip = await openClip(model);
  trials.push({ name: 'pool', run: () => clip.image.encode(pictures) });
  const times = await inTurns(trials, rounds);
  await clip.close();
  for (const session of sessions) await session.release();
  const msEach = (name: string): number => median(times.get(name) ?? []) / pictures.length;
  const bestRun = fastest(times, 'run');
  return {
    images: pictures.length,
    batch: batchSize,
    workers,
    threadsPerWorker,
    imagesPerSecond: Object.fromEntries(
      trials.map(({ name }) => [name, Math.round(10_000 / msEach(name)) / 10]),
    ),
    inferenceMsOneThread: msEach('run, threads 1'),
    inferenceMsBest: msEach(bestRun),
    poolToLoop: speedRatio(times, 'pool', fastest(times, 'loop')),
    poolToRun: speedRatio(times, 'pool', bestRun),
  };
}
