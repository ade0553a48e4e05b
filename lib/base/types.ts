/**
 * Plain types shared by all layers. No behaviour except the brand casts.
 * The words follow the style guide: media -> frame -> embedding -> row -> node -> hit -> result.
 */

declare const brand: unique symbol;
type Brand<T, B extends string> = T & { readonly [brand]: B };

/** Stable id of a frame: 0, 1, 2, ... in ingestion order; never reused, never relabelled. */
export type FrameId = Brand<number, 'FrameId'>;
/** Position of an embedding in a vector file, 0..N-1. The graph calls the same number a node. */
export type Row = Brand<number, 'Row'>;
/** 32 lower-case hex digits that identify one media file of a library; survives renames. */
export type MediaId = Brand<string, 'MediaId'>;

export const asFrameId = (value: number): FrameId => value as FrameId;
export const asRow = (value: number): Row => value as Row;
export const asMediaId = (value: string): MediaId => value as MediaId;

export type MediaKind = 'image' | 'video';

/** Where a model may run; `auto` picks the best device that works. */
export const DEVICES = ['auto', 'cpu', 'cuda', 'coreml', 'dml', 'webgpu'] as const;
export type Device = (typeof DEVICES)[number];

/**
 * State of a media file. `pending`: seen, not finished. `indexed`: its frames are searchable. `skipped`: a
 * healthy file that is not indexed (see the reason). `failed`: damaged or over a limit.
 */
export type MediaState = 'pending' | 'indexed' | 'skipped' | 'failed';

/** Decides whether vectors are comparable: vectors of two identities never share a space. */
export interface ModelIdentity {
  /** For example `builtin` or `openai/clip-vit-base-patch32`. */
  readonly id: string;
  readonly revision: string;
  /** SHA-256 over the weight files' own SHA-256 sums, in name order. */
  readonly sha256: string;
  /** Incremented whenever our preprocessing changes its output. */
  readonly preprocessVersion: number;
}

