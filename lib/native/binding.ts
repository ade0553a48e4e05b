/**
 * The addon's functions as TypeScript sees them. One line each here; what they do is told in
 * `native/index/index.h`. Arguments are positional and flat on purpose: no object is made per call.
 */

/** Wraps one native index; opaque. */
export interface NativeHandle {
  readonly __native: 'index';
}

export interface NativeInfo {
  readonly dim: number;
  /** 0 cosine, 1 euclidean, 2 dot. */
  readonly metric: number;
  readonly M: number;
  readonly efConstruction: number;
  readonly seed: number;
  readonly label: string;
  readonly readOnly: boolean;
  /** 0 f32, 1 f16, 2 i8, 3 i4, 4 inline. */
  readonly storage: number;
  /** What was left out of a copy whose files are of different moments; empty when nothing was. */
  readonly recovered: string;
}

export interface NativeStats {
  readonly count: number;
  readonly liveCount: number;
  readonly graphRows: number;
  readonly removedInGraph: number;
  readonly maxLevel: number;
  readonly bytesOnDisk: number;
  readonly bytesResident: number;
  readonly unsaved: boolean;
  /** Why the graph snapshot could not be used; empty when it could. */
  readonly graphProblem: string;
  readonly kernel: string;
  readonly walksOnCodes: boolean;
  /** `used`, or why they are not. */
  readonly codesReason: string;
  readonly levels: number[];
}

/** Whole numbers of at most 2^53 - 1, or all 64 bits. */
export type NativeKeys = Float64Array | BigInt64Array;

/** Results of a batch, k places a query. */
export interface NativeBatch {
  readonly nodes: Uint32Array;
  readonly distances: Float32Array;
  /** In a Float64Array NaN for keys beyond 2^53 and in unused places. */
  readonly keys: NativeKeys;
  readonly counts: Uint32Array;
}

export interface NativeBinding {
  kernelName(): string;
  /** The process is about to end: long work stops where it stands, because ending waits for it. */
  endProcess(): void;
  /** Whether the system would give so many bytes now. */
  hasRoom(bytes: number): boolean;
  /** `native/platform/lock.h`, of an open file; closing it frees the lock. */
  lockFile(descriptor: number, path: string, shared: boolean): void;
  create(
    path: string,
    dim: number,
    metric: number,
    M: number,
    efConstruction: number,
    seed: number,
    label: string,
    /** As NativeInfo's. */
    storage: number,
  ): Promise<NativeHandle>;
  open(path: string, readOnly: boolean, threads: number, storage: number): Promise<NativeHandle>;
  info(handle: NativeHandle): NativeInfo;
  stats(handle: NativeHandle): NativeStats;
  verify(handle: NativeHandle): Promise<{ problems: string[]; rowsChecked: number }>;
  /** closing: for the sake of what is not on disk yet, and of a very long log; else nothing is checked. */
  save(handle: NativeHandle, closing: boolean): Promise<void>;
  /** Writes the files of the index, as they are now, into another folder that has none of their names. */
  copyInto(handle: NativeHandle, folder: string): Promise<void>;
  /** Replaces a small file in the index's folder, if it is still the one that was opened. */
  writeNote(handle: NativeHandle, name: string, text: string): Promise<void>;
  close(handle: NativeHandle): Promise<void>;
  count(handle: NativeHandle): number;
  liveCount(handle: NativeHandle): number;
  /** Another number whenever rows came or went, or a key got another row. */
  changes(handle: NativeHandle): number;
  /** Fills the last three, which have room for k, and gives how many. */
  search(
    handle: NativeHandle,
    query: Float32Array,
    k: number,
    efSearch: number,
    exact: boolean,
    filter: Uint8Array | undefined,
    threshold: number,
    /** Room for 3k: keys, then from k on distances, then from 2k on nodes. */
    out: Float64Array,
    /** What `changes` was when the filter was made; ERR_BUSY if it is not that any more. */
    changes: number | undefined,
  ): number;
  searchBatch(
    handle: NativeHandle,
    queries: Float32Array,
    k: number,
    efSearch: number,
    exact: boolean,
    filter: Uint8Array | undefined,
    threshold: number,
    threads: number,
    /** Is filled, and must not be touched before. */
    out: NativeBatch,
    changes: number | undefined,
  ): Promise<void>;
  copyRows(handle: NativeHandle, rows: Uint32Array, out: Float32Array): void;
  copyKeys(handle: NativeHandle, rows: Uint32Array, out: NativeKeys): void;
  /** 0xffffffff for keys without a live row. */
  rowsOf(handle: NativeHandle, keys: NativeKeys, out: Uint32Array): void;
  check(
    handle: NativeHandle,
    vectors: Float32Array,
    keys: NativeKeys | undefined,
    offset: number,
  ): Promise<void>;
  add(
    handle: NativeHandle,
    vectors: Float32Array,
    keys: NativeKeys | undefined,
    threads: number,
    more: boolean,
  ): Promise<{ firstRow: number; rows: number }>;
  update(
    handle: NativeHandle,
    vectors: Float32Array,
    keys: NativeKeys,
    insertMissing: boolean,
    threads: number,
    more: boolean,
  ): Promise<{ firstRow: number; rows: number }>;
  remove(handle: NativeHandle, keys: NativeKeys): Promise<number>;
  rollback(handle: NativeHandle, rows: number, threads: number): Promise<void>;
  /** After the last part of an append whose parts said that more follows. */
  settle(handle: NativeHandle, threads: number): Promise<void>;
  /** Nodes whose links have no current codes; 0 unless storage is inline. */
  uncoded(handle: NativeHandle): number;
  /** Gives the node to go on from; the number of nodes when all is done. */
  makeCodes(handle: NativeHandle, first: number, threads: number): Promise<number>;
  /** Whether enough removed rows have gathered in the graph to take them out. */
  unlinkIsDue(handle: NativeHandle): boolean;
  /** Gives the node to go on from; the number of nodes when all is done. */
  unlink(handle: NativeHandle, first: number, threads: number): Promise<number>;
  /** Copies the next part of mapped rows and links into huge pages; whether there is more to do. */
  promote(handle: NativeHandle): Promise<boolean>;
  /** Compaction: `native/index/compact.cc`. */
  createBeside(handle: NativeHandle): Promise<NativeHandle>;
  copyLive(
    handle: NativeHandle,
    fresh: NativeHandle,
    first: number,
    threads: number,
  ): Promise<number>;
  adopt(handle: NativeHandle, fresh: NativeHandle): Promise<NativeHandle>;
  abandon(handle: NativeHandle, fresh: NativeHandle): Promise<void>;
  /** `native/image/resize.h`. Fills `out`. */
  resizeRgb(
    rgb: Uint8Array,
    width: number,
    height: number,
    resizedWidth: number,
    resizedHeight: number,
    left: number,
    top: number,
    keptWidth: number,
    keptHeight: number,
    /** 0 bilinear, 1 bicubic. */
    filter: number,
    out: Uint8Array,
  ): void;
}
