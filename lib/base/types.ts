/**
 * Plain types shared by all layers. No behaviour except the brand casts.
 * The words are those of the style guide: media -> frame -> embedding -> row -> node -> hit -> result.
 */

declare const brand: unique symbol;
type Brand<T, B extends string> = T & { readonly [brand]: B };

/** Stable id of a frame: 0, 1, 2, ... in ingestion order; never reused, never relabelled. */
export type FrameId = Brand<number, 'FrameId'>;
/** Place of an embedding in a vector file, 0..N-1. The graph calls the same number a node. */
export type Row = Brand<number, 'Row'>;
/** 32 lower-case hex digits naming one media file of a library; survives renames. */
export type MediaId = Brand<string, 'MediaId'>;

export const asFrameId = (value: number): FrameId => value as FrameId;
export const asRow = (value: number): Row => value as Row;
export const asMediaId = (value: string): MediaId => value as MediaId;

export type MediaKind = 'image' | 'video';

/** Where a model may be asked to run; `auto` is the best that works. */
export const DEVICES = ['auto', 'cpu', 'cuda', 'coreml', 'dml', 'webgpu'] as const;
export type Device = (typeof DEVICES)[number];

/**
 * Where a media file stands. `pending`: seen, not finished. `indexed`: its frames are searchable.
 * `skipped`: a healthy file we do not index (reason says why). `failed`: damaged or over a limit.
 */
export type MediaState = 'pending' | 'indexed' | 'skipped' | 'failed';

/** What decides whether vectors may be compared: two different identities never share a space. */
export interface ModelIdentity {
  /** For example `builtin` or `openai/clip-vit-base-patch32`. */
  readonly id: string;
  readonly revision: string;
  /** SHA-256 over the weight files' own SHA-256 sums, in name order. */
  readonly sha256: string;
  /** Raised whenever our preprocessing changes its output. */
  readonly preprocessVersion: number;
}

export interface ProgressEvent {
  /** What is being done now, for example `scan`, `decode`, `encode`, `index`. */
  readonly phase: 'scan' | 'decode' | 'encode' | 'index' | 'done';
  /** Items done so far, counting what earlier runs did. */
  readonly done: number;
  /** Items in all; 0 while not known. */
  readonly total: number;
  /** Frames made searchable so far in this run. */
  readonly frames: number;
  /** `frames` plus those known to wait; grows while videos are decoded. */
  readonly framesTotal: number;
  /** Media path relative to the root, when one is at hand. */
  readonly path?: string;
}

/** One frame as the catalog knows it. */
export interface FrameRecord {
  readonly frameId: FrameId;
  readonly mediaId: MediaId;
  readonly kind: MediaKind;
  /** Path of the media file relative to the library's root, with `/`. */
  readonly mediaPath: string;
  /** Seconds from the start of the media; null for pictures. */
  readonly timestamp: number | null;
  /** Size of the stored frame in pixels, upright. */
  readonly width: number;
  readonly height: number;
  /** CRC-32 of the stored picture; absent where an older version recorded none. */
  readonly crc?: number;
}

/** What one media file may cost; what is not given has its default. See `docs/reference/CLI.md`. */
export interface MediaLimits {
  /** Million pixels of a picture; default 400. */
  readonly megapixels?: number;
  /** Megabytes of memory for one picture; default 1024. */
  readonly memoryMb?: number;
  /** Seconds for one picture; default 30. */
  readonly seconds?: number;
  /** Frames taken from one video; default 200000. */
  readonly videoFrames?: number;
}

export interface SyncOptions {
  /** Frames per second taken from videos; default 1. */
  readonly fps?: number;
  /** Take every n-th decoded frame instead of `fps`. */
  readonly everyNFrames?: number;
  /** Take only key frames instead of `fps`. */
  readonly keyframes?: boolean;
  /** Longest side of stored frames in pixels; default 512. */
  readonly maxSize?: number;
  /**
   * Patterns of paths (relative to the root) to leave out, in the grammar of `.gitignore`; see
   * docs/reference/CLI.md. They hold for this run: what they leave out leaves the library, and a later sync
   * without them takes it in again. Default: those that the library keeps in its `config.json`.
   * `.sightlineignore` files hold always.
   */
  readonly ignore?: readonly string[];
  /** Say what would be done, write nothing. */
  readonly dryRun?: boolean;
  /**
   * Take frames anew from untouched files that were taken otherwise than this sync asks for with `fps`,
   * `everyNFrames`, `keyframes` or `maxSize`. Frames that stay the same keep ids and vectors.
   */
  readonly resample?: boolean;
  /** Try again what failed in earlier runs although the file did not change. */
  readonly retryFailed?: boolean;
  /**
   * Forget files that are gone even when they are all files of the library, of a top folder or of a
   * disk, or more than 20 and more than 5 percent. Without it these are kept (`heldBack`), because an
   * unplugged disk looks the same. What could not be looked at is never forgotten.
   */
  readonly confirmRemovals?: boolean;
  /** False: frames are stored and wait for their embeddings. Default CLIP_ENABLED, or true. */
  readonly embed?: boolean;
  /** What one file may cost; a file over a limit is recorded as failed, with the limit's name. */
  readonly limits?: MediaLimits;
  readonly signal?: AbortSignal;
  readonly onProgress?: (event: ProgressEvent) => void;
}

