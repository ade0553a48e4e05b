/**
 * The facade as a plain interface: everything the server and the command line may ask of a library.
 * `opened-library.ts` implements it. Holds no code, so that importing it loads neither sharp, onnxruntime
 * nor SQLite.
 */
import type { LibraryBackupOptions, LibraryBackupReport } from './backup';
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
  /** `builtin`, a model folder, or a repository id of the model store. Default: what the library was made with. */
  readonly model?: string;
  /** Search only; any number of readers may run beside one writer. */
  readonly readOnly?: boolean;
  /**
   * Keeps the vectors in PostgreSQL with pgvector: `postgres://user:password@host/database`. Default: in
   * the library's folder. A library stays where it was made.
   */
  readonly vectorStore?: VectorStoreChoice;
  /**
   * Answers `embeddings` of texts, for example a sentence encoder; searches use the library's own model.
   * Default: the library's model.
   */
  readonly textModel?: string;
  /**
   * Where `embeddings` keeps vectors: `none`, `memory`, `disk`, `disk:FOLDER` or `redis://HOST:PORT`. Default:
   * EMBEDDING_REDIS_URL if it is set, else `memory`.
   */
  readonly cache?: CacheName;
  /** False: ERR_LIBRARY_MISSING where there is none yet. Default true. */
  readonly create?: boolean;
  /**
   * Where the model runs: `auto`, `cpu`, `cuda`, `coreml`, `dml` or `webgpu`. Default: SIGHTLINE_DEVICE,
   * CLIP_DEVICE, EMBEDDING_DEVICE or `cpu`. One that cannot be used is a notice, not an error.
   */
  readonly device?: string;
  /** One line each, for example about such a device. Default: a process warning. */
  readonly onNotice?: (line: string) => void;
}

export interface MediaFileLocation {
  /** Absolute path of the original file, beneath the library's root when it was indexed. */
  readonly path: string;
  readonly kind: MediaKind;
}

/**
 * An open library. Methods may be called at any time from one thread; after `close()` all of them
 * report ERR_CLOSED except `close()` itself, which may be called again.
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
   * Makes the library match the folder: decodes, encodes and links what is new or changed, forgets
   * what is gone. Resumable.
   *
   * @throws ERR_ABORTED | ERR_READ_ONLY | ERR_CLOSED | ERR_FILE_LOCKED, and model errors
   */
  sync(options?: SyncOptions): Promise<SyncReport>;
  /** First half of `sync`: frames and catalog entries, nothing encoded. */
  ingest(options?: SyncOptions): Promise<SyncReport>;
  /** Second half of `sync`: encodes and links frames that wait; `rebuild` starts the vectors afresh. */
  index(options?: SyncOptions & { readonly rebuild?: boolean }): Promise<SyncReport>;

  /**
   * Answers one query, best hit first.
   *
   * @throws ERR_ARG_TYPE | ERR_ARG_RANGE | ERR_DIM_MISMATCH | ERR_NOT_FOUND | ERR_CLOSED, and model
   *   and media errors
   */
  search(query: SearchQuery, options?: SearchOptions): Promise<SearchResponse>;

  /** Vectors of texts and pictures by this library's model, through the cache it was opened with. */
  readonly embeddings: EmbeddingService;

  /** One frame as the catalog knows it; undefined for an id that names none. */
  frame(frameId: number): FrameRecord | undefined;
  /**
   * The last part of the frame's `frame_url`: it changes whenever the id may stand for another picture,
   * so that what is kept under it never has to be asked for again. Undefined for an id that names none.
   */
  frameVersion(frameId: number): string | undefined;
  /**
   * Absolute path of the frame's JPEG; undefined for an id that names none, and where the library's folder
   * was replaced since it was opened.
   */
  frameFile(frameId: number): string | undefined;
  /** Where a media item's original file lies; undefined for an id that names none. The file may be gone. */
  mediaFile(mediaId: string): MediaFileLocation | undefined;

  /**
   * Loads the text side of the model, so that the first search does not wait for it.
   *
   * @throws ERR_MODEL_MISSING | ERR_MODEL_INVALID | ERR_CLOSED
   */
  warm(): Promise<void>;
  stats(): LibraryStats;
  /** Every media file that is not searchable, or only in part, and why; in path order. */
  problems(): readonly MediaProblem[];
  /**
   * Writes a copy of the library that opens by itself: catalog, vectors and frames as they are at one
   * moment, also while a sync is running here or in another process.
   *
   * @param target  absent or an empty folder, outside of the library and of its media
   * @throws ERR_FILE_EXISTS | ERR_ARG_RANGE | ERR_BUSY | ERR_DISK_FULL | ERR_READ_ONLY | ERR_IO | ERR_ABORTED
   *   and what reading the library throws; nothing is left under the target's name then
   */
  backup(target: string, options?: LibraryBackupOptions): Promise<LibraryBackupReport>;
  verify(options?: { readonly repair?: boolean }): Promise<VerifyReport>;
  /** Finishes what is running, then releases files, threads and locks. May be called again. */
  close(): Promise<void>;
}
