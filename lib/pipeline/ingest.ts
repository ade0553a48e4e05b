/**
 * The first half of a sync: media file -> normalised frames on disk -> one catalog transaction per
 * batch. A picture is one frame; a video's frames are recorded together once the whole video is
 * decoded, so a media item is never half there. One item's failure is a recorded state, not the end
 * of the run.
 */
import type { Catalog, IngestedItem } from '../catalog';
import { isLibraryError, makeError, messageOf } from '../errors';
import {
  contentHash,
  contentKind,
  decodeImage,
  sampleVideo,
  type DecodedFrame,
  type DecodedImage,
} from '../media';
import type { FrameId, MediaKind, MediaLimits, MediaState, SyncOptions } from '../types';
import type { FrameStore } from './frame-store';
import { mapOrdered } from './ordered';
import type { FoundFile, KnownFile } from './plan';

/** A file to decode, and what the catalog knew of it before, if anything. */
export interface WorkItem {
  readonly file: FoundFile;
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

/** Errors that say nothing about the item: it stays `pending` and every sync tries it again. */
export const RETRY_CODES: ReadonlySet<string> = new Set([
  'ERR_MEDIA_CHANGED',
  'ERR_MEDIA_MISSING',
  'ERR_FFMPEG_MISSING',
]);

/** Pictures recorded in one transaction, at most; and how long the first of them waits for it. */
const BATCH_ITEMS = 32;
const BATCH_MS = 250;

type Outcome =
  | { readonly work: WorkItem; readonly frame: DecodedImage }
  | { readonly work: WorkItem; readonly error: unknown }
  /** A film under the name of a picture. */
  | { readonly work: WorkItem; readonly film: true };

/**
 * Decodes `items` (pictures first) and records every one of them. What a file is, its bytes decide: a
 * film under the name of a picture waits for the films, a picture under the name of a film is one.
 *
 * @throws ERR_ABORTED after committing what was finished; ERR_DISK_FULL, ERR_IO and ERR_FFMPEG_MISSING
 *   only when they concern the library as a whole
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
    throwIfAborted(options.signal);
    const recorded =
      item.file.kind === 'video' && (await contentKind(item.file)) === 'image'
        ? await storePicture(await decodePicture(asKind(item, 'image'), options), parts)
        : await ingestVideo(item, parts, options);
    parts.onItem(recorded);
    await commit([recorded], parts);
  }
  throwIfAborted(options.signal);
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
    const recorded = await storePicture(outcome, parts);
    parts.onItem(recorded);
    batch.push(recorded);
    if (batch.length >= BATCH_ITEMS || performance.now() - batchStarted > BATCH_MS) await flush();
  }
  await flush();
  throwIfAborted(options.signal);
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
    return { work, frame: await decodeImage(work.file, decodeOptions(options)) };
  } catch (error) {
    return { work, error };
  }
}

type PictureOutcome = Exclude<Outcome, { film: true }>;

async function storePicture(outcome: PictureOutcome, parts: IngestParts): Promise<IngestedItem> {
  if ('error' in outcome) {
    return { ...describe(outcome.work, null), ...failure(outcome.error), frames: [] };
  }
  const { frame } = outcome;
  const base = describe(outcome.work, frame.contentHash);
  const frameId = parts.catalog.nextFrameId();
  await parts.store.write(frameId, frame.jpeg);
  return {
    ...base,
    state: 'pending',
    // What a browser would show is searchable; what is wrong with it stays with the item.
    code: frame.damaged === undefined ? null : 'ERR_MEDIA_DECODE',
    reason: frame.damaged ?? null,
    width: frame.sourceWidth,
    height: frame.sourceHeight,
    capturedAt: frame.capturedAt,
    frames: [{ frameId, timestamp: null, width: frame.width, height: frame.height }],
  };
}

async function ingestVideo(
  work: WorkItem,
  parts: IngestParts,
  options: SyncOptions,
): Promise<IngestedItem> {
  const frames: { frameId: FrameId; timestamp: number; width: number; height: number }[] = [];
  let hash: string | null = null;
  let first: DecodedFrame | undefined;
  let damage: unknown;
  try {
    hash = await contentHash(work.file, options.signal ? { signal: options.signal } : {});
    for await (const frame of sampleVideo(work.file, {
      ...decodeOptions(options),
      ...(options.fps === undefined ? {} : { fps: options.fps }),
      ...(options.everyNFrames === undefined ? {} : { everyNFrames: options.everyNFrames }),
      ...(options.keyframes === undefined ? {} : { keyframes: options.keyframes }),
    })) {
      const frameId = parts.catalog.nextFrameId();
      await parts.store.write(frameId, frame.jpeg);
      first ??= frame;
      frames.push({
        frameId,
        timestamp: frame.timestamp ?? 0,
        width: frame.width,
        height: frame.height,
      });
    }
  } catch (error) {
    throwIfAborted(options.signal);
    damage = error;
  }
  const base = describe(work, hash);
  if (first === undefined) {
    const error = damage ?? makeError('ERR_MEDIA_DECODE', 'the video has no picture');
    return { ...base, ...failure(error), frames: [] };
  }
  return {
    ...base,
    state: 'pending',
    // A damaged tail costs the tail: what decoded is kept and the reason stays with the item.
    ...(damage === undefined ? { code: null, reason: null } : reasonOf(damage)),
    width: first.sourceWidth,
    height: first.sourceHeight,
    capturedAt: first.capturedAt,
    frames,
  };
}

function decodeOptions(options: SyncOptions): {
  maxSize?: number;
  limits?: MediaLimits;
  signal?: AbortSignal;
} {
  return {
    ...(options.limits === undefined ? {} : { limits: options.limits }),
    ...(options.maxSize === undefined ? {} : { maxSize: options.maxSize }),
    ...(options.signal === undefined ? {} : { signal: options.signal }),
  };
}

function describe(
  work: WorkItem,
  hash: string | null,
): Pick<
  IngestedItem,
  'replaces' | 'path' | 'kind' | 'sizeBytes' | 'mtimeMs' | 'contentHash' | 'attempts'
> {
  const { file, known } = work;
  const isSameFile = known?.sizeBytes === file.sizeBytes && known.mtimeMs === file.mtimeMs;
  return {
    replaces: known?.mediaId,
    path: file.relPath,
    kind: file.kind,
    sizeBytes: file.sizeBytes,
    mtimeMs: file.mtimeMs,
    contentHash: hash,
    attempts: isSameFile ? (known?.attempts ?? 0) + 1 : 1,
  };
}

function reasonOf(error: unknown): { code: string; reason: string } {
  return { code: isLibraryError(error) ? error.code : 'ERR_INTERNAL', reason: messageOf(error) };
}

function failure(
  error: unknown,
): Pick<IngestedItem, 'state' | 'code' | 'reason' | 'width' | 'height' | 'capturedAt'> {
  const { code, reason } = reasonOf(error);
  // The disk's failure is not the item's: the run stops, and resumes when there is space again.
  if (code === 'ERR_DISK_FULL' || code === 'ERR_IO') throw error;
  const state: MediaState = RETRY_CODES.has(code)
    ? 'pending'
    : code === 'ERR_MEDIA_UNSUPPORTED'
      ? 'skipped'
      : 'failed';
  return { state, code, reason, width: null, height: null, capturedAt: null };
}

function throwIfAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted === true) throw makeError('ERR_ABORTED', 'the sync was interrupted');
}
