/** Types of the engine's facade. */
import type { Metric } from '../base/metric';
import type { VectorInput } from './arguments/input';

export type { VectorInput } from './arguments/input';

export type { Metric };
/**
 * What the graph is walked on, in memory beside the rows. Results and their distances are exact in
 * every mode: candidates are priced again from the float32 rows. `f16`, `i8` and `i4` keep a half, a
 * quarter and an eighth of the rows' bytes from 4,096 rows on; with them a query that is far from
 * every row (a text among pictures) is answered by a scan of the codes, because a walk would miss much.
 */
export type Storage = 'f32' | 'f16' | 'i8' | 'i4' | 'inline';

export interface CreateOptions {
  /** Floats per vector, 1..8192. */
  readonly dim: number;
  readonly metric?: Metric;
  /** Most links per node on levels above 0 (level 0 has twice as many), 2..128; default 16. */
  readonly M?: number;
  /** Candidate list size while inserting, 1..10000; default 200. */
  readonly efConstruction?: number;
  /** Decides the levels of nodes; default 42. */
  readonly seed?: number;
  /** Default `f32`. A folder remembers it in tuning.json. */
  readonly storage?: Storage;
  /** Folder of the index; left out: in memory. */
  readonly path?: string;
  /** Up to 255 bytes of UTF-8 kept in the header, for example a model's hash. */
  readonly label?: string;
}

export interface OpenOptions {
  /** Readers take no lock and may open beside a writer; they see what was committed before. */
  readonly readOnly?: boolean;
  /** Must equal the label the index was made with. */
  readonly label?: string;
  /**
   * Default: what the index was made with, or opened with for writing since. Codes are not made by
   * opening: see `warm`.
   */
  readonly storage?: Storage;
  /** Threads for linking rows the graph snapshot lacks; default one per core. */
  readonly threads?: number;
}

/** Whole numbers from -(2^53 - 1) to 2^53 - 1, or any 64 bits as bigint. */
export type Keys = readonly number[] | readonly bigint[] | Float64Array | BigInt64Array;

export interface AddOptions {
  /** One per vector; default: the row numbers. */
  readonly keys?: Keys;
  /** Threads that link; default one per core. */
  readonly threads?: number;
  /** Looked at between commits of a few thousand rows each; what was committed stays. */
  readonly signal?: AbortSignal;
  readonly onProgress?: (done: number, total: number) => void;
}

export interface UpdateOptions extends Omit<AddOptions, 'keys'> {
  /** Add keys that are not there, instead of ERR_NOT_FOUND; default false. */
  readonly insertMissing?: boolean;
}

export interface CompactOptions {
  /** Threads that link; default one per core. */
  readonly threads?: number;
  /** Looked at every few thousand rows; the index stays as it was. */
  readonly signal?: AbortSignal;
  /** Rows looked at, of all rows. */
  readonly onProgress?: (done: number, total: number) => void;
}

export interface CompactReport {
  /** Rows left out: removed and replaced ones. */
  readonly dropped: number;
  readonly rows: number;
  readonly bytesBefore: number;
  readonly bytesAfter: number;
}

/**
 * A bitset over rows (bit `r & 7` of byte `r >> 3`; rows beyond it are left out), keys, or a predicate
 * on the keys of live rows. Keys that are not there match nothing. A predicate answers true or false;
 * a number but 0 and NaN counts as true, null and undefined as false, anything else (a promise, an
 * iterator, a text) is ERR_ARG_TYPE. It gets keys beyond 2^53 - 1 as bigint. Keys and predicates are
 * compiled to a bitset on each call: keep the result of `compileFilter` to do that once.
 */
export type Filter =
  Uint8Array | Keys | ReadonlySet<number> | ReadonlySet<bigint> | ((key: number) => boolean);

export interface SearchOptions {
  /**
   * Candidate list size, 1..10000, raised to k; default what `tune` found, else 50. More is slower
   * and finds more.
   */
  readonly efSearch?: number;
  readonly filter?: Filter;
  /** Largest distance returned, inclusive. */
  readonly threshold?: number;
  /** Give `keys64` too: for keys beyond 2^53 - 1. */
  readonly keys64?: boolean;
}

export interface BatchOptions extends SearchOptions {
  /** Default one per core. */
  readonly threads?: number;
  /** Linear scan instead of the graph. */
  readonly exact?: boolean;
  /** Looked at every few hundred queries. */
  readonly signal?: AbortSignal;
  readonly onProgress?: (done: number, total: number) => void;
}

