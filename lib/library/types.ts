/**
 * The facade as a plain interface: everything the server and the command line use. `opened-library.ts`
 * implements it. Contains no code, so that importing it does not load sharp, onnxruntime or SQLite.
 */
import type { LibraryBackupOptions, LibraryBackupReport } from './backup';
import type { OriginalFile } from './original-file';
import type { VectorStoreChoice } from './vectors';
import type { CacheName, EmbeddingService } from '../service';
import type {
  FrameRecord,
  LibraryStats,
  MediaKind,
  MediaProblem,
  ModelIdentity,
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
  /** True while no frame is searchable. */
  readonly isEmpty: boolean;

  /**
   * Updates the library from the folder: decodes, encodes and links new or changed media, and removes
   * missing ones. Resumable.
   *
   * @throws ERR_ABORTED | ERR_READ_ONLY | ERR_CLOSED | ERR_FILE_LOCKED, and model errors
   */
  sync(options?: SyncOptions): Promise<SyncReport>;
  /** First half of `sync`: frames and catalog entries, nothing encoded. */
  ingest(options?: SyncOptions): Promise<SyncReport>;
  /** Second half of `sync`: encodes and links waiting frames; `rebuild` drops all vectors first. */
  index(options?: SyncOptions & { readonly rebuild?: boolean }): Promise<SyncReport>;

  /**
   * Answers one query, best hit first.
   *
   * @throws ERR_ARG_TYPE | ERR_ARG_RANGE | ERR_DIM_MISMATCH | ERR_NOT_FOUND | ERR_CLOSED, and model
   *   and media errors
   */
  search(query: SearchQuery, options?: SearchOptions): Promise<SearchResponse>;

  /** Vectors of texts and pictures by this library's model, through its cache. */
  readonly embeddings: EmbeddingService;

  /** One frame as the catalog knows it; undefined for an unknown id. */
  frame(frameId: number): FrameRecord | undefined;
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