/**
 * One media file that did not become searchable, and why. `damaged`: it did, as far as it could be
 * decoded.
 */
export interface MediaProblem {
  readonly path: string;
  readonly state: 'skipped' | 'failed' | 'damaged';
  readonly code: string;
  readonly reason: string;
}

export interface SyncReport {
  readonly scanned: number;
  readonly added: number;
  readonly changed: number;
  readonly moved: number;
  /** Files that are gone and were forgotten. */
  readonly removed: number;
  /** Files that were forgotten because a rule leaves them out. */
  readonly ignored: number;
  /** Files that are gone and were kept because so many vanished at once; see `confirmRemovals`. */
  readonly heldBack: number;
  /** Why files were held back, for example `every file of the library`. */
  readonly heldBackReasons: readonly string[];
  /** Files that were kept because their folder could not be read; `problems` says which. */
  readonly unreachable: number;
  readonly unchanged: number;
  /**
   * Untouched files that keep the frames they have although this sync asked for other ones; see
   * `resample`.
   */
  readonly otherSampling: number;
  readonly indexed: number;
  readonly skipped: number;
  readonly failed: number;
  /** Frames made searchable by this run. */
  readonly framesAdded: number;
  /** Frames that the encoder could not embed in this run; the next sync tries them again. */
  readonly framesFailed: number;
  /** Frames searchable now. */
  readonly framesTotal: number;
  readonly problems: readonly MediaProblem[];
  readonly elapsedMs: number;
  readonly dryRun: boolean;
}

/** What to search for. Exactly one of the fields. */
export interface SearchQuery {
  readonly text?: string;
  /** Encoded picture bytes (JPEG, PNG, WebP, ...). */
  readonly image?: Uint8Array;
  /** More like this frame; the frame itself is not returned. */
  readonly frame?: number;
  /** A vector of the library's own space, any length > 0. */
  readonly vector?: Float32Array;
}

export interface SearchOptions {
  /** Results asked for, 1..1000; default 20. */
  readonly k?: number;
  /** Candidate list size of the graph search, >= k, at most 10000. */
  readonly efSearch?: number;
  /** Only pictures or only frames of videos. */
  readonly type?: MediaKind;
  /**
   * Pattern of the media path relative to the root, in the grammar of `.gitignore`; see docs/reference/CLI.md.
   * With `!` in front: all but those.
   */
  readonly path?: string;
  /** Linear scan instead of the graph: ground truth. */
  readonly exact?: boolean;
  /** Leave out results whose `similarity` is lower. */
  readonly minSimilarity?: number;
}

/** One hit, in the field names of the HTTP and `--json` documents. */
export interface SearchResult {
  readonly frame_id: number;
  /** Media id of the video; null for pictures. */
  readonly video_id: string | null;
  readonly timestamp: number | null;
  /** max(0, cosine), in [0, 1]. */
  readonly similarity: number;
  /** Dot product of the unit vectors, in [-1, 1]. */
  readonly cosine: number;
  /** `/frame/ID/VERSION`; the picture at one such address never changes. */
  readonly frame_url: string;
  readonly media_path: string;
  readonly type: MediaKind;
  readonly width: number;
  readonly height: number;
}

export interface SearchResponse {
  readonly query: string;
  readonly results: readonly SearchResult[];
  readonly took_ms: number;
  readonly encode_ms: number;
  /** True when every searchable frame was compared, not only those the graph visited. */
  readonly exact: boolean;
  readonly model: string;
  /** Something the person should know, for example that the built-in model is no match for photographs. */
  readonly hint?: string;
}

export interface LibraryStats {
  readonly root: string;
  readonly dir: string;
  readonly model: ModelIdentity;
  readonly dim: number;
  readonly media: Readonly<Record<MediaState, number>>;
  readonly images: number;
  readonly videos: number;
  /** Files and folders that the last sync could not take and that have no entry; see `problems()`. */
  readonly notTaken: number;
  /** Files that the last sync found gone and kept; see `SyncReport.heldBack`. */
  readonly heldBack: number;
  /** Files that the last sync could not look at and kept. */
  readonly unreachable: number;
  /** Searchable frames. */
  readonly frames: number;
  /** Frames that wait to be embedded. */
  readonly framesPending: number;
  /** Frames that could not be embedded; a sync tries them again. */
  readonly framesFailed: number;
  readonly hnswNodes: number;
  readonly maxLevel: number;
  readonly kernel: string;
  readonly bytesOnDisk: number;
  /** Where the vectors are: `embedded`, or which pgvector, server and table. */
  readonly vectorStore: string;
}

export interface VerifyReport {
  readonly ok: boolean;
  /** Every finding names the file or record and what is wrong with it. */
  readonly problems: readonly string[];
  readonly rowsChecked: number;
  readonly framesChecked: number;
}
