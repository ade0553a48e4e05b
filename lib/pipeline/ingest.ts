/**
 * The first half of a sync: decodes media files, stores normalized frames, and records them in one catalog
 * transaction per batch. A picture is one frame. A video's frames are recorded together once all of it is
 * decoded, so no media item is half there. A failed item is a recorded state and does not end the run.
 */
import {
  contentHash,
  contentKind,
  type DecodedFrame,
  type DecodedImage,
  decodeImage,
  type MediaFile,
  sampleVideo,
} from '../media';
import { INTERRUPTED } from './progress';
import { throwIfAborted } from '../base/abort';
import type { Catalog, IngestedFrame, IngestedItem } from '../catalog';
import { isLibraryError, makeError, messageOf } from '../base/errors';
import type { MediaKind, MediaState, SyncOptions } from '../base/types';
import type { FrameStore } from './frame-store';
import { mapOrdered } from './ordered';
import { MAX_ATTEMPTS, type KnownFile } from './plan/plan';
import { samplingFor, wordsOf } from './plan/sampling';
import { FrameWriter, UNKNOWN_BYTES, type KnownBytes } from './store-frames';

/** A file to decode, and the catalog's entry for it, if any. */
export interface WorkItem {
  readonly file: MediaFile;
  readonly known: KnownFile | undefined;
}

export interface IngestParts {
  readonly catalog: Catalog;
  readonly store: FrameStore;
  /** Pictures decoded at once. */
  readonly concurrency: number;
  /** Called after each commit: frames may be waiting to be encoded. */
  readonly onCommit: (items: readonly IngestedItem[]) => Promise<void> | void;
  readonly onItem: (item: IngestedItem) => void;
}

/** Errors that are not the item's fault: every sync retries it. */
const RETRY_CODES: ReadonlySet<string> = new Set([
  'ERR_MEDIA_CHANGED',
  'ERR_MEDIA_MISSING',
  'ERR_FFMPEG_MISSING',
]);

/** Most pictures per transaction, and how long the first of them may wait for it. */
const BATCH_ITEMS = 32;
const BATCH_MS = 250;

type Outcome =
  | { readonly work: WorkItem; readonly frame: DecodedImage }
  | { readonly work: WorkItem; readonly error: unknown }
  /** The file has a picture's name and a video's content. */
  | { readonly work: WorkItem; readonly film: true };

/**
 * Decodes `items` (pictures first) and records every one of them. The content decides the kind: a video
 * named like a picture waits for the videos, a picture named like a video is one.
 *
 * @throws ERR_ABORTED after committing what was finished; ERR_DISK_FULL, ERR_IO and ERR_FFMPEG_MISSING only
 * when they concern the whole library
 */
export async function ingest(
  items: readonly WorkItem[],
  parts: IngestParts,
  options: SyncOptions,
): Promise<void> {
  const pictures = items.filter((item) => item.file.kind === 'image');
  const videos = items.filter((item) => item.file.kind === 'video');
  const films = await ingestPictures(pictures, parts, options);
  for (const item of [...films, ...videos]) {
    throwIfAborted(options.signal, INTERRUPTED);
    const recorded =
      item.file.kind === 'video' && (await contentKind(item.file)) === 'image'
        ? await storePicture(await decodePicture(asKind(item, 'image'), options), parts, options)
        : await ingestVideo(item, parts, options);
    parts.onItem(recorded);
    await commit([recorded], parts);
  }
  throwIfAborted(options.signal, INTERRUPTED);
}

