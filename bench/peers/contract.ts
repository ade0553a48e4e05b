/**
 * What a peer of the benchmarks is. A trial is one task of one peer in a process of its own: build an
 * index and keep it as a file, or open that file and answer queries at each efSearch.
 *
 * Figures of a trial are those of the peer's own fastest way to answer one query at a time on one
 * thread: through its npm package for those that have one, inside C++ for the Python ones.
 */

export type DatasetMetric = 'dot' | 'euclidean';

/** A prepared data set: a folder with `base.f32` and `query.f32`, little endian, row-major. */
export interface DatasetMeta {
  readonly name: string;
  readonly rows: number;
  readonly dim: number;
  readonly queries: number;
  readonly metric: DatasetMetric;
  /** SHA-256 of `base.f32`. */
  readonly sha256: string;
  /** Where it is from, for people. */
  readonly source: string;
}

export interface TrialJob {
  readonly task: 'build' | 'search';
  readonly peer: string;
  readonly dataset: string;
  readonly meta: DatasetMeta;
  /** File or folder of the peer's index. */
  readonly index: string;
  readonly M: number;
  readonly efConstruction: number;
  readonly threads: number;
  readonly k: number;
  readonly efSearch: readonly number[];
}

export interface BuildFigures {
  readonly seconds: number;
  readonly saveSeconds: number;
  readonly bytesOnDisk: number;
  readonly residentBytes: number;
  readonly version: string;
}

export interface SearchPoint {
  readonly efSearch: number;
  /** Queries per second of wall clock, and per second of this process's processor time. */
  readonly qps: number;
  readonly cpuQps: number;
  /** Rows found, shape [queries, k], little-endian uint32, base64; 0xffffffff where there was none. */
  readonly found: string;
}

export interface SearchFigures {
  /** From the call that opens the file to its return, and to the first answer. */
  readonly openMs: number;
  readonly firstAnswerMs: number;
  readonly residentBytes: number;
  readonly version: string;
  readonly points: readonly SearchPoint[];
}

/** An opened index of a peer with an npm package. */
export interface OpenedPeer {
  /** Whatever the peer returns; converting it is not part of the measurement. */
  search(query: Float32Array, k: number): unknown;
  rowsOf(answer: unknown): ArrayLike<number>;
  /** What makes searches fast and is not part of opening; done between the first answer and the rest. */
  warm?(): Promise<void>;
  close(): Promise<void>;
}

export interface NodePeer {
  readonly version: string;
  /** Builds and saves; `seconds` are those of building alone. */
  build(
    base: Float32Array,
    job: TrialJob,
  ): Promise<{ seconds: number; saveSeconds: number; residentBytes: number }>;
  /** `efSearch` is part of opening because usearch takes it only then. */
  open(job: TrialJob): Promise<(efSearch: number) => OpenedPeer>;
}
