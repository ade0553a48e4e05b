/**
 * The second half of a sync: encodes frames without a row, appends the vectors to the engine, records them
 * in the catalog. Runs beside the first half and is woken by its commits; alone it is `sightline index`.
 * Rows are durable before the catalog counts them.
 *
 * Encoder failures do not stop it (spec 003): a frame that cannot be encoded is recorded with its reason,
 * also when the encoder as a whole failed. The next sync retries.
 */
import { crc32 } from 'node:zlib';
import { INTERRUPTED } from './progress';
import { throwIfAborted } from '../base/abort';
import type { Catalog, EncodeFailure, EncodeRun, FrameRow, MediaRow } from '../catalog';
import type { EachResult, ImageEncoder } from '../encode';
import { isLibraryError, messageOf, type LibraryError } from '../base/errors';
import { asRow, type FrameId } from '../base/types';
import type { VectorStore } from '../stores/vectors';
import type { FrameStore } from './frame-store';
import type { WakeUp } from './ordered';

export interface EmbedParts {
  readonly catalog: Catalog;
  readonly store: FrameStore;
  readonly index: VectorStore;
  readonly encoder: ImageEncoder;
  readonly space: string;
  /** Called before rows are appended, by the same loop: the engine has one writer at a time. */
  readonly beforeAppend: () => Promise<void>;
  readonly onEmbedded: (frames: number) => void;
  /** Frames without an embedding, and the media files that became final with such frames. */
  readonly onFailed: (frames: number, media: readonly MediaRow[]) => void;
}

/** Frames encoded and committed together. */
export const EMBED_BATCH = 64;
/** Rows between two graph snapshots: the next open links at most this many. */
const SNAPSHOT_EVERY_ROWS = 50_000;

const NO_ENCODER_FAULT: ReadonlySet<string> = new Set([
  'ERR_ABORTED',
  'ERR_CLOSED',
  'ERR_ARG_TYPE',
  'ERR_INTERNAL',
]);

interface Picture {
  readonly frameId: FrameId;
  readonly jpeg: Buffer;
  readonly crc: number;
}

interface Encoded {
  readonly good: Picture[];
  readonly vectors: Float32Array;
  readonly bad: EncodeFailure[];
  readonly run: EncodeRun;
}

/**
 * Encodes every frame that has no row, until there is none left and `more()` is false.
 *
 * @param wake  notified when frames were stored, and once more at the end
 */
