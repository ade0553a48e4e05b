/** Records that go into and come out of the catalog. */
import type { Pattern } from '../base/patterns';
import type {
  FrameId,
  FrameRecord,
  MediaId,
  MediaKind,
  MediaState,
  ModelIdentity,
  Row,
} from '../base/types';

export interface MediaRow {
  readonly mediaId: MediaId;
  /** Relative to the library's root, with `/`. */
  readonly path: string;
  readonly kind: MediaKind;
  readonly sizeBytes: number;
  readonly mtimeMs: number;
  /** SHA-256 of the bytes, lower-case hex; null when the file could not be read. */
  readonly contentHash: string | null;
  readonly state: MediaState;
  readonly code: string | null;
  readonly reason: string | null;
  /** Size of the source in pixels, upright. */
  readonly width: number | null;
  readonly height: number | null;
  /** When the picture was taken, ISO 8601, if the file has that. */
  readonly capturedAt: string | null;
  /** Attempts at this version of the file. */
  readonly attempts: number;
  /** The next sync decodes the file although it is unchanged. */
  readonly needsDecoding: boolean;
  /** Where `code` and `reason` come from; null when there are none. */
  readonly fault: 'decode' | 'encode' | null;
  /** A remark about a file that is indexed anyway, for example that its end is missing. */
  readonly note: string | null;
  /** Time of the last change of the file's inode; null where an older version recorded none. */
  readonly ctimeMs: number | null;
  /** Sampling of the frames; null where an older version recorded none. */
  readonly sampling: string | null;
}

/** A file's path and times. */
export interface MediaLocation {
  readonly path: string;
  readonly mtimeMs: number;
  readonly ctimeMs: number;
}

/** A frame with the checksum of its stored picture, null where none was recorded. */
export interface StoredFrame {
  readonly frameId: FrameId;
  readonly timestamp: number | null;
  readonly crc: number | null;
}

/** What is kept of a forgotten file: if the same bytes come back, they get these ids. */
export interface FormerMedia {
  readonly number: number;
  readonly mediaId: MediaId;
  /** By time. */
  readonly frameIds: readonly FrameId[];
}

export interface IngestedFrame {
  readonly frameId: FrameId;
  /** Seconds from the start of the video; null for pictures. */
  readonly timestamp: number | null;
  readonly width: number;
  readonly height: number;
  /** CRC-32 of the stored picture. */
  readonly crc?: number;
  /**
   * A frame of an earlier version of the file: `same` keeps its vector; `renewed` is encoded again and
   * found by its old vector until then.
   */
  readonly kept?: 'same' | 'renewed';
}

/**
 * One media file after decoding. `pending` with frames: they wait to be encoded. `pending` without frames,
 * or with `keepsFrames`: earlier frames stay. Otherwise earlier frames that are not in `frames` are
 * removed.
 */
export interface IngestedItem extends Omit<MediaRow, 'mediaId'> {
  /** The entry of an earlier version of the same file. */
  readonly replaces: MediaId | undefined;
  readonly frames: readonly IngestedFrame[];
  readonly keepsFrames?: boolean;
  /** The forgotten file whose ids are reused. */
  readonly former?: FormerMedia | undefined;
}

/** Why frames of a media file have no embedding. */
export interface FrameFailure {
  readonly code: string;
  readonly reason: string;
  readonly needsDecoding: boolean;
}

/** A frame that could not be embedded, and why. */
export interface EncodeFailure {
  readonly frameId: FrameId;
  readonly reason: string;
  /** Default ERR_ENCODE. */
  readonly code?: string;
  /**
   * The encoder as a whole failed (its model cannot be loaded, its workers keep dying). This says nothing
   * about the frame and does not count as an attempt.
   */
  readonly isEncoderFault?: boolean;
  /** The stored picture is lost: the file must be decoded again. */
  readonly needsDecoding?: boolean;
}

/** How a batch of frames was encoded: stored with each embedding by spec 003. */
export interface EncodeRun {
  /** Execution provider that ran the model, for example `cpu`. */
  readonly device: string;
  /** Mean inference time per frame of the batch; null when nothing was inferred. */
  readonly inferenceMs: number | null;
  /** ISO 8601, UTC. */
  readonly createdAt: string;
}

/**
 * Metadata of an embedding by spec 003, or of the attempt that failed. `model_name` (the model's id) and
 * `pretrained` (its revision) together identify the weights.
 */
export interface EmbeddingMetadata {
  readonly model_name: string;
  readonly pretrained: string;
  readonly embed_dim: number;
  readonly normalized: boolean;
  /** Null where an older version recorded none. */
  readonly device: string | null;
  readonly inference_time_ms: number | null;
  readonly created_at: string | null;
  /** Code and reason if there is no embedding. */
  readonly error: string | null;
}

/**
 * `active`: searches use it. `building`: it is being filled, to become the active one. `former`: it was the
 * active one before the last change of the model. At most one of each.
 */
export type SpaceState = 'active' | 'building' | 'former';

/** Vectors of one model. */
export interface SpaceRecord {
  readonly name: string;
  readonly state: SpaceState;
  /** What the vectors describe. */
  readonly modality: 'image';
  readonly metric: 'cosine';
  readonly model: ModelIdentity;
  /** The name under which the model is found again: `builtin`, an absolute path, or one of the hub. */
  readonly modelName: string;
  /** The table of PostgreSQL; undefined: none yet, or the vectors are in the library's folder. */
  readonly vectorTable: string | undefined;
  readonly dim: number;
  /** Committed rows; further rows of the engine are rolled back. */
  readonly committedRows: number;
}

export interface RowEpoch {
  readonly number: number;
  /** False while rows are being renumbered. */
  readonly isSettled: boolean;
}

export interface RowFilter {
  readonly kind?: MediaKind;
  /** Media files whose path matches the pattern; with a leading `!` the others. */
  readonly path?: Pattern;
}

export interface FrameRow {
  readonly frameId: FrameId;
  readonly row: Row;
  /** CRC-32 of the picture that was encoded. */
  readonly crc?: number;
}

export interface CatalogCounts {
  readonly media: Readonly<Record<MediaState, number>>;
  readonly images: number;
  readonly videos: number;
  /** Frames with a row in the space. */
  readonly frames: number;
  /** Frames waiting to be encoded for the space. */
  readonly pendingFrames: number;
  /** Frames that could not be encoded for the space and do not wait. */
  readonly failedFrames: number;
}

export type { FrameRecord };
