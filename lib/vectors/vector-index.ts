/** The typed facade of one native index: checks, converts, orders writers, owns close. */
import { checkInteger } from '../base/options';
import { append, checkAppend, checkUpdate } from './write/append';
import { backup, checkBackup, type BackupOptions, type BackupReport } from './write/backup';
import { checkCompact, compact } from './write/compact';
import { assertOpen, assertWritable, attempt, inBackground, rethrow, type IndexCore } from './core';
import { statsOf, verify } from './figures';
import { addFile, checkAddFile, type AddFileOptions } from './files/add-file';
import {
  checkExport,
  exportFile,
  type ExportOptions,
  type ExportReport,
} from './files/export-file';
import { importIndex, type ImportOptions } from './files/indexes/import-index';
import { compileFilter } from './search/filters';
import { createCore, keepTuning, openCore } from './open-core';
import { copyKeys, copyVectors, rollBack, rowOf } from './rows';
import { searchBatch, searchOne, searchSync } from './search/search';
import { checkTune, tune } from './search/tune';
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
  Metric,
  OpenOptions,
  SearchOptions,
  TuneOptions,
  TuneReport,
  UpdateOptions,
  VectorInput,
} from './types';
import { unlinkIfDue } from './write/unlink';
import { checkKeys, MAX_ROWS } from './arguments/validate';
import { checkWarm, warm, type WarmOptions } from './warm';
import { WriteQueue } from './write/write-queue';

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

  private constructor(core: IndexCore) {
    this.core = core;
    this.dim = core.dim;
    this.metric = core.metric;
    this.isReadOnly = core.info.readOnly;
    this.path = core.path;
    // In the background: codes are only a faster way, so failing to make them is no error.
    core.asWriter = (work) => this.writes.run(work);
    core.warmUp = () => inBackground(core, () => warm(core));
    unlinkIfDue(core);
  }

  /**
   * Makes an index, empty and durable.
   *
   * @throws ERR_ARG_TYPE | ERR_ARG_RANGE | ERR_FILE_EXISTS (the folder holds an index) |
   *   ERR_FILE_LOCKED | ERR_IO | ERR_ADDON_LOAD | ERR_CPU_UNSUPPORTED
   */
  static async create(options: CreateOptions): Promise<VectorIndex> {
    return new VectorIndex(await createCore(options));
  }

  /**
   * Opens a folder. Reads the commit log (about 8 bytes a row) and maps the rest; rows the graph
   * snapshot lacks are linked before the promise resolves.
   *
   * @throws ERR_FILE_MISSING | ERR_FILE_LOCKED (another writer; its process id is in the message) |
   *   ERR_FILE_CORRUPT | ERR_FILE_VERSION | ERR_MODEL_MISMATCH (another label)
   */
  static async open(folder: string, options: OpenOptions = NO_OPTIONS): Promise<VectorIndex> {
    return new VectorIndex(await openCore(folder, options));
  }

  /**
   * Makes an index of an index file of another engine: live rows, keys, and the parameters the file
   * knows. The graph is built anew, so this takes as long as `add`. A folder appears when it is
   * complete; it must be absent or empty.
   *
   * @param file  what hnswlib's `saveIndex` or usearch's `save` wrote; docs/guide/VECTOR-FILES.md
   * @throws ERR_ARG_TYPE (also: the file does not say which metric) | ERR_ARG_RANGE | ERR_DIM_MISMATCH |
   *   ERR_FILE_MISSING | ERR_FILE_CORRUPT | ERR_FILE_VERSION | ERR_FILE_UNSUPPORTED | ERR_FILE_EXISTS |
   *   ERR_VECTOR_INVALID | ERR_KEY_EXISTS (several vectors of one key) | ERR_ABORTED | ERR_DISK_FULL |
   *   ERR_IO. Nothing is left behind then.
   */
  static importFrom(file: string, options: ImportOptions = NO_OPTIONS): Promise<VectorIndex> {
    return importIndex(VectorIndex, file, options);
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
    const job = checkAppend(vectors, options, this.dim);
    return this.queued(() => append(this.core, job));
  }

  /**
   * Appends the rows of a vector file (`.npy`, `.fvecs`, `.bvecs`, `.ivecs`), which may be larger than
   * memory: it is read in blocks, twice, once to check all of it before anything is added.
   *
   * @returns the rows in the index, without gaps
   * @throws what `openVectors` and `add` throw; nothing was added then, unless `details.rows` says how
   *   many of the file's
   */
  async addFile(
    file: string,
    options: AddFileOptions = NO_OPTIONS,
  ): Promise<{ firstRow: number; rows: number }> {
    assertWritable(this.core);
    const job = checkAddFile(file, options);
    return this.queued(() => addFile(this.core, job));
  }

  /**
   * Writes the live rows as they are stored (cosine: at unit length), float32, and their keys, int64,
   * in the order of rows, as two `.npy` files. Each appears whole or not at all, the keys first.
   * Writers wait meanwhile.
   *
   * @throws ERR_ARG_TYPE | ERR_ARG_RANGE | ERR_ABORTED | ERR_DISK_FULL | ERR_IO | ERR_FILE_MISSING (no
   *   such folder) | ERR_FILE_CORRUPT (a damaged row is not written)
   */
  async exportFile(file: string, options: ExportOptions = NO_OPTIONS): Promise<ExportReport> {
    assertOpen(this.core);
    const job = checkExport(file, options);
    return this.queued(() => exportFile(this.core, job));
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
    const job = checkUpdate(keys, vectors, options, this.dim);
    return this.queued(() => append(this.core, job));
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

  /**
   * Compiles keys or a predicate on keys to a bitset over rows, to be used in many searches of this
   * index. It stays right: when rows come, keys get other rows or `compact` renumbers them, searches
   * make it again of what it was made of. Bits of one's own that were made over the rows as they are
   * now are good until rows are renumbered.
   *
   * @throws ERR_ARG_TYPE (also: what the predicate returns is no answer, a promise for example) |
   *   ERR_ARG_RANGE, and whatever the predicate throws
   */
  compileFilter(filter: Filter): Uint8Array {
    assertOpen(this.core);
    return attempt(() => compileFilter(this.core, filter));
  }

  /**
   * Copies of rows as they are stored, removed ones too.
   *
   * @returns shape [rows.length, dim]
   * @throws ERR_ARG_RANGE for a row that is not there
   */
  vectors(rows: ArrayLike<number>): Float32Array {
    return copyVectors(this.core, rows);
  }

  /** Keys the rows were added with, removed ones too; NaN for those beyond 2^53 - 1. */
  keysOf(rows: ArrayLike<number>): Float64Array {
    return copyKeys(this.core, rows, Float64Array);
  }

  /** The same with all 64 bits. */
  keys64Of(rows: ArrayLike<number>): BigInt64Array {
    return copyKeys(this.core, rows, BigInt64Array);
  }

  /** The live row of a key. */
  rowOf(key: number | bigint): number | undefined {
    return rowOf(this.core, key);
  }

  /**
   * Takes keys out, durably. Their rows stay in the files until `compact` and are never returned again.
   *
   * @returns how many were there
   */
  async remove(keys: Keys): Promise<number> {
    assertWritable(this.core);
    const checked = checkKeys('keys', keys);
    return this.queued(() => this.core.binding.remove(this.core.handle, checked));
  }

  /**
   * Drops the rows from `rowCount` on, durably, as if they had never been added. What they removed by
   * replacing it stays removed.
   */
  async rollbackTo(rowCount: number): Promise<void> {
    assertWritable(this.core);
    const rows = checkInteger('rowCount', rowCount, 0, MAX_ROWS);
    return this.queued(() => rollBack(this.core, rows));
  }

  /**
   * Rewrites the index without removed and replaced rows. Rows get new numbers, keys stay; bitsets
   * of one's own are refused afterwards, see `compileFilter`. Searches go on meanwhile, other writers wait. The new
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
    return this.queued(() => compact(this.core, job));
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
    return this.queued(async () => {
      const report = await tune(this.core, job);
      if (this.path !== undefined && !this.isReadOnly) {
        await keepTuning(this.core, { measured: report, storage: this.core.storage });
      }
      return report;
    });
  }

  /**
   * Writes a copy of the folder that opens by itself: rows, log, graph and what `tune` found, as they are
   * now. Searches go on; writers of this handle wait, those of other processes need not. The copy is
   * read back and checked before it gets its name, so it takes as long as reading the index twice. A
   * reader backs up what it opened. Also works, and saves the rows, when the index's own folder was
   * deleted or replaced.
   *
   * @param target  a folder that is absent or empty, outside of the index's
   * @throws ERR_ARG_TYPE (also: an index in memory) | ERR_ARG_RANGE (inside the index's folder) |
   *   ERR_FILE_EXISTS | ERR_FILE_MISSING (no folder to put it in) | ERR_READ_ONLY | ERR_DISK_FULL | ERR_IO |
   *   ERR_FILE_CORRUPT (a damaged row is not copied) | ERR_ABORTED. Nothing is left behind then.
   */
  async backup(target: string, options: BackupOptions = NO_OPTIONS): Promise<BackupReport> {
    assertOpen(this.core);
    const job = checkBackup(target, options);
    return this.queued(() => backup(this.core, job));
  }

  /** Writes the graph snapshot, so that the next open need not link rows. Rows are durable without. */
  async save(): Promise<void> {
    assertWritable(this.core);
    return this.queued(() => this.core.binding.save(this.core.handle, false));
  }

  /**
   * Brings the index to full speed now: makes the codes of its storage, 10 to 20 us of processor time a
   * row, and copies mapped rows and links into memory in huge pages (Linux; 0.1 s a 100 MB). An index that
   * was opened does so by itself in the background after some hundred searches.
   *
   * @param options.rows whether rows are copied; left out: for `inline`, if they take at most a quarter
   *   of the memory that is free. `stats().bytesResident` counts them then.
   * @throws ERR_ARG_TYPE | ERR_CLOSED | ERR_NO_MEMORY
   */
  async warm(options: WarmOptions = NO_OPTIONS): Promise<void> {
    assertOpen(this.core);
    const job = checkWarm(options);
    return this.queued(() => warm(this.core, job));
  }

  /** Whether the codes of its storage are made, see `warm`; `f32` has none to wait for. */
  get isWarm(): boolean {
    assertOpen(this.core);
    return this.core.binding.uncoded(this.core.handle) === 0;
  }

  stats(): IndexStats {
    assertOpen(this.core);
    return statsOf(this.core);
  }

  /** Reads every byte on disk, walks every link, and measures the recall if all of that is sound. */
  async verify(): Promise<IndexVerifyReport> {
    assertOpen(this.core);
    return this.queued(() => verify(this.core));
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
      if (!this.isReadOnly) await binding.save(this.core.handle, true).catch(rethrow);
    } finally {
      await binding.close(this.core.handle);
    }
  }

  /** As the one writer, when those before have ended; removed rows leave the graph behind it. */
  private async queued<T>(work: () => Promise<T>): Promise<T> {
    const result = await this.writes.run(work).catch(rethrow);
    unlinkIfDue(this.core);
    return result;
  }
}
