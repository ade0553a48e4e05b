/** Types of the engine's facade. */
import type { Metric } from '../base/metric';
import type { VectorsInput } from './arguments/input';

export type { VectorInput, VectorsInput } from './arguments/input';

export type { Metric };
/**
 * The codes that the graph search reads, kept in memory beside the rows. Results and distances are exact in
 * every mode: candidates are scored again from the float32 rows. `f16`, `i8` and `i4` take a half, a
 * quarter and an eighth of the rows' bytes, from 4,096 rows on. With them a query far from all rows (a text
 * among pictures) scans the codes, because the graph search would miss much.
 */
export type Storage = 'f32' | 'f16' | 'i8' | 'i4' | 'inline';

/** What keys are: whole numbers, or strings of 1 to 1,024 bytes of UTF-8. */
export type KeyType = 'integer' | 'string';
/** The type of one key. */
export type Key = number | string;

export type JsonValue =
  string | number | boolean | null | readonly JsonValue[] | { readonly [name: string]: JsonValue };

/**
 * What is stored with a row: a plain object of JSON values, at most 1 MiB as JSON text and 32 levels deep.
 * Properties that are undefined are left out.
 */
export type Metadata = Readonly<Record<string, JsonValue>>;

type MetadataScalar = string | number | boolean | null;

/** Conditions on one field; all must hold. See `MetadataFilter`. */
export interface FieldCondition {
  readonly eq?: MetadataScalar;
  /** Also true for rows without the field. */
  readonly ne?: MetadataScalar;
  readonly in?: readonly MetadataScalar[];
  /** Also true for rows without the field. */
  readonly notIn?: readonly MetadataScalar[];
  readonly lt?: string | number;
  readonly lte?: string | number;
  readonly gt?: string | number;
  readonly gte?: string | number;
  readonly exists?: boolean;
}

/**
 * Which rows match, by their metadata: `{ year: { gte: 2000, lt: 2010 }, lang: 'en' }`. All fields must
 * match; a value alone is `{ eq: value }`. `and` and `or` take arrays of filters, `not` takes one. A dot
 * leads into an object: `'camera.make'`. A field that holds an array matches if one of its elements does. Values
 * of different types are never equal; `lt` and the like compare numbers with numbers and strings with
 * strings. A row without the field matches only `ne`, `notIn`, `exists: false` and `not`.
 */
export interface MetadataFilter {
  readonly and?: readonly MetadataFilter[];
  readonly or?: readonly MetadataFilter[];
  readonly not?: MetadataFilter;
  readonly [field: string]:
    MetadataScalar | FieldCondition | MetadataFilter | readonly MetadataFilter[] | undefined;
}

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
  /** Default `f32`. Stored in the folder's tuning.json. */
  readonly storage?: Storage;
  /** Folder of the index; default: in memory. */
  readonly path?: string;
  /** Up to 255 bytes of UTF-8 in the header, for example a model's hash. */
  readonly label?: string;
  /** Default `integer`. Cannot be changed later. */
  readonly keyType?: KeyType;
}

export interface OpenOrCreateOptions extends CreateOptions {
  readonly path: string;
  /** Threads that link rows missing in the graph snapshot; default one per core. */
  readonly threads?: number;
}

export interface OpenOptions {
  /** Readers take no lock and can open beside a writer; they see what was committed before. */
  readonly readOnly?: boolean;
  /** Must equal the label of the index. */
  readonly label?: string;
  /** Must equal the key type of the index. */
  readonly keyType?: KeyType;
  /** Default: the storage of the last create or writable open. Opening does not make codes: see `warm`. */
  readonly storage?: Storage;
  /** Threads that link rows missing in the graph snapshot; default one per core. */
  readonly threads?: number;
}

/** Whole numbers from -(2^53 - 1) to 2^53 - 1, or any 64 bits as bigint. */
export type Keys = readonly number[] | readonly bigint[] | Float64Array | BigInt64Array;

/** Keys of an index as arguments: strings, or whole numbers. */
export type KeysFor<K extends Key> = K extends string ? readonly string[] : Keys;

export interface AddOptions<K extends Key = number> {
  /** One per vector; default: the row numbers. Required if keys are strings. */
  readonly keys?: KeysFor<K>;
  /** One per vector; null or undefined for none. */
  readonly metadata?: readonly (Metadata | null | undefined)[];
  /** Linking threads; default one per core. */
  readonly threads?: number;
  /** Checked between commits of a few thousand rows; committed rows stay. */
  readonly signal?: AbortSignal;
  readonly onProgress?: (done: number, total: number) => void;
}

export interface UpdateOptions extends Omit<AddOptions, 'keys' | 'metadata'> {
  /** One per vector; null or undefined for none. Default: the keys keep theirs. */
  readonly metadata?: readonly (Metadata | null | undefined)[];
  /** Add missing keys instead of ERR_NOT_FOUND; default false. */
  readonly insertMissing?: boolean;
}

