/**
 * The interface of peers. A trial is one task of one peer in its own process: build an index file, or open it
 * and answer queries at each efSearch, in the peer's fastest way for one query at a time on one thread:
 * through its npm package if there is one, else inside C++.
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
  /** Its origin, for display. */
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
  /** Queries per second of wall time, and per second of this process's CPU time. */
  readonly qps: number;
  readonly cpuQps: number;
  /** Rows found, shape [queries, k], little-endian uint32, base64; 0xffffffff for none. */
  readonly found: string;
}

export interface SearchFigures {
  /** Time of the open call, and until the first answer. */
  readonly openMs: number;
  readonly firstAnswerMs: number;
  readonly residentBytes: number;
  readonly version: string;
  readonly points: readonly SearchPoint[];
}

/** An open index of a peer with an npm package. */
export interface OpenedPeer {
  /** The peer's own result; its conversion is not measured. */
  search(query: Float32Array, k: number): unknown;
  rowsOf(answer: unknown): ArrayLike<number>;
  /** Warm-up that is not part of opening, after the first answer. */
  warm?(): Promise<void>;
  close(): Promise<void>;
}

export interface NodePeer {
  readonly version: string;
  /** Builds and saves; `seconds` excludes saving. */
  build(
    base: Float32Array,
    job: TrialJob,
  ): Promise<{ seconds: number; saveSeconds: number; residentBytes: number }>;
  /** usearch takes `efSearch` only when opening. */
  open(job: TrialJob): Promise<(efSearch: number) => OpenedPeer>;
}
