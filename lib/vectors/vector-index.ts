/** The typed facade of one native index: checks, converts, orders writers, owns close. */
import path from 'node:path';
import { makeError } from '../errors';
import { native, type NativeBinding, type NativeHandle } from '../native';
import { append, checkAppend, checkUpdate, type Append } from './append';
import { checkCompact, compact } from './compact';
import {
  assertOpen,
  assertWritable,
  attempt,
  DEFAULT_EF_SEARCH,
  rethrow,
  type IndexCore,
} from './core';
import { statsOf, verify } from './figures';
import { compileFilter } from './filters';
import { searchBatch, searchOne, searchSync } from './search';
import { checkTune, tune } from './tune';
import { readTuning, sweepTuning, writeTuning } from './tuning-file';
import type {
  AddOptions,
  BatchHits,
  BatchOptions,
  CompactOptions,
  CompactReport,
  CreateOptions,
  Filter,
  Hits,
  IndexStats,
  IndexVerifyReport,
  Keys,
  MeasuredRecall,
  Metric,
  OpenOptions,
  SearchOptions,
  TuneOptions,
  TuneReport,
  UpdateOptions,
  VectorInput,
} from './types';
import {
  checkBoolean,
  checkCreateOptions,
  checkInteger,
  checkKeys,
  checkLabel,
  checkOptions,
  checkPath,
  checkRows,
  checkThreads,
  MAX_ROWS,
  metricName,
} from './validate';
import { WriteQueue } from './write-queue';

const NO_ROW = 0xffffffff;
const NO_OPTIONS = {};

/**
 * Vectors with keys, searched by a graph (HNSW) or a linear scan, in a folder or in memory.
 *
 * One writer and many readers at once: within a process freely, between processes by opening the
 * folder read-only. Every method throws ERR_CLOSED after `close()` was called; writers throw
 * ERR_READ_ONLY on a read-only index.
 */
export class VectorIndex implements AsyncDisposable {
  readonly dim: number;
  readonly metric: Metric;
  /** Folder, absolute; undefined in memory. */
  readonly path: string | undefined;
  readonly isReadOnly: boolean;
  private readonly writes = new WriteQueue();
  private closing: Promise<void> | undefined;
  private readonly core: IndexCore;

  private constructor(
    binding: NativeBinding,
    handle: NativeHandle,
    folder: string | undefined,
    measured?: MeasuredRecall,
  ) {
    const info = binding.info(handle);
    this.dim = info.dim;
    this.metric = metricName(info.metric);
    this.isReadOnly = info.readOnly;
    this.path = folder;
    this.core = {
      binding,
      handle,
      info,
      dim: this.dim,
      metric: this.metric,
      path: folder,
      isClosing: false,
      efSearch: measured?.efSearch ?? DEFAULT_EF_SEARCH,
      measured,
      reads: new Set(),
    };
  }

  /**
   * Makes an index, empty and durable.
   *
   * @throws ERR_ARG_TYPE | ERR_ARG_RANGE | ERR_FILE_EXISTS (the folder holds an index) |
   *   ERR_FILE_LOCKED | ERR_IO | ERR_ADDON_LOAD | ERR_CPU_UNSUPPORTED
   */
  static async create(options: CreateOptions): Promise<VectorIndex> {
    const p = checkCreateOptions(options);
    const folder = options.path === undefined ? undefined : path.resolve(checkPath(options.path));
    const binding = native();
    const handle = await binding
      .create(folder ?? '', p.dim, p.metric, p.M, p.efConstruction, p.seed, p.label)
      .catch(rethrow);
    return new VectorIndex(binding, handle, folder);
  }

  /**
   * Opens a folder. Reads the commit log (about 8 bytes a row) and maps the rest; rows the graph
   * snapshot lacks are linked before the promise resolves.
   *
   * @throws ERR_FILE_MISSING | ERR_FILE_LOCKED (another writer; its process id is in the message) |
   *   ERR_FILE_CORRUPT | ERR_FILE_VERSION | ERR_MODEL_MISMATCH (another label)
   */
  static async open(folder: string, options: OpenOptions = NO_OPTIONS): Promise<VectorIndex> {
    const full = path.resolve(checkPath(folder));
    checkOptions(options);
    const readOnly = checkBoolean('readOnly', options.readOnly);
    const label = options.label === undefined ? undefined : checkLabel(options.label);
    const binding = native();
    const handle = await binding.open(full, readOnly, checkThreads(options.threads)).catch(rethrow);
    const info = binding.info(handle);
    if (label !== undefined && label !== info.label) {
      await binding.close(handle);
      throw makeError(
        'ERR_MODEL_MISMATCH',
        `${full} was made with label "${info.label}", not "${label}"`,
        { details: { path: full, label: info.label, expected: label } },
      );
    }
    if (!readOnly) await sweepTuning(full);
    return new VectorIndex(binding, handle, full, await readTuning(full));
  }

