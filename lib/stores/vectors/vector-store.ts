import type { Metric } from '../../base/metric';
/**
 * The interface between a library and its vectors. The embedded engine and PostgreSQL both implement it, in
 * the engine's terms: a vector has a key (given) and a row (0, 1, 2, ... in insertion order).
 */

export type { Metric };

/** Whole numbers from -(2^53 - 1) to 2^53 - 1. */
export type StoreKeys = readonly number[] | Float64Array;

/** Values of one of the declared columns of a PostgreSQL table. */
export type AttributeValue = string | number | boolean | null;

/** What stands beside a vector and can be filtered by. Only stores with columns take it. */
export interface Attributes {
  /** By column name; the columns are declared when the store is made. */
  readonly columns?: Readonly<Record<string, AttributeValue>>;
  /** Any JSON object. */
  readonly metadata?: Readonly<Record<string, unknown>>;
}

/** All parts must hold. */
export interface StoreFilter {
  /** Bit `r & 7` of byte `r >> 3` for row r; rows beyond it are left out. */
  readonly rows?: Uint8Array;
  readonly keys?: StoreKeys;
  /** Equal to the value, or to one of several; null finds rows without a value. */
  readonly columns?: Readonly<Record<string, AttributeValue | readonly AttributeValue[]>>;
  /** The metadata contain this (objects by part, arrays by element). */
  readonly metadata?: Readonly<Record<string, unknown>>;
}

export interface StoreSearchOptions {
  /** Candidate list size of a graph search. PostgreSQL takes at most 1000. */
  readonly efSearch?: number;
  readonly filter?: StoreFilter;
  /** Largest distance returned, inclusive. */
  readonly threshold?: number;
}

export interface StoreAddOptions {
  /** One per vector, each once. */
  readonly keys: StoreKeys;
  /** One per vector. */
  readonly attributes?: readonly Attributes[];
  /** Looked at between commits of some hundred rows. */
  readonly signal?: AbortSignal;
}

/**
 * Best first; equal distances by smaller key (PostgreSQL) or row (engine). All of one length. Which of
 * several equal ones are the last of k is only certain where all rows are compared.
 */
export interface StoreHits {
  readonly keys: Float64Array;
  /** Rows. */
  readonly nodes: Uint32Array;
  /** cosine `1 - a.b/(|a||b|)`; euclidean `sqrt(sum (a-b)^2)`; dot `-a.b`. */
  readonly distances: Float32Array;
  /** cosine: the cosine; dot: `a.b`; euclidean: `1 / (1 + distance)`. */
  readonly similarities: Float32Array;
}

export interface StoreReport {
  readonly ok: boolean;
  readonly problems: readonly string[];
  readonly rowsChecked: number;
}

/** As of the last look: see `refresh`. */
export interface StoreFigures {
  /** `embedded`, or `pgvector 0.8.1 at host:port/database, table "name"`. */
  readonly where: string;
  /** Rows that an index covers. */
  readonly indexedRows: number;
  /** Highest level of the graph; 0 where that is not known. */
  readonly maxLevel: number;
  /** What computes distances. */
  readonly kernel: string;
  readonly bytesOnDisk: number;
  /** What a copy lacks that was taken file by file during writes; absent once it was written to. */
  readonly recovered?: string;
}

/**
 * One space of vectors: one dimension, one metric, one model.
 *
 * One writer and any number of readers. After `close()` every method reports ERR_CLOSED, `close()`
 * itself may be called again.
 */
export interface VectorStore extends AsyncDisposable {
  readonly dim: number;
  readonly metric: Metric;
  /** Rows ever given out and not rolled back, removed ones included; as of the last look. */
  readonly count: number;
  /** Rows that can be found; as of the last look. */
  readonly liveCount: number;

  /**
   * Picks up changes of other processes. Own changes need no refresh.
   *
   * @param expectedRows  what `count` should be by the caller's books: where it is, a look may end early
   */
  refresh(expectedRows?: number): Promise<void>;

  /**
   * Stores vectors, durably, under keys that are new.
   *
   * @param vectors  shape [n, dim]; cosine ones are stored at unit length
   * @returns their rows, without gaps
   * @throws ERR_KEY_EXISTS | ERR_DIM_MISMATCH | ERR_VECTOR_INVALID (not finite, or zero for cosine) |
   *   ERR_ARG_TYPE | ERR_ARG_RANGE | ERR_ABORTED | ERR_DISK_FULL | ERR_IO | ERR_STORE_*. Of a large
   *   input parts may be stored then; `details.rows` says how many rows.
   */
  add(
    vectors: Float32Array,
    options: StoreAddOptions,
  ): Promise<{ readonly firstRow: number; readonly rows: number }>;

  /** The same for new and known keys: a known one gets the new vector and a new row. May be repeated. */
  upsert(
    vectors: Float32Array,
    options: StoreAddOptions,
  ): Promise<{ readonly firstRow: number; readonly rows: number }>;

  /** Takes keys out, durably; unknown ones are passed over. @returns how many were there */
  remove(keys: StoreKeys): Promise<number>;

  /** Drops the rows from `rowCount` on, as if they had never been added. */
  rollbackTo(rowCount: number): Promise<void>;

  /**
   * The k nearest, by an index where there is one. Exactly `min(k, matches)` results, fewer only for
   * `threshold`.
   *
   * @param query  dim values, any length > 0
   * @param k  1..10000
   */
  search(
    query: Float32Array,
    k: number,
    options?: StoreSearchOptions,
  ): StoreHits | Promise<StoreHits>;

  /** The same by comparing every row: the ground truth. */
  searchExact(query: Float32Array, k: number, options?: StoreSearchOptions): Promise<StoreHits>;

  /** Vectors as stored, undefined for keys that are not there. */
  get(keys: StoreKeys): Promise<(Float32Array | undefined)[]>;

  /** Rows of keys, undefined for keys that are not there. */
  rowsOf(keys: StoreKeys): Promise<(number | undefined)[]>;

  /** The keys of all live rows, in the order of the rows; NaN for keys beyond 2^53 - 1. */
  keys(): Promise<Float64Array>;

  /** Brings searches to full speed, in the background of the caller: the engine makes its codes. */
  warm(): Promise<void>;
  /** Makes the next search or open fast: the engine writes its graph, PostgreSQL builds an index. */
  save(): Promise<void>;

  /**
   * Gives back the space of removed rows; those that are left get new numbers, in the same order. Left
   * out where rows need no such thing.
   *
   * @throws ERR_ABORTED | ERR_DISK_FULL | ERR_NO_MEMORY; nothing has changed then
   */
  compact?(options: { readonly signal?: AbortSignal }): Promise<void>;

  /** Reads everything and names what is wrong. */
  verify(): Promise<StoreReport>;

  figures(): StoreFigures;

  close(): Promise<void>;
}
