/**
 * The second half of a sync: frames without a row -> encoder -> engine -> catalog. Runs beside the
 * first half and is woken by its commits; run alone it is `sightline index`. Rows are durable before
 * the catalog counts them.
 *
 * No failure of the encoder ends it (spec 003): a frame that cannot be encoded is recorded with its
 * reason, and one for which the encoder as a whole failed with that. The next sync tries them again.
 */
import type { Catalog, EncodeFailure, EncodeRun, MediaRow } from '../catalog';
import type { EachResult, ImageEncoder } from '../encode';
import { isLibraryError, makeError, messageOf, type LibraryError } from '../errors';
import { asRow, type FrameId } from '../types';
import type { VectorStore } from '../stores/vectors';
import type { FrameStore } from './frame-store';
import type { WakeUp } from './ordered';

export interface EmbedParts {
  readonly catalog: Catalog;
  readonly store: FrameStore;
  readonly index: VectorStore;
  readonly encoder: ImageEncoder;
  readonly space: string;
  /** Run before rows are appended, by the same loop: the engine has one writer at a time. */
  readonly beforeAppend: () => Promise<void>;
  readonly onEmbedded: (frames: number) => void;
  /** Frames that got no embedding, and the media files that became final with such frames. */
  readonly onFailed: (frames: number, media: readonly MediaRow[]) => void;
}

/** Frames encoded and committed together. */
export const EMBED_BATCH = 64;
/** Rows between two graph snapshots, so that the next open has at most this many to link. */
const SNAPSHOT_EVERY_ROWS = 50_000;

/** Says that the file must be decoded again, not only encoded: see `isWaitingOnly` in make-plan.ts. */
export const FRAME_UNREADABLE = 'ERR_IO';
const NO_ENCODER_FAULT: ReadonlySet<string> = new Set([
  'ERR_ABORTED',
  'ERR_CLOSED',
  'ERR_ARG_TYPE',
  'ERR_INTERNAL',
]);

interface Encoded {
  readonly good: FrameId[];
  readonly vectors: Float32Array;
  readonly bad: EncodeFailure[];
  readonly run: EncodeRun;
}

/**
 * Encodes every frame that has no row, until there is none left and `more()` is false.
 *
 * @param wake  notified by whoever makes frames, and once more when it is done
 */
export async function embedPending(
  parts: EmbedParts,
  more: () => boolean,
  wake: WakeUp,
  signal?: AbortSignal,
): Promise<void> {
  let after = -1;
  let unsaved = 0;
  const health: Health = { unusable: undefined };
  // One batch is being encoded while the one before it is appended.
  let encoding: Promise<Encoded> | undefined;
  try {
    for (;;) {
      if (signal?.aborted === true) throw makeError('ERR_ABORTED', 'the sync was interrupted');
      const hadMore = more();
      const ids = parts.catalog.framesWithoutRow(parts.space, after, EMBED_BATCH);
      after = ids.at(-1) ?? after;
      const next = ids.length > 0 ? encode(parts, ids, health, signal) : undefined;
      // A rejection is seen when it is awaited; until then it must not count as unhandled.
      next?.catch(() => undefined);
      if (encoding !== undefined) unsaved += await append(parts, await encoding);
      encoding = next;
      if (unsaved >= SNAPSHOT_EVERY_ROWS) {
        await parts.index.save();
        unsaved = 0;
      }
      if (next !== undefined) continue;
      if (!hadMore) break;
      await wake.wait();
    }
  } finally {
    await encoding?.catch(() => undefined);
    if (unsaved > 0) await parts.index.save();
  }
}

interface Health {
  /** Why the model cannot be used at all: loading it again for every batch would take minutes each. */
  unusable: LibraryError | undefined;
}

async function encode(
  parts: EmbedParts,
  ids: readonly FrameId[],
  health: Health,
  signal: AbortSignal | undefined,
): Promise<Encoded> {
  const good: FrameId[] = [];
  const bad: EncodeFailure[] = [];
  const pictures: Uint8Array[] = [];
  const present: FrameId[] = [];
  for (const frameId of ids) {
    try {
      pictures.push(await parts.store.read(frameId));
      present.push(frameId);
    } catch (error) {
      const reason = `stored frame cannot be read: ${messageOf(error)}`;
      bad.push({ frameId, reason, code: FRAME_UNREADABLE });
    }
  }
  const createdAt = new Date().toISOString();
  const result = await encodePictures(parts.encoder, pictures, health, signal);
  if (isLibraryError(result)) {
    const { code, message: reason } = result;
    bad.push(...present.map((frameId) => ({ frameId, reason, code, isEncoderFault: true })));
    const { device } = parts.encoder.stats();
    return {
      good,
      vectors: new Float32Array(0),
      bad,
      run: { device, inferenceMs: null, createdAt },
    };
  }
  const { dim } = parts.encoder;
  const { vectors, errors, device, inferenceMs } = result;
  const kept = new Float32Array(vectors.length);
  present.forEach((frameId, i) => {
    const error = errors[i];
    if (error === undefined) {
      kept.set(vectors.subarray(i * dim, (i + 1) * dim), good.length * dim);
      good.push(frameId);
    } else {
      const isEncoderFault = isOfEncoder(error);
      if (isEncoderFault) health.unusable ??= lastingOnly(error);
      bad.push({ frameId, reason: error.message, code: error.code, isEncoderFault });
    }
  });
  const run = { device, inferenceMs: inferenceMs / Math.max(1, good.length), createdAt };
  return { good, vectors: kept.subarray(0, good.length * dim), bad, run };
}

/**
 * A failure of the whole call is a value here: it concerns every frame of the batch and none of them
 * in particular.
 */
async function encodePictures(
  encoder: ImageEncoder,
  pictures: readonly Uint8Array[],
  health: Health,
  signal: AbortSignal | undefined,
): Promise<EachResult | LibraryError> {
  if (health.unusable !== undefined) return health.unusable;
  try {
    return await encoder.encodeEach(pictures, signal ? { signal } : {});
  } catch (error) {
    // Ours to end, or a defect of ours: neither is a failure of the encoder.
    const isOther = !isLibraryError(error) || NO_ENCODER_FAULT.has(error.code);
    if (isOther) throw error;
    health.unusable ??= lastingOnly(error);
    return error;
  }
}

/** True for what concerns every frame: the model, or workers that die over and over. */
function isOfEncoder({ code, details }: LibraryError): boolean {
  if (details['isOneTask'] === true) return false;
  return code.startsWith('ERR_MODEL_') || code === 'ERR_TIMEOUT' || details['isBroken'] === true;
}

/** Not lost workers and a full queue, which pass, and answer at once until they do. */
const lastingOnly = (error: LibraryError): LibraryError | undefined =>
  error.code.startsWith('ERR_MODEL_') || error.code === 'ERR_TIMEOUT' ? error : undefined;

async function append(parts: EmbedParts, encoded: Encoded): Promise<number> {
  const { good, vectors, bad, run } = encoded;
  const { catalog, space, index } = parts;
  await parts.beforeAppend();
  const firstRow =
    good.length > 0 ? (await index.add(vectors, { keys: good })).firstRow : index.count;
  const rows = good.map((frameId, i) => ({ frameId, row: asRow(firstRow + i) }));
  const troubled = catalog.recordRows(space, rows, bad, firstRow + good.length, run);
  if (bad.length > 0) parts.onFailed(bad.length, troubled);
  if (good.length > 0) parts.onEmbedded(good.length);
  return good.length;
}
