/** The typed facade of one native index: checks, converts, orders writers, owns close. */
import path from 'node:path';
import { makeError } from '../errors';
import {
  fromNative,
  native,
  type NativeBinding,
  type NativeHandle,
  type NativeInfo,
} from '../native';
import { append, checkAppend } from './append';
import { compileFilter } from './filters';
import { batchOf, firstOf, similaritiesOf } from './hits';
import type {
  AddOptions,
  BatchHits,
  BatchOptions,
  CreateOptions,
  Filter,
  Hits,
  IndexStats,
  IndexVerifyReport,
  Keys,
  Metric,
  OpenOptions,
  SearchOptions,
} from './types';
import {
  checkBoolean,
  checkCreateOptions,
  checkInteger,
  checkKeys,
  checkLabel,
  checkOptions,
  checkPath,
  checkQuery,
  checkRows,
  checkThreads,
  checkThreshold,
  checkVectors,
  MAX_EF,
  MAX_K,
  MAX_ROWS,
  metricName,
} from './validate';
import { WriteQueue } from './write-queue';

const DEFAULT_EF_SEARCH = 50;
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

  private constructor(
    private readonly binding: NativeBinding,
    private readonly handle: NativeHandle,
    private readonly info: NativeInfo,
    folder: string | undefined,
  ) {
    this.dim = info.dim;
    this.metric = metricName(info.metric);
    this.isReadOnly = info.readOnly;
    this.path = folder;
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
    return new VectorIndex(binding, handle, binding.info(handle), folder);
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
    return new VectorIndex(binding, handle, info, full);
  }

  /** Rows, removed ones included. */
  get count(): number {
    return this.binding.count(this.handle);
  }

  get liveCount(): number {
    return this.binding.liveCount(this.handle);
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
    vectors: Float32Array,
    options: AddOptions = NO_OPTIONS,
  ): Promise<{ firstRow: number; rows: number }> {
    this.assertWritable();
    const job = checkAppend(vectors, options, this.dim);
    return this.writes.run(() => append(this.binding, this.handle, this.dim, job)).catch(rethrow);
  }

  /**
   * Finds the k nearest live rows, by the graph; a small index or a narrow filter is scanned instead.
   * Exactly `min(k, matches)` results, fewer only for `threshold`. Takes some hundred microseconds and
   * blocks that long.
   *
   * @param query  dim floats, any length > 0
   * @throws ERR_ARG_TYPE | ERR_ARG_RANGE | ERR_DIM_MISMATCH | ERR_VECTOR_INVALID | ERR_FILE_CORRUPT
   */
  search(query: Float32Array, k: number, options: SearchOptions = NO_OPTIONS): Hits {
    return this.searchSync(query, k, options, false);
  }

  /** The same by linear scan: the ground truth. Takes milliseconds and blocks that long. */
  searchExact(query: Float32Array, k: number, options: SearchOptions = NO_OPTIONS): Hits {
    return this.searchSync(query, k, options, true);
  }

  /** `search` off the main thread. */
  async searchAsync(
    query: Float32Array,
    k: number,
    options: SearchOptions = NO_OPTIONS,
  ): Promise<Hits> {
    checkQuery(query, this.dim);
    return firstOf(this.metric, await this.nativeBatch(query, k, options, false, 1));
  }

  /** `searchExact` off the main thread. */
  async searchExactAsync(
    query: Float32Array,
    k: number,
    options: SearchOptions = NO_OPTIONS,
  ): Promise<Hits> {
    checkQuery(query, this.dim);
    return firstOf(this.metric, await this.nativeBatch(query, k, options, true, 1));
  }

  /**
   * Many queries at once, off the main thread.
   *
   * @param queries  shape [q, dim]
   * @returns shape [q, k]
   */
  async searchBatch(
    queries: Float32Array,
    k: number,
    options: BatchOptions = NO_OPTIONS,
  ): Promise<BatchHits> {
    checkVectors('queries', queries, this.dim);
    checkOptions(options);
    const exact = checkBoolean('exact', options.exact);
    const threads = checkThreads(options.threads);
    return batchOf(this.metric, k, await this.nativeBatch(queries, k, options, exact, threads));
  }

  /** Compiles keys or a predicate on keys to a bitset over the rows there are now. */
  compileFilter(filter: Filter): Uint8Array {
    this.assertOpen();
    return attempt(() => compileFilter(this.binding, this.handle, filter));
  }

  /**
   * Copies of rows as they are stored, removed ones too.
   *
   * @returns shape [rows.length, dim]
   * @throws ERR_ARG_RANGE for a row that is not there
   */
  vectors(rows: ArrayLike<number>): Float32Array {
    this.assertOpen();
    const wanted = checkRows(rows);
    const out = new Float32Array(wanted.length * this.dim);
    attempt(() => this.binding.copyRows(this.handle, wanted, out));
    return out;
  }

  /** Keys the rows were added with, removed ones too. */
  keysOf(rows: ArrayLike<number>): Float64Array {
    this.assertOpen();
    const wanted = checkRows(rows);
    const out = new Float64Array(wanted.length);
    attempt(() => this.binding.copyKeys(this.handle, wanted, out));
    return out;
  }

  /** The live row of a key. */
  rowOf(key: number): number | undefined {
    this.assertOpen();
    const out = new Uint32Array(1);
    const keys = checkKeys('key', [key]);
    attempt(() => this.binding.rowsOf(this.handle, keys, out));
    return out[0] === NO_ROW ? undefined : out[0];
  }

  /**
   * Takes keys out, durably. Their rows stay in the files and are never returned again.
   *
   * @returns how many were there
   */
  async remove(keys: Keys): Promise<number> {
    this.assertWritable();
    const checked = checkKeys('keys', keys);
    return this.writes.run(() => this.binding.remove(this.handle, checked)).catch(rethrow);
  }

  /** Drops the rows from `rowCount` on, durably, as if they had never been added. */
  async rollbackTo(rowCount: number): Promise<void> {
    this.assertWritable();
    const rows = checkInteger('rowCount', rowCount, 0, MAX_ROWS);
    return this.writes.run(() => this.binding.rollback(this.handle, rows, 0)).catch(rethrow);
  }

  /** Writes the graph snapshot, so that the next open need not link rows. Rows are durable without. */
  async save(): Promise<void> {
    this.assertWritable();
    return this.writes.run(() => this.binding.save(this.handle)).catch(rethrow);
  }

  stats(): IndexStats {
    this.assertOpen();
    const { unsaved, graphProblem, ...figures } = attempt(() => this.binding.stats(this.handle));
    const { M, efConstruction, label } = this.info;
    return {
      ...figures,
      dim: this.dim,
      metric: this.metric,
      M,
      efConstruction,
      label,
      isUnsaved: unsaved,
      ...(graphProblem === '' ? {} : { graphProblem }),
    };
  }

  /** Reads every byte on disk and walks every link. */
  async verify(): Promise<IndexVerifyReport> {
    this.assertOpen();
    const report = await this.writes.run(() => this.binding.verify(this.handle)).catch(rethrow);
    return { ok: report.problems.length === 0, ...report };
  }

  /**
   * Refuses new calls at once, waits for those under way, saves the graph if it changed, releases
   * files, lock and memory. The second call gives the first one's promise.
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
    await this.writes.idle();
    try {
      if (!this.isReadOnly) await this.binding.save(this.handle);
    } catch (error) {
      throw fromNative(error);
    } finally {
      await this.binding.close(this.handle);
    }
  }

  private searchSync(query: Float32Array, k: number, options: SearchOptions, exact: boolean): Hits {
    this.assertOpen();
    checkQuery(query, this.dim);
    const { efSearch, filter, threshold } = this.checkSearch(k, options);
    let nodes = new Uint32Array(k);
    let distances = new Float32Array(k);
    let keys = new Float64Array(k);
    let found: number;
    try {
      found = this.binding.search(
        this.handle,
        query,
        k,
        efSearch,
        exact,
        filter,
        threshold,
        nodes,
        distances,
        keys,
      );
    } catch (error) {
      throw fromNative(error);
    }
    if (found < k) {
      nodes = nodes.slice(0, found);
      distances = distances.slice(0, found);
      keys = keys.slice(0, found);
    }
    return { keys, nodes, distances, similarities: similaritiesOf(this.metric, distances) };
  }

  private async nativeBatch(
    queries: Float32Array,
    k: number,
    options: SearchOptions,
    exact: boolean,
    threads: number,
  ) {
    this.assertOpen();
    const { efSearch, filter, threshold } = this.checkSearch(k, options);
    return this.binding
      .searchBatch(this.handle, queries, k, efSearch, exact, filter, threshold, threads)
      .catch(rethrow);
  }

  private checkSearch(k: number, options: SearchOptions) {
    checkInteger('k', k, 1, MAX_K);
    checkOptions(options);
    return {
      efSearch: checkInteger('efSearch', options.efSearch ?? DEFAULT_EF_SEARCH, 1, MAX_EF),
      threshold: checkThreshold(options.threshold),
      filter: options.filter === undefined ? undefined : this.compileFilter(options.filter),
    };
  }

  private assertOpen(): void {
    if (this.closing !== undefined) {
      throw makeError('ERR_CLOSED', `the index ${this.path ?? 'in memory'} is closed`);
    }
  }

  private assertWritable(): void {
    this.assertOpen();
    if (this.isReadOnly) {
      throw makeError('ERR_READ_ONLY', `the index ${this.path} was opened read-only`);
    }
  }
}

function rethrow(error: unknown): never {
  throw fromNative(error);
}

function attempt<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw fromNative(error);
  }
}