async function ingestPictures(
  items: readonly WorkItem[],
  parts: IngestParts,
  options: SyncOptions,
): Promise<WorkItem[]> {
  const films: WorkItem[] = [];
  let batch: IngestedItem[] = [];
  let batchStarted = 0;
  const flush = async (): Promise<void> => {
    const full = batch;
    batch = [];
    if (full.length > 0) await commit(full, parts);
  };
  for await (const outcome of mapOrdered(items, parts.concurrency, (item) =>
    lookAndDecode(item, options),
  )) {
    if (options.signal?.aborted === true) break;
    if ('film' in outcome) {
      films.push(asKind(outcome.work, 'video'));
      continue;
    }
    if (batch.length === 0) batchStarted = performance.now();
    const recorded = await storePicture(outcome, parts, options);
    parts.onItem(recorded);
    batch.push(recorded);
    if (batch.length >= BATCH_ITEMS || performance.now() - batchStarted > BATCH_MS) await flush();
  }
  await flush();
  throwIfAborted(options.signal, INTERRUPTED);
  return films;
}

const asKind = (work: WorkItem, kind: MediaKind): WorkItem => ({
  ...work,
  file: { ...work.file, kind },
});

async function commit(items: readonly IngestedItem[], parts: IngestParts): Promise<void> {
  const buried = parts.catalog.recordIngested(items);
  await parts.onCommit(items);
  await parts.store.remove(buried);
}

async function lookAndDecode(work: WorkItem, options: SyncOptions): Promise<Outcome> {
  if ((await contentKind(work.file)) === 'video') return { work, film: true };
  return decodePicture(work, options);
}

async function decodePicture(work: WorkItem, options: SyncOptions): Promise<PictureOutcome> {
  try {
    const { limits, signal } = options;
    const { maxSize } = samplingFor(work.known, options);
    return {
      work,
      frame: await decodeImage(work.file, { maxSize, limits, signal }),
    };
  } catch (error) {
    return { work, error };
  }
}

type PictureOutcome = Exclude<Outcome, { film: true }>;

async function storePicture(
  outcome: PictureOutcome,
  parts: IngestParts,
  options: SyncOptions,
): Promise<IngestedItem> {
  const { work } = outcome;
  const sampling = wordsOf('image', samplingFor(work.known, options));
  if ('error' in outcome) {
    return { ...describe(work, null, sampling), ...failure(outcome.error, work) };
  }
  const { frame } = outcome;
  const bytes = knownBytes(work, frame.contentHash, sampling, parts.catalog);
  const writer = new FrameWriter(parts.catalog, parts.store, bytes);
  return {
    ...describe(work, frame.contentHash, sampling),
    ...decoded(frame, [await writer.add(frame)], undefined),
    former: bytes.former,
  };
}

async function ingestVideo(
  work: WorkItem,
  parts: IngestParts,
  options: SyncOptions,
): Promise<IngestedItem> {
  const { limits, signal } = options;
  const settled = samplingFor(work.known, options);
  const sampling = wordsOf('video', settled);
  const frames: IngestedFrame[] = [];
  let bytes: KnownBytes = UNKNOWN_BYTES;
  let hash: string | null = null;
  let first: DecodedFrame | undefined;
  let damage: unknown;
  try {
    hash = await contentHash(work.file, { signal });
    bytes = knownBytes(work, hash, sampling, parts.catalog);
    const writer = new FrameWriter(parts.catalog, parts.store, bytes);
    for await (const frame of sampleVideo(work.file, { ...settled, limits, signal })) {
      const timestamp = frame.timestamp ?? 0;
      frames.push(await writer.add({ ...frame, timestamp }));
      first ??= frame;
    }
  } catch (error) {
    throwIfAborted(options.signal, INTERRUPTED);
    damage = error;
  }
  const base = describe(work, hash, sampling);
  if (first === undefined) {
    const error = damage ?? makeError('ERR_MEDIA_DECODE', 'the video has no picture');
    return { ...base, ...failure(error, work) };
  }
  return { ...base, ...decoded(first, frames, damage), former: bytes.former };
}

/** What the catalog knows of the bytes being decoded, from this entry or another. */
function knownBytes(
  { known }: WorkItem,
  hash: string,
  sampling: string,
  catalog: Catalog,
): KnownBytes {
  if (known?.contentHash === hash) {
    const { mediaId } = known;
    const stored = catalog.storedFrames(mediaId);
    if (stored.length > 0) return { stored, mediaId, former: undefined };
  }
  const former = catalog.takeFormer({ contentHash: hash, sampling });
  return { stored: [], mediaId: undefined, former };
}

