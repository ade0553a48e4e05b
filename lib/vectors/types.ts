/** Types of the engine's facade. */

export type Metric = 'cosine' | 'euclidean' | 'dot';
/** What the graph is walked on. `f16` and `i8` are to come; until then they are ERR_ARG_RANGE. */
export type Storage = 'f32' | 'f16' | 'i8';

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
  /** Threads for linking rows the graph snapshot lacks; default one per core. */
  readonly threads?: number;
}

/** Whole numbers from -(2^53 - 1) to 2^53 - 1. */
export type Keys = readonly number[] | Float64Array | BigInt64Array;

export interface AddOptions {
  /** One per vector; default: the row numbers. */
  readonly keys?: Keys;
  /** Threads that link; default one per core. */
  readonly threads?: number;
  /** Looked at between commits of a few thousand rows each; what was committed stays. */
  readonly signal?: AbortSignal;
  readonly onProgress?: (done: number, total: number) => void;
}

/**
 * A bitset over rows (bit `r & 7` of byte `r >> 3`; rows beyond it are left out), keys, or a predicate
 * on keys. Keys and predicates are compiled to a bitset on each call: keep the result of
 * `compileFilter` to do that once.
 */
export type Filter = Uint8Array | Keys | ((key: number) => boolean);

export interface SearchOptions {
  /** Candidate list size, 1..10000, raised to k; default 50. More is slower and finds more. */
  readonly efSearch?: number;
  readonly filter?: Filter;
  /** Largest distance returned, inclusive. */
  readonly threshold?: number;
}

export interface BatchOptions extends SearchOptions {
  /** Default one per core. */
  readonly threads?: number;
  /** Linear scan instead of the graph. */
  readonly exact?: boolean;
}

/** Best first; equal distances by smaller node. All of one length, newly allocated. */
export interface Hits {
  readonly keys: Float64Array;
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

export interface IndexStats {
  /** Rows, removed ones included. */
  readonly count: number;
  readonly liveCount: number;
  readonly dim: number;
  readonly metric: Metric;
  readonly M: number;
  readonly efConstruction: number;
  readonly label: string;
  readonly maxLevel: number;
  /** Nodes whose highest level is i. */
  readonly levels: readonly number[];
  /** Rows the graph holds. */
  readonly graphRows: number;
  readonly kernel: string;
  readonly bytesOnDisk: number;
  /** Memory the index holds itself; mapped rows belong to the page cache. */
  readonly bytesResident: number;
  /** Whether the graph differs from its snapshot on disk. */
  readonly isUnsaved: boolean;
  /** Why the snapshot could not be used and the graph was built again, when that happened. */
  readonly graphProblem?: string;
}

export interface IndexVerifyReport {
  readonly ok: boolean;
  readonly problems: readonly string[];
  readonly rowsChecked: number;
}