  /** Rows, removed ones included. */
  get count(): number {
    return this.core.binding.count(this.core.handle);
  }

  get liveCount(): number {
    return this.core.binding.liveCount(this.core.handle);
  }

  /** True as soon as `close()` was called. */
  get isClosed(): boolean {
    return this.closing !== undefined;
  }

  /**
   * Appends vectors, durably, and links them into the graph.
   *
   * @param vectors  shape [n, dim], copied part by part: leave it alone until the promise settles.
   *   Cosine vectors are stored at unit length.
   * @returns their rows, without gaps
   * @throws ERR_ARG_TYPE | ERR_ARG_RANGE | ERR_DIM_MISMATCH | ERR_VECTOR_INVALID (not finite, or zero
   *   for cosine; names the vector) | ERR_KEY_EXISTS | ERR_ABORTED | ERR_DISK_FULL | ERR_IO. Nothing
   *   was added then, unless `details.rows` says how many.
   */
  async add(
    vectors: VectorInput,
    options: AddOptions = NO_OPTIONS,
  ): Promise<{ firstRow: number; rows: number }> {
    assertWritable(this.core);
    return this.appendQueued(checkAppend(vectors, options, this.dim));
  }

  /**
   * Gives keys new vectors. One commit brings the new rows and removes the old ones: after a crash a
   * key has either its old vector or its new one, and a search sees the same. Inputs of more than
   * about 4096 rows are several such commits.
   *
   * @param vectors  shape [keys.length, dim], as for `add`
   * @returns the new rows; the old ones stay in the files until `compact`
   * @throws ERR_NOT_FOUND (a key is not there; not with `insertMissing`) | ERR_KEY_EXISTS (a key stands
   *   twice) and the rest as `add`
   */
  async update(
    keys: Keys,
    vectors: VectorInput,
    options: UpdateOptions = NO_OPTIONS,
  ): Promise<{ firstRow: number; rows: number }> {
    assertWritable(this.core);
    return this.appendQueued(checkUpdate(keys, vectors, options, this.dim));
  }

  /**
   * Finds the k nearest live rows, by the graph; a small index or a narrow filter is scanned instead.
   * Exactly `min(k, matches)` results, fewer only for `threshold`. Takes some hundred microseconds and
   * blocks that long.
   *
   * @param query  dim values, any length > 0
   * @throws ERR_ARG_TYPE | ERR_ARG_RANGE | ERR_DIM_MISMATCH | ERR_VECTOR_INVALID | ERR_FILE_CORRUPT
   */
  search(query: VectorInput, k: number, options: SearchOptions = NO_OPTIONS): Hits {
    return searchSync(this.core, query, k, options, false);
  }

  /** The same by linear scan: the ground truth. Takes milliseconds and blocks that long. */
  searchExact(query: VectorInput, k: number, options: SearchOptions = NO_OPTIONS): Hits {
    return searchSync(this.core, query, k, options, true);
  }

  /** `search` off the main thread. */
  async searchAsync(
    query: VectorInput,
    k: number,
    options: SearchOptions = NO_OPTIONS,
  ): Promise<Hits> {
    return searchOne(this.core, query, k, options, false);
  }

  /** `searchExact` off the main thread. */
  async searchExactAsync(
    query: VectorInput,
    k: number,
    options: SearchOptions = NO_OPTIONS,
  ): Promise<Hits> {
    return searchOne(this.core, query, k, options, true);
  }

  /**
   * Many queries at once, off the main thread.
   *
   * @param queries  shape [q, dim]
   * @returns shape [q, k]
   * @throws as `search`, and ERR_ABORTED
   */
  async searchBatch(
    queries: VectorInput,
    k: number,
    options: BatchOptions = NO_OPTIONS,
  ): Promise<BatchHits> {
    return searchBatch(this.core, queries, k, options);
  }

  /** Compiles keys or a predicate on keys to a bitset over the rows there are now. */
  compileFilter(filter: Filter): Uint8Array {
    assertOpen(this.core);
    return attempt(() => compileFilter(this.core.binding, this.core.handle, filter));
  }

  /**
   * Copies of rows as they are stored, removed ones too.
   *
   * @returns shape [rows.length, dim]
   * @throws ERR_ARG_RANGE for a row that is not there
   */
  vectors(rows: ArrayLike<number>): Float32Array {
    assertOpen(this.core);
    const wanted = checkRows(rows);
    const out = new Float32Array(wanted.length * this.dim);
    attempt(() => this.core.binding.copyRows(this.core.handle, wanted, out));
    return out;
  }

  /** Keys the rows were added with, removed ones too; NaN for those beyond 2^53 - 1. */
  keysOf(rows: ArrayLike<number>): Float64Array {
    return this.copyKeys(rows, (n) => new Float64Array(n));
  }

  /** The same with all 64 bits. */
  keys64Of(rows: ArrayLike<number>): BigInt64Array {
    return this.copyKeys(rows, (n) => new BigInt64Array(n));
  }

