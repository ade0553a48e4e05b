/**
 * The facade as a plain interface: everything the server and the command line use. `opened-library.ts`
 * implements it. Contains no code, so that importing it does not load sharp, onnxruntime or SQLite.
 */
import type { EventEmitter } from 'node:events';
import type { LibraryBackupOptions, LibraryBackupReport } from './backup';
import type { FramesFilter, MediaFilter, MediaItem } from './contents';
import type { DiskUsage } from './disk-usage';
import type { LibraryExr, SqlOptions, SqlParam, SqlResult } from './exr';
import type { VectorStoreChoice } from './spaces/vectors';
import type { OriginalFile } from '../media';
import type { CacheName, EmbeddingService } from '../service';
import type {
  FrameRecord,
  LibraryStats,
  MediaKind,
  MediaProblem,
  ModelChange,
  ModelIdentity,
  ProgressEvent,
  SearchOptions,
  SearchQuery,
  SearchResponse,
  SyncOptions,
  SyncReport,
  VerifyReport,
} from '../base/types';

export interface OpenLibraryOptions {
  /** The library's own folder; default `<root>/.sightline`. */
  readonly dir?: string;
  /**
   * `builtin`, a model folder, or a repository id of the model store. Default: the library's recorded
   * model.
   */
  readonly model?: string;
  /** Search only; any number of readers may run beside one writer. */
  readonly readOnly?: boolean;
  /**
   * Keeps the vectors in PostgreSQL with pgvector: `postgres://user:password@host/database`. Default: in
   * the library's folder. Fixed once the library is created.
   */
  readonly vectorStore?: VectorStoreChoice;
  /**
   * Model for `embeddings` of texts, for example a sentence encoder; searches use the library's own model.
   * Default: the library's model.
   */
  readonly textModel?: string;
  /**
   * Cache of `embeddings`: `none`, `memory`, `disk`, `disk:FOLDER` or `redis://HOST:PORT`. Default:
   * EMBEDDING_REDIS_URL if set, else `memory`.
   */
  readonly cache?: CacheName;
  /** False: ERR_LIBRARY_MISSING if there is no library. Default true. */
  readonly create?: boolean;
  /**
   * Where the model runs: `auto`, `cpu`, `cuda`, `coreml`, `dml` or `webgpu`. Default: SIGHTLINE_DEVICE,
   * CLIP_DEVICE, EMBEDDING_DEVICE or `cpu`. An unusable device causes a notice, not an error.
   */
  readonly device?: string;
  /** Called with one line per notice. Default: a process warning. */
  readonly onNotice?: (line: string) => void;
}

export type { OriginalFile };

export interface MediaFileLocation {
  /** Absolute path of the original file, inside the library's root when it was indexed. */
  readonly path: string;
  readonly kind: MediaKind;
}

/** Names and arguments of a library's events. */
export interface LibraryEvents {
  /** As `SyncOptions.onProgress`, for every sync of this handle. */
  progress: [event: ProgressEvent];
  /** A sync of this handle ended without an error. */
  sync: [report: SyncReport];
  /** A handle opened read-only has seen commits of another process, at most once a second, in a search. */
  change: [];
}

/**
 * An open library. Methods may be called at any time from one thread. After `close()` they report
 * ERR_CLOSED; `close()` itself is idempotent.
 */
export interface Library extends AsyncDisposable {
  /** Absolute path of the folder whose media are indexed. */
  readonly root: string;
  /** Absolute path of the library's own folder. */
  readonly dir: string;
  readonly model: ModelIdentity;
  /** Opened for reading: what changes the library throws ERR_READ_ONLY. */
  readonly readOnly: boolean;
  /** What searches and syncs say as `hint` now: that the model does not suit the pictures, if so. */
  readonly hint: string | undefined;
  /** True while no frame is searchable. */
  readonly isEmpty: boolean;
  /** For programs that show what happens. Listeners run in the thread of the library and must not throw. */
  readonly events: EventEmitter<LibraryEvents>;

  /**
   * Updates the library from the folder: decodes, encodes and links new or changed media, and removes
   * missing ones; with `model` also changes the library's model. Resumable.
   *
   * @throws ERR_ABORTED | ERR_READ_ONLY | ERR_CLOSED | ERR_FILE_LOCKED, and model errors
   */
  sync(options?: SyncOptions): Promise<SyncReport>;
  /** First half of `sync`: frames and catalog entries, nothing encoded. */
  ingest(options?: SyncOptions): Promise<SyncReport>;
  /**
   * Takes back the last change of the model, or drops an unfinished one. Embeds nothing; calling it again
   * redoes the change.
   *
   * @throws ERR_NOT_FOUND when there is no change to take back; ERR_FILE_MISSING | ERR_FILE_CORRUPT | ERR_MODEL_*
   *   when the former vectors or their model cannot be used any more; ERR_READ_ONLY | ERR_BUSY | ERR_CLOSED
   */
  undoModelChange(): Promise<ModelChange>;
  /** Second half of `sync`: encodes and links waiting frames; `rebuild` drops all vectors first. */
  index(options?: SyncOptions & { readonly rebuild?: boolean }): Promise<SyncReport>;

