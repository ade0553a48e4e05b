/**
 * The addon's functions as TypeScript sees them; `native/index/index.h` documents what they do. Arguments
 * are positional and flat, so that no object is made per call.
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
  /** What was dropped from a copy whose files are from different moments; empty when nothing was. */
  readonly recovered: string;
  /** 0 whole numbers, 1 strings. */
  readonly keyType: number;
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
  /** `used`, or why codes are not used. */
  readonly codesReason: string;
  readonly levels: number[];
}

/** Whole numbers up to 2^53 - 1, or all 64 bits. */
export type NativeKeys = Float64Array | BigInt64Array;

/** Results of a batch, k slots per query. */
export interface NativeBatch {
  readonly nodes: Uint32Array;
  readonly distances: Float32Array;
  /** NaN in a Float64Array for keys beyond 2^53 and in unused slots. */
  readonly keys: NativeKeys;
  readonly counts: Uint32Array;
}

export interface NativeBinding {
  /** Of the package it was compiled for; absent in binaries from before there was a check. */
  readonly version?: string;
  kernelName(): string;
  /** The process is about to exit: aborts long work, because exit waits for it. */
  endProcess(): void;
  /** Whether the system could allocate so many bytes now. */
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
    /** As in NativeInfo. */
    storage: number,
    keyType: number,
  ): Promise<NativeHandle>;
  open(path: string, readOnly: boolean, threads: number, storage: number): Promise<NativeHandle>;
  info(handle: NativeHandle): NativeInfo;
  stats(handle: NativeHandle): NativeStats;
  verify(handle: NativeHandle): Promise<{ problems: string[]; rowsChecked: number }>;
  /** `closing`: saves only if rows are not on disk yet or the log is very long. */
  save(handle: NativeHandle, closing: boolean): Promise<void>;
  /** Writes the index's files, as they are now, into a folder that has none of these names. */
  copyInto(handle: NativeHandle, folder: string): Promise<void>;
  /** Replaces a small file in the index's folder, if it is still the folder that was opened. */
  writeNote(handle: NativeHandle, name: string, text: string): Promise<void>;
  close(handle: NativeHandle): Promise<void>;
  count(handle: NativeHandle): number;
  liveCount(handle: NativeHandle): number;
  /** Changes whenever rows are added or removed, or a key gets another row. */
  changes(handle: NativeHandle): number;
  /** Fills `out` and returns the number of results. */
  search(
    handle: NativeHandle,
    query: Float32Array,
    k: number,
    efSearch: number,
    exact: boolean,
    filter: Uint8Array | undefined,
    threshold: number,
    /** 3k slots: keys, then distances from k on, then nodes from 2k on. */
    out: Float64Array,
    /** Value of `changes` when the filter was made; ERR_BUSY if it has changed since. */
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
    /** Filled by the call; do not touch until then. */
    out: NativeBatch,
    changes: number | undefined,
  ): Promise<void>;
  copyRows(handle: NativeHandle, rows: Uint32Array, out: Float32Array): void;
  copyKeys(handle: NativeHandle, rows: Uint32Array, out: NativeKeys): void;
  /**
   * Payloads one after another, and their lengths, of as many of the first rows as fit; returns how many
   * those are.
   */
  copyPayloads(
    handle: NativeHandle,
    rows: Uint32Array,
    out: Uint8Array,
    lengths: Uint32Array,
  ): number;
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
    /** As of copyPayloads, one per row; both or neither. */
    payloads?: Uint8Array,
    lengths?: Uint32Array,
  ): Promise<{ firstRow: number; rows: number }>;
  update(
    handle: NativeHandle,
    vectors: Float32Array,
    keys: NativeKeys,
    insertMissing: boolean,
    threads: number,
    more: boolean,
    payloads?: Uint8Array,
    lengths?: Uint32Array,
  ): Promise<{ firstRow: number; rows: number }>;
  /** Of the live rows of keys. */
  setPayloads(
    handle: NativeHandle,
    keys: NativeKeys,
    payloads: Uint8Array,
    lengths: Uint32Array,
  ): Promise<void>;
  remove(handle: NativeHandle, keys: NativeKeys): Promise<number>;
  rollback(handle: NativeHandle, rows: number, threads: number): Promise<void>;
  /** Call after the last part of an append whose parts were made with `more`. */
  settle(handle: NativeHandle): Promise<void>;
  /** Nodes whose inline codes are missing or outdated; 0 for other storages. */
  uncoded(handle: NativeHandle): number;
  /** Returns the node to continue from; the number of nodes when done. */
  makeCodes(handle: NativeHandle, first: number, threads: number): Promise<number>;
  /** Whether the graph holds enough removed rows to unlink them. */
  unlinkIsDue(handle: NativeHandle): boolean;
  /** Returns the node to continue from; the number of nodes when done. */
  unlink(handle: NativeHandle, first: number, threads: number): Promise<number>;
  /** Copies the next part of mapped rows and links into huge pages; returns whether more is left. */
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
  /**
   * Of two vectors of float32, as bytes of any alignment. NaN for a cosine with a vector of length zero. For
   * dot the product itself.
   */
  pairDistance(a: Uint8Array, b: Uint8Array, metric: number): number;
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