  /** The live row of a key. */
  rowOf(key: number | bigint): number | undefined {
    assertOpen(this.core);
    const out = new Uint32Array(1);
    const keys = checkKeys('key', [key]);
    attempt(() => this.core.binding.rowsOf(this.core.handle, keys, out));
    return out[0] === NO_ROW ? undefined : out[0];
  }

  /**
   * Takes keys out, durably. Their rows stay in the files until `compact` and are never returned again.
   *
   * @returns how many were there
   */
  async remove(keys: Keys): Promise<number> {
    assertWritable(this.core);
    const checked = checkKeys('keys', keys);
    return this.writes
      .run(() => this.core.binding.remove(this.core.handle, checked))
      .catch(rethrow);
  }

  /**
   * Drops the rows from `rowCount` on, durably, as if they had never been added. What they removed by
   * replacing it stays removed.
   */
  async rollbackTo(rowCount: number): Promise<void> {
    assertWritable(this.core);
    const rows = checkInteger('rowCount', rowCount, 0, MAX_ROWS);
    return this.writes
      .run(() => this.core.binding.rollback(this.core.handle, rows, 0))
      .catch(rethrow);
  }

  /**
   * Rewrites the index without removed and replaced rows. Rows get new numbers, keys stay; filters
   * compiled to bitsets must be compiled again. Searches go on meanwhile, other writers wait. The new
   * files take the place of the old ones in one step: after a crash it is one or the other. Readers in
   * other processes keep the files they have open and see the new ones when they open again. Needs
   * room for both on disk; takes as long as adding the live rows again.
   *
   * @throws ERR_ABORTED (also when the index is closed meanwhile; it is as it was) | ERR_DISK_FULL |
   *   ERR_IO | ERR_FILE_CORRUPT (a damaged row is not copied)
   */
  async compact(options: CompactOptions = NO_OPTIONS): Promise<CompactReport> {
    assertWritable(this.core);
    const job = checkCompact(options);
    return this.writes.run(() => compact(this.core, job)).catch(rethrow);
  }

  /**
   * Finds the smallest efSearch that reaches a recall, by measuring against the exact scan, and makes
   * it the default of this index; in a folder that is kept, unless it was opened read-only.
   * Takes an exact scan per query and a dozen rounds of searches.
   *
   * @throws ERR_ARG_TYPE | ERR_ARG_RANGE | ERR_NOT_FOUND (no live rows) | ERR_ABORTED | ERR_IO
   */
  async tune(options: TuneOptions = NO_OPTIONS): Promise<TuneReport> {
    assertOpen(this.core);
    const job = checkTune(options, this.dim);
    // As a writer: rows that come or go meanwhile would make the truth untrue.
    const report = await this.writes.run(() => tune(this.core, job)).catch(rethrow);
    if (this.path !== undefined && !this.isReadOnly) {
      await writeTuning(this.path, report).catch((cause: unknown) => {
        throw makeError('ERR_IO', `${this.path}: tuning.json could not be written`, { cause });
      });
    }
    return report;
  }

  /** Writes the graph snapshot, so that the next open need not link rows. Rows are durable without. */
  async save(): Promise<void> {
    assertWritable(this.core);
    return this.writes.run(() => this.core.binding.save(this.core.handle)).catch(rethrow);
  }

  stats(): IndexStats {
    assertOpen(this.core);
    return statsOf(this.core);
  }

  /** Reads every byte on disk, walks every link, and measures the recall if all of that is sound. */
  async verify(): Promise<IndexVerifyReport> {
    assertOpen(this.core);
    return this.writes.run(() => verify(this.core)).catch(rethrow);
  }

  /**
   * Refuses new calls at once, waits for those under way, saves the graph if it changed, releases
   * files, lock and memory. A compaction under way is given up. The second call gives the first one's
   * promise.
   *
   * @throws what saving threw; the index is closed all the same, and the next open links again
   */
  close(): Promise<void> {
    this.closing ??= this.finish();
    return this.closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  private async finish(): Promise<void> {
    this.core.isClosing = true;
    const { binding } = this.core;
    await this.writes.idle();
    try {
      if (!this.isReadOnly) await binding.save(this.core.handle).catch(rethrow);
    } finally {
      await binding.close(this.core.handle);
    }
  }

  private appendQueued(job: Append): Promise<{ firstRow: number; rows: number }> {
    const { core } = this;
    return this.writes.run(() => append(core.binding, core.handle, this.dim, job)).catch(rethrow);
  }

  private copyKeys<T extends Float64Array | BigInt64Array>(
    rows: ArrayLike<number>,
    make: (n: number) => T,
  ): T {
    assertOpen(this.core);
    const wanted = checkRows(rows);
    const out = make(wanted.length);
    attempt(() => this.core.binding.copyKeys(this.core.handle, wanted, out));
    return out;
  }
}