  /**
   * Answers one query, best hit first.
   *
   * @throws ERR_ARG_TYPE | ERR_ARG_RANGE | ERR_DIM_MISMATCH | ERR_NOT_FOUND | ERR_ABORTED | ERR_CLOSED,
   *   and model and media errors
   */
  search(query: SearchQuery, options?: SearchOptions): Promise<SearchResponse>;

  /** OpenEXR files: what is like what, and what departs from its sequence. */
  readonly exr: LibraryExr;
  /**
   * Runs one SQL statement that reads, over the views `files`, `parts`, `channels`, `embeddings`, `frames` and `media`, with
   * `DISTANCE(vector, ?, 'cosine' | 'euclidean' | 'dot')`, `DOT_PRODUCT(a, b)` and the table `nearest(space, vector, k)`. In a process
   * of its own, with limits; docs/guide/SQL.md.
   *
   * @param params  one for each question mark; vectors as arrays, or `{ exr: path }`, `{ file: id }`, `{ frame: id }`
   * @throws ERR_ARG_TYPE | ERR_ARG_RANGE (also: a statement that writes, or that SQLite refuses) | ERR_DIM_MISMATCH | ERR_NOT_FOUND |
   *   ERR_TIMEOUT | ERR_NO_MEMORY | ERR_POOL_FULL | ERR_ABORTED | ERR_CLOSED
   */
  sql(text: string, params?: readonly SqlParam[], options?: SqlOptions): Promise<SqlResult>;

  /** Vectors of texts and pictures by this library's model, through its cache. */
  readonly embeddings: EmbeddingService;

  /** One frame as the catalog knows it; undefined for an unknown id. */
  frame(frameId: number): FrameRecord | undefined;
  /** Stored frames in the order of their ids, read page by page; changes show in later pages. */
  frames(filter?: FramesFilter): IterableIterator<FrameRecord>;
  /** Media files in path order, as of the last sync, also those that are not searchable. */
  media(filter?: MediaFilter): IterableIterator<MediaItem>;
  /**
   * The stored vector of a frame: shape [stats().dim], unit length. Undefined for a frame that is not
   * searchable. As `SearchQuery.vector` it finds the frame itself.
   */
  vectorOf(frameId: number): Promise<Float32Array | undefined>;
  /**
   * The last part of the frame's `frame_url`. It changes whenever the id may mean another picture, so
   * responses can be cached forever. Undefined for an unknown id.
   */
  frameVersion(frameId: number): string | undefined;
  /**
   * Absolute path of the frame's JPEG; undefined for an unknown id, and if the library's folder was
   * replaced since it was opened.
   */
  frameFile(frameId: number): string | undefined;
  /** Path of a media item's original file; undefined for an unknown id. The file may be missing. */
  mediaFile(mediaId: string): MediaFileLocation | undefined;
  /**
   * Opens a media item's original file for reading, if it still is the file that was indexed.
   *
   * @throws ERR_NOT_FOUND for an unknown id; ERR_MEDIA_MISSING | ERR_MEDIA_CHANGED | ERR_MEDIA_DECODE when
   *   the system denies reading; ERR_CLOSED
   */
  openMediaFile(mediaId: string): Promise<OriginalFile>;

  /**
   * Loads the text side of the model, so that the first search is fast.
   *
   * @throws ERR_MODEL_MISSING | ERR_MODEL_INVALID | ERR_CLOSED
   */
  warm(): Promise<void>;
  stats(): LibraryStats;
  /** For a reader: looks for what another process committed, at most once a second. Searches do so too. */
  refresh(): Promise<void>;
  /** Bytes of the files in the library's folder; looks at every one, 100,000 frames in about a second. */
  diskUsage(): Promise<DiskUsage>;
  /** Every media file that is not, or only partly, searchable, and why; in path order. */
  problems(): readonly MediaProblem[];
  /**
   * Writes a copy of the library that opens by itself: catalog, vectors and frames of one moment, also
   * during a sync in this or another process.
   *
   * @param target  an absent or empty folder, outside of the library and its media
   * @throws ERR_FILE_EXISTS | ERR_ARG_RANGE | ERR_BUSY | ERR_DISK_FULL | ERR_READ_ONLY | ERR_IO | ERR_ABORTED
   *   and what reading the library throws; nothing is left under the target's name then
   */
  backup(target: string, options?: LibraryBackupOptions): Promise<LibraryBackupReport>;
  verify(options?: { readonly repair?: boolean }): Promise<VerifyReport>;
  /** Finishes running work, then releases files, threads and locks. Idempotent. */
  close(): Promise<void>;
}
