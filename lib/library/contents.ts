/** Reads what a library holds: its media files, its frames and their vectors. Writes nothing. */
import { passes, type Catalog, type MediaRow, type RowFilter } from '../catalog';
import { oneOf, TEXT, type OptionRules } from '../base/options';
import { parsePattern } from '../base/patterns';
import { asMediaId, type FrameRecord, type MediaKind, type MediaState } from '../base/types';

export interface ContentsFilter {
  /** Only pictures or only videos. */
  readonly type?: MediaKind;
  /** Pattern of the media path, as in `SearchOptions.path`. */
  readonly path?: string;
}

export interface FramesFilter extends ContentsFilter {
  /** Only frames of this media file. */
  readonly mediaId?: string;
}

export interface MediaFilter extends ContentsFilter {
  readonly state?: MediaState;
}

/** One media file as of the last sync. */
export interface MediaItem {
  readonly mediaId: string;
  /** Relative to the library's root, with `/`. */
  readonly path: string;
  readonly kind: MediaKind;
  readonly state: MediaState;
  readonly sizeBytes: number;
  /** Last change of the file, milliseconds since 1970. */
  readonly mtimeMs: number;
  /** SHA-256 of the bytes, lower-case hex; null for a file that could not be read. */
  readonly sha256: string | null;
  /** Size of the original in pixels, upright; null while unknown. */
  readonly width: number | null;
  readonly height: number | null;
  /** When a picture was taken, ISO 8601, if the file says so. */
  readonly capturedAt: string | null;
  /** Why the file is not, or only partly, searchable. */
  readonly code: string | null;
  readonly reason: string | null;
}

const CONTENTS_FILTER: OptionRules<ContentsFilter> = {
  type: oneOf(['image', 'video']),
  path: TEXT,
};
export const FRAMES_FILTER: OptionRules<FramesFilter> = { ...CONTENTS_FILTER, mediaId: TEXT };
export const MEDIA_FILTER: OptionRules<MediaFilter> = {
  ...CONTENTS_FILTER,
  state: oneOf(['pending', 'indexed', 'skipped', 'failed']),
};

const rowFilterOf = ({ type, path }: ContentsFilter): RowFilter => ({
  kind: type,
  path: path === undefined ? undefined : parsePattern(path),
});

/** Frames in the order of their ids. */
export function* framesOf(
  catalog: Catalog,
  { mediaId, ...contents }: FramesFilter,
): IterableIterator<FrameRecord> {
  const filter = rowFilterOf(contents);
  const frames = mediaId === undefined ? catalog.frames() : framesOfOne(catalog, mediaId);
  for (const frame of frames)
    if (passes(filter, { path: frame.mediaPath, kind: frame.kind })) yield frame;
}

function* framesOfOne(catalog: Catalog, mediaId: string): IterableIterator<FrameRecord> {
  for (const frameId of catalog.framesOfMedia(asMediaId(mediaId))) {
    const frame = catalog.frame(frameId);
    if (frame !== undefined) yield frame;
  }
}

/** Media files in path order. */
export function* mediaOf(
  catalog: Catalog,
  { state, ...contents }: MediaFilter,
): IterableIterator<MediaItem> {
  const filter = rowFilterOf(contents);
  for (const row of catalog.media())
    if ((state === undefined || row.state === state) && passes(filter, row)) yield toItem(row);
}

const toItem = (row: MediaRow): MediaItem => ({
  mediaId: row.mediaId,
  path: row.path,
  kind: row.kind,
  state: row.state,
  sizeBytes: row.sizeBytes,
  mtimeMs: row.mtimeMs,
  sha256: row.contentHash,
  width: row.width,
  height: row.height,
  capturedAt: row.capturedAt,
  code: row.code ?? (row.note === null ? null : 'ERR_MEDIA_DECODE'),
  reason: row.reason ?? row.note,
});
