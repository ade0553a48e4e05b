/** The records that go into and come out of the catalog. */
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
  /** When the picture was taken, ISO 8601, if the file says so. */
  readonly capturedAt: string | null;
  /** How often this version of the file was tried. */
  readonly attempts: number;
  /** The next sync decodes the file although it has not changed. */
  readonly needsDecoding: boolean;
  /** Who gave `code` and `reason`; null when there are none. */
  readonly fault: 'decode' | 'encode' | null;
  /** A remark about a file that is indexed all the same, for example that its end is missing. */
  readonly note: string | null;
  /** Time of the last change of the file's inode; null where an older version recorded none. */
  readonly ctimeMs: number | null;
  /** How frames were taken; null where an older version did not say. */
  readonly sampling: string | null;
}

/** Where a file's bytes are, and what the file system says of them. */
export interface MediaPlace {
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

/** What was known of a file that is forgotten: the same bytes get these ids back. */
export interface FormerMedia {
  readonly number: number;
  readonly mediaId: MediaId;
  /** In the order of time. */
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
   * A frame of the earlier version: `same` keeps its vector, `renewed` is encoded again and found by
   * the old vector until then.
   */
  readonly kept?: 'same' | 'renewed';
}

/**
 * One media file as the decoder left it. `pending` with frames: they wait to be encoded. `pending`
 * without frames, or `keepsFrames`: frames of an earlier version stay. Otherwise those of them go that
 * are not among `frames`.
 */
export interface IngestedItem extends Omit<MediaRow, 'mediaId'> {
  /** The entry of an earlier version of the same file. */
  readonly replaces: MediaId | undefined;
  readonly frames: readonly IngestedFrame[];
  readonly keepsFrames?: boolean;
  /** The forgotten file whose ids are used again. */
  readonly former?: FormerMedia | undefined;
}

/** Why a media file has a frame without an embedding. */
export interface FrameFailure {
  readonly code: string;
  readonly reason: string;
  readonly needsDecoding: boolean;
}

/** A frame that has no embedding, and why. */
export interface EncodeFailure {
  readonly frameId: FrameId;
  readonly reason: string;
  /** Default ERR_ENCODE. */
  readonly code?: string;
  /**
   * The encoder as a whole failed (its model cannot be loaded, its workers keep dying): says nothing
   * about the frame, so it costs the frame none of its attempts.
   */
  readonly isEncoderFault?: boolean;
  /** The stored picture is lost: the file must be decoded again. */
  readonly needsDecoding?: boolean;
}

/** How a batch of frames was encoded: what spec 003 keeps with each embedding. */
export interface EncodeRun {
  /** Execution provider that ran the model, for example `cpu`. */
  readonly device: string;
  /** Milliseconds of inference per frame, mean of the batch; null when nothing was inferred. */
  readonly inferenceMs: number | null;
  /** ISO 8601, UTC. */
  readonly createdAt: string;
}

/**
 * What spec 003 calls the metadata of an embedding, of the one there is or of the attempt that failed.
 * `model_name` is the model's id and `pretrained` its revision: together they name the weights.
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
  /** Code and reason when there is no embedding. */
  readonly error: string | null;
}

export interface SpaceRecord {
  readonly name: string;
  readonly model: ModelIdentity;
  readonly dim: number;
  /** Rows of the engine that count; more in the engine are rolled back. */
  readonly committedRows: number;
}

export interface RowEpoch {
  readonly number: number;
  /** False while rows are being renumbered. */
  readonly isSettled: boolean;
}

export interface RowFilter {
  readonly kind?: MediaKind;
  /** Media files whose path the pattern covers; with `!` in front, the others. */
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