function describe(
  work: WorkItem,
  hash: string | null,
  sampling: string,
): Pick<
  IngestedItem,
  | 'replaces'
  | 'path'
  | 'kind'
  | 'sizeBytes'
  | 'mtimeMs'
  | 'ctimeMs'
  | 'contentHash'
  | 'sampling'
  | 'attempts'
> {
  const { file, known } = work;
  return {
    replaces: known?.mediaId,
    path: file.relPath,
    kind: file.kind,
    sizeBytes: file.sizeBytes,
    mtimeMs: file.mtimeMs,
    ctimeMs: file.ctimeMs,
    contentHash: hash,
    sampling,
    attempts: isUntouched(work) ? (known?.attempts ?? 0) + 1 : 1,
  };
}

/** By size and times: the same bytes were tried before. */
function isUntouched({ file, known }: WorkItem): boolean {
  return (
    known?.sizeBytes === file.sizeBytes &&
    known.mtimeMs === file.mtimeMs &&
    (known.ctimeMs === null || known.ctimeMs === file.ctimeMs)
  );
}

type Result = Pick<
  IngestedItem,
  | 'state'
  | 'code'
  | 'reason'
  | 'fault'
  | 'note'
  | 'needsDecoding'
  | 'width'
  | 'height'
  | 'capturedAt'
  | 'frames'
  | 'keepsFrames'
>;

/** @param damage a damaged end costs only the end: decoded frames are kept, with the reason as a remark */
function decoded(first: DecodedFrame, frames: readonly IngestedFrame[], damage: unknown): Result {
  return {
    // If all frames keep their vectors, none waits; the catalog checks.
    state: frames.every((frame) => frame.kept === 'same') ? 'indexed' : 'pending',
    ...(damage === undefined
      ? { code: null, reason: null, fault: null }
      : { ...reasonOf(damage), fault: 'decode' }),
    note: first.damaged ?? null,
    needsDecoding: damage !== undefined && RETRY_CODES.has(reasonOf(damage).code),
    width: first.sourceWidth,
    height: first.sourceHeight,
    capturedAt: first.capturedAt,
    frames,
  };
}

function reasonOf(error: unknown): { code: string; reason: string } {
  return { code: isLibraryError(error) ? error.code : 'ERR_INTERNAL', reason: messageOf(error) };
}

/** A disk failure, or a replaced folder, is not the item's fault: the run stops. */
const LIBRARYS_OWN: ReadonlySet<string> = new Set([
  'ERR_DISK_FULL',
  'ERR_IO',
  'ERR_FILE_REPLACED',
  'ERR_FILE_MISSING',
]);

function failure(error: unknown, work: WorkItem): Result & { contentHash?: string | null } {
  const { code, reason } = reasonOf(error);
  if (LIBRARYS_OWN.has(code)) throw error;
  const isPassing = RETRY_CODES.has(code);
  const { known } = work;
  // The frames of unchanged bytes are right, even if the decoder fails today.
  if (known?.state === 'indexed' && isUntouched(work)) {
    return {
      ...{ state: 'indexed', code, reason, fault: 'decode', note: null, frames: [] },
      needsDecoding: isPassing || known.attempts + 1 < MAX_ATTEMPTS,
      width: known.width,
      height: known.height,
      capturedAt: null,
      contentHash: known.contentHash,
      keepsFrames: true,
    };
  }
  const state: MediaState = isPassing
    ? 'pending'
    : code === 'ERR_MEDIA_UNSUPPORTED'
      ? 'skipped'
      : 'failed';
  return {
    ...{ state, code, reason, fault: 'decode', note: null, needsDecoding: isPassing },
    ...{ width: null, height: null, capturedAt: null, frames: [] },
  };
}