/** Best first; equal distances by smaller node. All of one length, newly allocated. */
export interface Hits {
  /** NaN for a key beyond 2^53 - 1: ask for `keys64`. */
  readonly keys: Float64Array;
  /** When asked for. Unused places of a batch: 0. */
  readonly keys64?: BigInt64Array;
  /** Row numbers. */
  readonly nodes: Uint32Array;
  /** cosine `1 - a.b/(|a||b|)`; euclidean `sqrt(sum (a-b)^2)`; dot `-a.b`. */
  readonly distances: Float32Array;
  /** cosine: the cosine; dot: `a.b`; euclidean: `1 / (1 + distance)`. */
  readonly similarities: Float32Array;
}

/** Row-major, `k` places per query. Unused places: key NaN, node 0xffffffff, distance Infinity. */
export interface BatchHits extends Hits {
  readonly k: number;
  /** Results per query. */
  readonly counts: Uint32Array;
}

/** Recall of the graph against the exact scan. */
export interface MeasuredRecall {
  /** Found true neighbors / k, mean over the queries. */
  readonly recall: number;
  readonly k: number;
  readonly efSearch: number;
  readonly queries: number;
}

export interface TuneOptions {
  /** To be reached, above 0 and at most 1; default 0.95. */
  readonly recall?: number;
  /** Results per query the recall is about; default 10. */
  readonly k?: number;
  /** Queries like those to come, shape [n, dim]. Left out: rows of the index, each without itself. */
  readonly queries?: VectorInput;
  /** How many rows are taken as queries; default 200. */
  readonly sampleQueries?: number;
  readonly threads?: number;
  readonly signal?: AbortSignal;
}

export interface TuneStep extends MeasuredRecall {
  /** Of all threads together. */
  readonly queriesPerSecond: number;
}

export interface TuneReport extends MeasuredRecall {
  /** False if no efSearch up to 10000 reaches the recall; the best one is kept then. */
  readonly isReached: boolean;
  /** Everything that was measured, by rising efSearch. */
  readonly steps: readonly TuneStep[];
}

/** The codes that `storage` names, and what became of them on the rows that there are. */
export interface CodesInUse {
  /** null: `storage: 'f32'`, whose searches walk on rows. */
  readonly kind: Exclude<Storage, 'f32'> | null;
  readonly used: boolean;
  /** For people: `used`, `too few rows`, `they do not rank the rows of this index well enough`. */
  readonly reason: string;
}

export interface IndexStats {
  /** Rows, removed ones included. */
  readonly count: number;
  readonly liveCount: number;
  readonly dim: number;
  readonly metric: Metric;
  readonly storage: Storage;
  readonly M: number;
  readonly efConstruction: number;
  readonly label: string;
  /** What a search uses that names none: 50, or what `tune` found. */
  readonly efSearch: number;
  /** Of the last `tune` or `verify`, when there was one. */
  readonly measured?: MeasuredRecall;
  readonly maxLevel: number;
  /** Nodes whose highest level is i. */
  readonly levels: readonly number[];
  /** Rows the graph holds. */
  readonly graphRows: number;
  /** Removed and replaced rows that searches still pass through; see `VectorIndex.remove`. */
  readonly removedInGraph: number;
  readonly kernel: string;
  /** Whether searches walk on codes: `storage` names some and there are rows enough. */
  readonly walksOnCodes: boolean;
  readonly codes: CodesInUse;
  readonly bytesOnDisk: number;
  /** Memory the index holds itself; mapped rows belong to the page cache. */
  readonly bytesResident: number;
  /** Whether the graph differs from its snapshot on disk. */
  readonly isUnsaved: boolean;
  /** Why the snapshot could not be used and the graph was built again, when that happened. */
  readonly graphProblem?: string;
  /**
   * What was left out when the folder is a copy that was taken file by file while the index was
   * written to: it opened as it was at its last whole commit. Absent once that was written to and
   * opened again.
   */
  readonly recovered?: string;
}

export interface IndexVerifyReport {
  readonly ok: boolean;
  readonly problems: readonly string[];
  readonly rowsChecked: number;
  /** Of the default efSearch with some of the rows as queries; absent where nothing is live. */
  readonly measured?: MeasuredRecall;
}