export interface CompactOptions {
  /** Linking threads; default one per core. */
  readonly threads?: number;
  /** Checked every few thousand rows; after an abort the index is unchanged. */
  readonly signal?: AbortSignal;
  /** Rows scanned, of all rows. */
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
 * A bitset over rows (bit `r & 7` of byte `r >> 3`; rows beyond it are excluded), keys, or a predicate on
 * the keys of live rows. Unknown keys match nothing. A predicate returns true or false; numbers other than
 * 0 and NaN count as true, null and undefined as false, and anything else (a promise, an iterator, a
 * string) is ERR_ARG_TYPE. It gets keys beyond 2^53 - 1 as bigint. Keys and predicates are compiled to a
 * bitset on each call; `compileFilter` does that once. A metadata filter is compiled once until the next
 * commit.
 */
export type Filter<K extends Key = number> =
  | Uint8Array
  | KeysFor<K>
  | (K extends string ? ReadonlySet<string> : ReadonlySet<number> | ReadonlySet<bigint>)
  | ((key: K) => boolean)
  | MetadataFilter;

export interface SearchOptions<K extends Key = number> {
  /**
   * Candidate list size, 1..10000, raised to k; default the value `tune` found, else 50. Larger is slower
   * and finds more.
   */
  readonly efSearch?: number;
  readonly filter?: Filter<K>;
  /** Largest distance returned, inclusive. */
  readonly threshold?: number;
  /** Also return `keys64`, for keys beyond 2^53 - 1. */
  readonly keys64?: boolean;
  /** Also return the metadata of the results. */
  readonly metadata?: boolean;
}

export interface BatchOptions<K extends Key = number> extends SearchOptions<K> {
  /** Default one per core. */
  readonly threads?: number;
  /** Linear scan instead of the graph. */
  readonly exact?: boolean;
  /** Checked every few hundred queries. */
  readonly signal?: AbortSignal;
  readonly onProgress?: (done: number, total: number) => void;
}

/** Keys of an index as results. */
export type KeysOf<K extends Key> = K extends string ? string[] : Float64Array;

/** Best first; equal distances by smaller node. Arrays have one length and are newly allocated. */
export interface Hits<K extends Key = number> {
  /** NaN for a key beyond 2^53 - 1: ask for `keys64`. */
  readonly keys: KeysOf<K>;
  /** Only on request. Unused slots of a batch: 0. */
  readonly keys64?: BigInt64Array;
  /** Only on request; undefined for rows without. */
  readonly metadata?: readonly (Metadata | undefined)[];
  /** Row numbers. */
  readonly nodes: Uint32Array;
  /** cosine `1 - a.b/(|a||b|)`; euclidean `sqrt(sum (a-b)^2)`; dot `-a.b`. */
  readonly distances: Float32Array;
  /** cosine: the cosine; dot: `a.b`; euclidean: `1 / (1 + distance)`. */
  readonly similarities: Float32Array;
}

/**
 * Row-major, `k` slots per query. Unused slots: key NaN or '', node 0xffffffff, distance Infinity.
 */
export interface BatchHits<K extends Key = number> extends Hits<K> {
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
  /** The target, above 0 and at most 1; default 0.95. */
  readonly recall?: number;
  /** Results per query for the recall; default 10. */
  readonly k?: number;
  /** Typical queries, shape [n, dim]. Default: rows of the index, each without itself. */
  readonly queries?: VectorsInput;
  /** Rows to use as queries; default 200. */
  readonly sampleQueries?: number;
  readonly threads?: number;
  readonly signal?: AbortSignal;
}

export interface TuneStep extends MeasuredRecall {
  /** With all threads together. */
  readonly queriesPerSecond: number;
}

export interface TuneReport extends MeasuredRecall {
  /** False if no efSearch up to 10000 reaches the recall; then the best one is kept. */
  readonly isReached: boolean;
  /** All measurements, by rising efSearch. */
  readonly steps: readonly TuneStep[];
}

/** The codes of `storage`, and whether the current rows use them. */
export interface CodesInUse {
  /** null: `storage: 'f32'`, which searches the rows themselves. */
  readonly kind: Exclude<Storage, 'f32'> | null;
  readonly used: boolean;
  /** For display: `used`, `too few rows`, `they do not rank the rows of this index well enough`. */
  readonly reason: string;
}

export interface IndexStats {
  /** Rows, including removed ones. */
  readonly count: number;
  readonly liveCount: number;
  readonly dim: number;
  readonly metric: Metric;
  readonly storage: Storage;
  readonly M: number;
  readonly efConstruction: number;
  readonly label: string;
  /** Default efSearch of searches: 50, or the value `tune` found. */
  readonly efSearch: number;
  /** From the last `tune` or `verify`, if any. */
  readonly measured?: MeasuredRecall;
  readonly maxLevel: number;
  /** Nodes whose highest level is i. */
  readonly levels: readonly number[];
  /** Rows in the graph. */
  readonly graphRows: number;
  /** Removed and replaced rows that searches still traverse; see `VectorIndex.remove`. */
  readonly removedInGraph: number;
  readonly kernel: string;
  /** Whether searches use codes: `storage` names some and there are enough rows. */
  readonly walksOnCodes: boolean;
  readonly codes: CodesInUse;
  readonly bytesOnDisk: number;
  /** Memory of the index itself; mapped rows belong to the page cache. */
  readonly bytesResident: number;
  /** Whether the graph differs from its snapshot on disk. */
  readonly isUnsaved: boolean;
  /** Why the snapshot was unusable and the graph was rebuilt, if so. */
  readonly graphProblem?: string;
  /**
   * What was dropped when the folder is a copy taken file by file during writes: it opened at its last
   * complete commit. Absent once it was written to and reopened.
   */
  readonly recovered?: string;
}

export interface IndexVerifyReport {
  readonly ok: boolean;
  readonly problems: readonly string[];
  readonly rowsChecked: number;
  /** For the default efSearch, with some rows as queries; absent without live rows. */
  readonly measured?: MeasuredRecall;
}