export async function embedPending(
  parts: EmbedParts,
  more: () => boolean,
  wake: WakeUp,
  signal?: AbortSignal,
): Promise<void> {
  let unsaved = 0;
  const health: Health = { unusable: undefined };
  // One batch is encoded while the previous one is appended.
  let encoding: Promise<Encoded> | undefined;
  let inFlight: ReadonlySet<FrameId> = new Set();
  try {
    for (;;) {
      throwIfAborted(signal, INTERRUPTED);
      const hadMore = more();
      // No cursor: frames that came back or were renewed have low ids.
      const ids = parts.catalog
        .framesWithoutRow(parts.space, EMBED_BATCH + inFlight.size, hadMore)
        .filter((frameId) => !inFlight.has(frameId))
        .slice(0, EMBED_BATCH);
      inFlight = new Set(ids);
      const next = ids.length > 0 ? encode(parts, ids, hadMore, health, signal) : undefined;
      // The rejection is handled where it is awaited; until then it must not count as unhandled.
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
  /** Why the model cannot be used at all: retrying for every batch would take minutes each. */
  unusable: LibraryError | undefined;
}

/** @param isDecoding files are being decoded, which may replace stored pictures */
async function encode(
  parts: EmbedParts,
  ids: readonly FrameId[],
  isDecoding: boolean,
  health: Health,
  signal: AbortSignal | undefined,
): Promise<Encoded> {
  const good: Picture[] = [];
  const bad: EncodeFailure[] = [];
  const present: Picture[] = [];
  for (const frameId of ids) {
    const read = await readPicture(parts, frameId);
    if ('jpeg' in read) present.push(read);
    // Its file is being decoded again, which will renew the frame.
    else if (!isDecoding || !isMarked(parts.catalog, frameId)) bad.push(read);
  }
  const createdAt = new Date().toISOString();
  const pictures = present.map(({ jpeg }) => jpeg);
  const result = await encodePictures(parts.encoder, pictures, health, signal);
  if (isLibraryError(result)) {
    const { code, message: reason } = result;
    bad.push(...present.map(({ frameId }) => ({ frameId, reason, code, isEncoderFault: true })));
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
  present.forEach((picture, i) => {
    const error = errors[i];
    if (error === undefined) {
      kept.set(vectors.subarray(i * dim, (i + 1) * dim), good.length * dim);
      good.push(picture);
    } else {
      const isEncoderFault = isOfEncoder(error);
      if (isEncoderFault) health.unusable ??= lastingOnly(error);
      bad.push({
        frameId: picture.frameId,
        reason: error.message,
        code: error.code,
        isEncoderFault,
      });
    }
  });
  const run = { device, inferenceMs: inferenceMs / Math.max(1, good.length), createdAt };
  return { good, vectors: kept.subarray(0, good.length * dim), bad, run };
}

/** A stored picture, checked, or why it is unusable: then its file must be decoded again. */
async function readPicture(
  { catalog, store }: EmbedParts,
  frameId: FrameId,
): Promise<Picture | EncodeFailure> {
  let why: string;
  try {
    const jpeg = await store.read(frameId);
    const crc = crc32(jpeg);
    if ((catalog.frameCrc(frameId) ?? crc) === crc) return { frameId, jpeg, crc };
    why = 'its bytes have changed';
  } catch (error) {
    why = messageOf(error);
  }
  const reason = `stored frame cannot be read: ${why}`;
  return { frameId, reason, code: 'ERR_IO', needsDecoding: true };
}

function isMarked(catalog: Catalog, frameId: FrameId): boolean {
  const mediaId = catalog.frame(frameId)?.mediaId;
  return mediaId !== undefined && catalog.mediaById(mediaId)?.needsDecoding === true;
}

/** A failure of the whole call is returned as a value: it concerns every frame of the batch. */
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
    // An abort, or a bug of ours: not a failure of the encoder.
    const isOther = !isLibraryError(error) || NO_ENCODER_FAULT.has(error.code);
    if (isOther) throw error;
    health.unusable ??= lastingOnly(error);
    return error;
  }
}

/** True for failures that concern every frame: the model, or workers that keep dying. */
function isOfEncoder({ code, details }: LibraryError): boolean {
  if (details['isOneTask'] === true) return false;
  return code.startsWith('ERR_MODEL_') || code === 'ERR_TIMEOUT' || details['isBroken'] === true;
}

/** Lost workers and a full queue are temporary, and fail fast meanwhile. */
const lastingOnly = (error: LibraryError): LibraryError | undefined =>
  error.code.startsWith('ERR_MODEL_') || error.code === 'ERR_TIMEOUT' ? error : undefined;

async function append(parts: EmbedParts, encoded: Encoded): Promise<number> {
  const { good, vectors, bad, run } = encoded;
  const { catalog, space, index } = parts;
  await parts.beforeAppend();
  const keys = good.map(({ frameId }) => frameId);
  const firstRow = keys.length > 0 ? await addRows(parts, keys, vectors) : index.count;
  const rows: FrameRow[] = good.map(({ frameId, crc }, i) => ({
    ...{ frameId, crc },
    row: asRow(firstRow + i),
  }));
  const troubled = catalog.recordRows(space, rows, bad, firstRow + good.length, run);
  if (bad.length > 0) parts.onFailed(bad.length, troubled);
  if (good.length > 0) parts.onEmbedded(good.length);
  return good.length;
}

/** Renewed frames have a row, by which they are found until one commit replaces it. */
async function addRows(
  { catalog, index, space }: EmbedParts,
  keys: readonly FrameId[],
  vectors: Float32Array,
): Promise<number> {
  const isRenewal = keys.some((frameId) => catalog.rowOfFrame(space, frameId) !== undefined);
  const added = isRenewal
    ? await index.upsert(vectors, { keys })
    : await index.add(vectors, { keys });
  return added.firstRow;
}
