/**
 * The worker's side: decodes, prepares, tokenises, runs the tower, makes unit rows. Started by the
 * pool with a WorkerSetup as workerData; loads its half of the model with the first task.
 */
import { workerData } from 'node:worker_threads';
import { makeError } from '../errors';
import { normalizeTable, preprocessInto, type RgbImage } from './preprocess';
import { TowerSession } from './session';
import { TaskClock, toWire, type WireError, type WorkerReply, type WorkerSetup } from './task';
import type { WorkerTask } from './task';
import { TextTokenizer } from './tokenizer';

const setup = workerData as WorkerSetup;
/** One is being resized on this thread while the other is decoded on a thread of libuv. */
const DECODES_AT_ONCE = 2;

type DecodeRgb = (bytes: Uint8Array) => Promise<RgbImage>;

interface Loaded {
  readonly session: TowerSession;
  readonly tokenizer: TextTokenizer | undefined;
  /** Undefined in text workers, which never hold the image library. */
  readonly decodeRgb: DecodeRgb | undefined;
}
let loading: Promise<Loaded> | undefined;

async function load(): Promise<Loaded> {
  const tokenizer =
    setup.modality === 'text' ? await TextTokenizer.load(setup.folder, setup.maxTokens) : undefined;
  const decoder = setup.modality === 'image' ? await import('./decode-rgb.js') : undefined;
  return {
    session: await TowerSession.load(setup),
    tokenizer,
    decodeRgb: decoder?.decodeRgb,
  };
}

/** Entry point of the pool. Never throws for what the input can cause. */
export async function handle(task: WorkerTask): Promise<WorkerReply> {
  const clock = new TaskClock(task.clock);
  const errors: (WireError | undefined)[] = [];
  const empty = new Float32Array(0);
  if (clock.isCancelled) return { vectors: empty, errors };
  let loaded: Loaded;
  try {
    clock.enter('loading');
    loaded = await (loading ??= load());
  } catch (error) {
    // Not remembered: files may have been put right by the next call.
    loading = undefined;
    return { vectors: empty, errors, fatal: toWire(error, 'ERR_MODEL_INVALID') };
  }
  clock.enter('running');
  try {
    const vectors = task.pictures
      ? await embedPictures(loaded, task.pictures, errors, clock)
      : await embedTexts(loaded, task.texts ?? []);
    const items = vectors.length / setup.dim;
    for (let i = 0; i < items; i++) errors[i] ??= toUnit(vectors, i * setup.dim);
    return { vectors, errors, ran: ranOf(loaded) };
  } catch (error) {
    const count = task.pictures ? task.pictures.offsets.length - 1 : (task.texts ?? []).length;
    const wire = toWire(error, 'ERR_ENCODE');
    return {
      vectors: new Float32Array(count * setup.dim),
      errors: Array.from({ length: count }, (_, i) => errors[i] ?? wire),
      ran: ranOf(loaded),
    };
  }
}

const ranOf = ({ session }: Loaded): NonNullable<WorkerReply['ran']> => ({
  device: session.provided.device,
  notice: session.provided.notice,
  inferenceMs: session.takeSpentMs(),
});

async function embedPictures(
  { session, decodeRgb }: Loaded,
  pictures: NonNullable<WorkerTask['pictures']>,
  errors: (WireError | undefined)[],
  clock: TaskClock,
): Promise<Float32Array> {
  if (decodeRgb === undefined) throw makeError('ERR_INTERNAL', 'a text worker received pictures');
  const { offsets } = pictures;
  const count = offsets.length - 1;
  const spec = setup.preprocess;
  const each = 3 * spec.size * spec.size;
  const table = normalizeTable(spec);
  const pixels = new Float32Array(count * each);
  let next = 0;
  const work = async (): Promise<void> => {
    for (let i = next++; i < count; i = next++) {
      const from = offsets[i] as number;
      const bytes = new Uint8Array(pictures.bytes, from, (offsets[i + 1] as number) - from);
      try {
        preprocessInto(await decodeRgb(bytes), spec, table, pixels, i * each);
      } catch (error) {
        errors[i] = toWire(error, 'ERR_MEDIA_DECODE');
      }
    }
  };
  await Promise.all(Array.from({ length: DECODES_AT_ONCE }, work));
  if (clock.isCancelled) return new Float32Array(count * setup.dim);
  return runGood(session, pixels, errors, count);
}

/** Leaves failed pictures out of the inference and puts the rest back in their rows. */
async function runGood(
  session: TowerSession,
  pixels: Float32Array,
  errors: readonly (WireError | undefined)[],
  count: number,
): Promise<Float32Array> {
  const { size } = setup.preprocess;
  const each = 3 * size * size;
  const good: number[] = [];
  for (let i = 0; i < count; i++) {
    if (errors[i] !== undefined) continue;
    if (good.length !== i) pixels.copyWithin(good.length * each, i * each, (i + 1) * each);
    good.push(i);
  }
  if (good.length === 0) return new Float32Array(count * setup.dim);
  const rows = await session.runImages(pixels, good.length, size);
  if (good.length === count) return rows;
  const vectors = new Float32Array(count * setup.dim);
  good.forEach((item, row) => {
    vectors.set(rows.subarray(row * setup.dim, (row + 1) * setup.dim), item * setup.dim);
  });
  return vectors;
}

async function embedTexts(
  { session, tokenizer }: Loaded,
  texts: readonly string[],
): Promise<Float32Array> {
  if (texts.length === 0 || tokenizer === undefined) return new Float32Array(0);
  const { ids, mask, length } = tokenizer.encodeBatch(texts, session.fixedLength);
  return session.runTexts(ids, mask, texts.length, length);
}

/** Scales one row to unit length; a row that has no direction is an error and becomes zero. */
function toUnit(vectors: Float32Array, at: number): WireError | undefined {
  let sum = 0;
  for (let i = at; i < at + setup.dim; i++) sum += (vectors[i] as number) ** 2;
  if (Number.isFinite(sum) && sum > 0) {
    const scale = 1 / Math.sqrt(sum);
    for (let i = at; i < at + setup.dim; i++) vectors[i] = (vectors[i] as number) * scale;
    return undefined;
  }
  vectors.fill(0, at, at + setup.dim);
  const what = sum === 0 ? 'zero' : 'not finite';
  return toWire(
    makeError('ERR_ENCODE', `the model's output is ${what}, which is no embedding`),
    'ERR_ENCODE',
  );
}