export interface ProgressEvent {
  /** The current phase. */
  readonly phase: 'scan' | 'decode' | 'encode' | 'reembed' | 'index' | 'done';
  /** Items done so far, counting what earlier runs did; in `reembed` frames. */
  readonly done: number;
  /** Items in all; 0 while unknown. */
  readonly total: number;
  /** Frames made searchable so far in this run; in `reembed` those embedded anew, by earlier runs too. */
  readonly frames: number;
  /** `frames` plus those known to be waiting; grows while videos are decoded. */
  readonly framesTotal: number;
  /** Current media path, relative to the root, if any. */
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

/** Limits per media file. See `docs/reference/CLI.md` for defaults. */
export interface MediaLimits {
  /** Million pixels of a picture; default 400. */
  readonly megapixels?: number;
  /** Megabytes of memory for one picture; default 1024. */
  readonly memoryMb?: number;
  /** Seconds for one picture; default 30. */
  readonly seconds?: number;
  /** Most frames taken from one video; default 200000. */
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
   * Patterns of paths to exclude, relative to the root, in the syntax of `.gitignore` (see docs/reference/CLI.md).
   * They apply to this run: excluded files leave the library, and a later sync without the patterns adds
   * them again. Default: those in the library's `config.json`. `.sightlineignore` files always apply.
   */
  readonly ignore?: readonly string[];
  /** Report what would be done, write nothing. */
  readonly dryRun?: boolean;
  /**
   * Sample again unchanged files whose frames were taken with other options than `fps`, `everyNFrames`,
   * `keyframes` or `maxSize` of this sync. Frames that stay the same keep ids and vectors.
   */
  readonly resample?: boolean;
  /** Retry unchanged files that failed in earlier runs. */
  readonly retryFailed?: boolean;
  /**
   * Remove entries of missing files even when they are all files of the library, of a top folder or of a
   * disk, or more than 20 and more than 5 percent of all. By default such files are kept (`heldBack`),
   * because an unplugged disk looks the same. Files in folders that could not be read are never removed.
   */
  readonly confirmRemovals?: boolean;
  /** False: store frames without embedding them. Default CLIP_ENABLED, or true. */
  readonly embed?: boolean;
  /**
   * The model to search with from now on: `builtin`, a folder, or a name of the model store. If it is not
   * the library's, all stored frames are embedded with it, while searches go on with the old one; see
   * `docs/guide/MODELS.md`. Default: the library's model.
   */
  readonly model?: string;
  /** False: an unfinished change of the model is left to a later sync. Default true. */
  readonly resumeModelChange?: boolean;
  /** Limits per file; a file over a limit is recorded as failed, with the limit's name. */
  readonly limits?: MediaLimits;
  readonly signal?: AbortSignal;
  readonly onProgress?: (event: ProgressEvent) => void;
}

/** A media file that is not searchable, and why. `damaged`: searchable as far as it could be decoded. */
export interface MediaProblem {
  readonly path: string;
  readonly state: 'skipped' | 'failed' | 'damaged';
  readonly code: string;
  readonly reason: string;
}

/** A change of the library's model, as a sync left it. */
export interface ModelChange {
  /** Id of the model that searches used when the sync began. */
  readonly from: string;
  readonly to: string;
  /** True: searches use the new model. False: they use the old one, and the next sync goes on. */
  readonly isDone: boolean;
  /** Frames that are embedded with the new model. */
  readonly frames: number;
  /** Frames that are still to be embedded with it. */
  readonly framesWaiting: number;
  /** Why the change could not be finished. */
  readonly problem?: { readonly code: string; readonly reason: string };
}

/** Vectors of one model in a library. */
export interface SpaceStats {
  readonly name: string;
  /** `building`: for a change of the model that is not finished; `former`: from before the last change. */
  readonly state: 'active' | 'building' | 'former';
  /** What the vectors describe. */
  readonly modality: 'image';
  readonly model: ModelIdentity;
  readonly metric: 'cosine';
  readonly dim: number;
  /** Frames that have a vector, and those that wait for one. */
  readonly frames: number;
  readonly framesPending: number;
}

export interface SyncReport {
  /** As `SearchResponse.hint`. */
  readonly hint?: string;
  readonly scanned: number;
  readonly added: number;
  readonly changed: number;
  readonly moved: number;
  /** Entries of missing files that were removed. */
  readonly removed: number;
  /** Entries that were removed because a rule excludes their files. */
  readonly ignored: number;
  /** Missing files that were kept because so many vanished at once; see `confirmRemovals`. */
  readonly heldBack: number;
  /** Why files were held back, for example `every file of the library`. */
  readonly heldBackReasons: readonly string[];
  /** Files that were kept because their folder could not be read; see `problems`. */
  readonly unreachable: number;
  readonly unchanged: number;
  /** Unchanged files that keep frames taken with other options than this sync's; see `resample`. */
  readonly otherSampling: number;
  readonly indexed: number;
  readonly skipped: number;
  readonly failed: number;
  /** Frames made searchable by this run. */
  readonly framesAdded: number;
  /** Frames that the encoder could not embed in this run; the next sync retries them. */
  readonly framesFailed: number;
  /** Frames searchable now. */
  readonly framesTotal: number;
  readonly problems: readonly MediaProblem[];
  readonly elapsedMs: number;
  readonly dryRun: boolean;
  /** Absent where the model was not to be changed. */
  readonly modelChange?: ModelChange;
}

/** The query. Set exactly one field. */
export interface SearchQuery {
  readonly text?: string;
  /** Encoded picture bytes (JPEG, PNG, WebP, ...). */
  readonly image?: Uint8Array;
  /** Frames similar to this one; the frame itself is not returned. */
  readonly frame?: number;
  /** A vector of the library's space, any length > 0. */
  readonly vector?: Float32Array;
}

export interface SearchOptions {
  /** Number of results, 1..1000; default 20. */
  readonly k?: number;
  /** Candidate list size of the graph search, >= k, at most 10000. */
  readonly efSearch?: number;
  /** Only pictures or only video frames. */
  readonly type?: MediaKind;
  /**
   * Pattern of the media path relative to the root, in the syntax of `.gitignore` (see docs/reference/CLI.md). A
   * leading `!` negates.
   */
  readonly path?: string;
  /** Linear scan instead of the graph: ground truth. */
  readonly exact?: boolean;
  /** Leave out results with a lower `similarity`. */
  readonly minSimilarity?: number;
  /**
   * One result per video: its best frame, with the others in `moments`. Looks at 2000 frames at most, so
   * there may be fewer than `k` results. Default false.
   */
  readonly fold?: boolean;
  /** Ends the wait for the encoder; a search of the graph that has begun runs to its end. */
  readonly signal?: AbortSignal;
}

/** A further frame of a video in a folded result. */
export interface SearchMoment {
  readonly frame_id: number;
  readonly timestamp: number | null;
  readonly similarity: number;
  readonly cosine: number;
  readonly frame_url: string;
  readonly width: number;
  readonly height: number;
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
  /** `/frame/ID/VERSION`; the picture at one such URL never changes. */
  readonly frame_url: string;
  readonly media_path: string;
  readonly type: MediaKind;
  /** Size of the stored frame in pixels. */
  readonly width: number;
  readonly height: number;
  readonly media_id: string;
  /** `/media/ID`: the original file. */
  readonly media_url: string;
  /** Size of the original in pixels, upright; null where unknown. */
  readonly media_width: number | null;
  readonly media_height: number | null;
  readonly size_bytes: number | null;
  /** When it was taken, ISO 8601, if the file says so. */
  readonly captured_at: string | null;
  /** When the file was last written, ISO 8601, UTC. */
  readonly modified_at: string | null;
  /** With `fold`: number of further frames of the video that were found. */
  readonly others?: number;
  /** With `fold`: these frames, best first, at most 50. */
  readonly moments?: readonly SearchMoment[];
}

export interface SearchResponse {
  readonly query: string;
  readonly results: readonly SearchResult[];
  readonly took_ms: number;
  readonly encode_ms: number;
  /** True when every searchable frame was compared, not only those the graph search visited. */
  readonly exact: boolean;
  readonly model: string;
  /** A hint for the user: that these are photographs, which the built-in model does not know. */
  readonly hint?: string;
}

export interface LibraryStats {
  readonly root: string;
  readonly dir: string;
  readonly model: ModelIdentity;
  readonly dim: number;
  /** One space, and a second one during a change of the model and after it. */
  readonly spaces: readonly SpaceStats[];
  readonly media: Readonly<Record<MediaState, number>>;
  readonly images: number;
  readonly videos: number;
  /** Files and folders that the last sync could not read and that have no entry; see `problems()`. */
  readonly notTaken: number;
  /** Missing files that the last sync kept; see `SyncReport.heldBack`. */
  readonly heldBack: number;
  /** Files that the last sync could not check and kept. */
  readonly unreachable: number;
  /** Searchable frames. */
  readonly frames: number;
  /** Frames waiting to be embedded. */
  readonly framesPending: number;
  /** Frames that could not be embedded; a sync retries them. */
  readonly framesFailed: number;
  readonly hnswNodes: number;
  readonly maxLevel: number;
  readonly kernel: string;
  /** Of vectors and graph; `Library.diskUsage` counts everything. */
  readonly bytesOnDisk: number;
  /** OpenEXR files: those with an entry, those that could not be inspected, the version of their embeddings. */
  readonly exr: {
    readonly files: number;
    readonly failed: number;
    readonly version: 1 | 2;
    readonly embedded: number;
  };
  /** Where the vectors are: `embedded`, or which pgvector, server and table. */
  readonly vectorStore: string;
  /**
   * What the index lacks because the library's folder was copied file by file while it was written to. The
   * frames concerned count as `framesPending`: a sync embeds them again. Absent once the copy is written to.
   */
  readonly recovered?: string;
}

export interface VerifyReport {
  readonly ok: boolean;
  /** Each finding names the file or record and the fault. */
  readonly problems: readonly string[];
  readonly rowsChecked: number;
  readonly framesChecked: number;
}
