/** The typed facade of one native index: checks, converts, serializes writers, owns close. */
import { checkInteger } from '../base/options';
import { append } from './write/append';
import { checkAnyKeys, checkAppend, checkUpdate } from './write/append-job';
import { backup, checkBackup, type BackupOptions, type BackupReport } from './write/backup';
import { checkCompact, compact } from './write/compact';
import { checkSetMetadata, setMetadata } from './write/set-metadata';
import { assertOpen, assertWritable, inBackground, rethrow, type IndexCore } from './core';
import { verify } from './figures';
import type { AddFileOptions } from './files/add-file';
import type { ExportOptions, ExportReport } from './files/export-file';
import type { ImportOptions } from './files/indexes/import-index';
import type * as FileVerbs from './file-verbs';
import { IndexReader } from './index-reader';
import { createCore, keepTuning, openCore, openOrCreateCore } from './open-core';
import { knownIds, rollBack } from './rows';
import { checkTune, tune } from './search/tune';
import type {
  AddOptions,
  CompactOptions,
  CompactReport,
  CreateOptions,
  IndexVerifyReport,
  Key,
  KeysFor,
  Metadata,
  OpenOptions,
  OpenOrCreateOptions,
  TuneOptions,
  TuneReport,
  UpdateOptions,
  VectorsInput,
} from './types';
import { unlinkIfDue } from './write/unlink';
import { MAX_ROWS } from './arguments/validate';
import { checkWarm, warm, type WarmOptions } from './warm';
import { WriteQueue } from './write/write-queue';

const NO_OPTIONS = {};

/** Loaded when asked for: seven files that most programs never use. At once, as writers queue in the order of the calls. */
// eslint-disable-next-line @typescript-eslint/no-require-imports
const fileVerbs = (): typeof FileVerbs => require('./file-verbs') as typeof FileVerbs;

/**
 * Vectors with keys and metadata, searched by a graph (HNSW) or a linear scan, in a folder or in memory.
 *
 * One writer and many readers at a time: unrestricted within a process; other processes open the folder
 * read-only. After `close()` every method throws ERR_CLOSED; on a read-only index writers throw
 * ERR_READ_ONLY.
 *
 * @typeParam K  `string` for an index made with `keyType: 'string'`, else `number`
 */
export class VectorIndex<K extends Key = number> extends IndexReader<K> implements AsyncDisposable {
  private readonly writes = new WriteQueue();
  private closing: Promise<void> | undefined;

  private constructor(core: IndexCore) {
    super(core);
    // In the background: codes only speed up searches, so a failure to make them is ignored.
    core.asWriter = (work) => this.writes.run(work);
    core.warmUp = () => inBackground(core, () => warm(core));
    unlinkIfDue(core);
  }

  /**
   * Creates an empty, durable index.
   *
   * @throws ERR_ARG_TYPE | ERR_ARG_RANGE | ERR_FILE_EXISTS (the folder holds an index) |
   *   ERR_FILE_LOCKED | ERR_IO | ERR_ADDON_LOAD | ERR_CPU_UNSUPPORTED
   */
  static create(options: CreateOptions & { keyType: 'string' }): Promise<VectorIndex<string>>;
  static create(options: CreateOptions): Promise<VectorIndex>;
  static async create(options: CreateOptions): Promise<VectorIndex<never>> {
    return new VectorIndex(await createCore(options));
  }

  /**
   * Opens a folder. Reads the commit log (about 8 bytes a row) and maps the rest; rows missing in the graph
   * snapshot are linked before the promise resolves.
   *
   * @throws ERR_FILE_MISSING | ERR_FILE_LOCKED (another writer; its process id is in the message) |
   *   ERR_FILE_CORRUPT | ERR_FILE_VERSION | ERR_MODEL_MISMATCH (another label)
   */
  static open(
    folder: string,
    options: OpenOptions & { keyType: 'string' },
  ): Promise<VectorIndex<string>>;
  static open(folder: string, options?: OpenOptions): Promise<VectorIndex>;
  static async open(
    folder: string,
    options: OpenOptions = NO_OPTIONS,
  ): Promise<VectorIndex<never>> {
    return new VectorIndex(await openCore(folder, options));
  }

  /**
   * Opens the index in the folder for writing, or creates it. Options must fit the index that is there: dim,
   * metric and key type always (also by their defaults), label, M, efConstruction and seed where given.
   *
   * @throws ERR_DIM_MISMATCH | ERR_ARG_RANGE (another metric, M, ...) | ERR_ARG_TYPE (another key type),
   *   and what `open` and `create` throw
   */
  static openOrCreate(
    options: OpenOrCreateOptions & { keyType: 'string' },
  ): Promise<VectorIndex<string>>;
  static openOrCreate(options: OpenOrCreateOptions): Promise<VectorIndex>;
  static async openOrCreate(options: OpenOrCreateOptions): Promise<VectorIndex<never>> {
    return new VectorIndex(await openOrCreateCore(options));
  }

  /**
   * Builds an index from another engine's index file: live rows, keys, and the parameters in the file. The
   * graph is built anew, so this takes as long as `add`. The folder must be absent or empty, and appears
   * once complete.
   *
   * @param file  written by hnswlib's `saveIndex` or usearch's `save`; docs/guide/VECTOR-FILES.md
   * @throws ERR_ARG_TYPE (also: the file does not say which metric) | ERR_ARG_RANGE | ERR_DIM_MISMATCH |
   *   ERR_FILE_MISSING | ERR_FILE_CORRUPT | ERR_FILE_VERSION | ERR_FILE_UNSUPPORTED | ERR_FILE_EXISTS |
   *   ERR_VECTOR_INVALID | ERR_KEY_EXISTS (several vectors of one key) | ERR_ABORTED | ERR_DISK_FULL |
   *   ERR_IO. Nothing is left behind then.
   */
  static importFrom(file: string, options: ImportOptions = NO_OPTIONS): Promise<VectorIndex> {
    return fileVerbs().importIndex(VectorIndex, file, options);
  }

  /** True once `close()` was called. */
  get isClosed(): boolean {
    return this.closing !== undefined;
  }

  /**
   * Appends vectors, durably, and links them into the graph.
   *
   * @param vectors  shape [n, dim]: a typed array, copied block by block (do not change it until the promise
   * settles), or an array of vectors. Cosine vectors are stored at unit length.
   * @returns their rows, contiguous
   * @throws ERR_ARG_TYPE | ERR_ARG_RANGE | ERR_DIM_MISMATCH | ERR_VECTOR_INVALID (not finite, or zero
   *   for cosine; names the vector) | ERR_KEY_EXISTS | ERR_ABORTED | ERR_DISK_FULL | ERR_IO. Nothing
   *   was added then, unless `details.rows` says how many.
   */
  async add(
    vectors: VectorsInput,
    options: AddOptions<K> = NO_OPTIONS,
  ): Promise<{ firstRow: number; rows: number }> {
    assertWritable(this.core);
    const job = checkAppend(this.core, vectors, options as AddOptions);
    return this.queued(() => append(this.core, job));
  }

  /**
   * Appends the rows of a vector file (`.npy`, `.fvecs`, `.bvecs`, `.ivecs`). The file may be larger than
   * memory: it is read in blocks, twice, to check all of it before anything is added.
   *
   * @returns the rows in the index, contiguous
   * @throws what `openVectors` and `add` throw; nothing was added then, unless `details.rows` says how
   *   many of the file's
   */
  async addFile(
    file: string,
    options: AddFileOptions = NO_OPTIONS,
  ): Promise<{ firstRow: number; rows: number }> {
    assertWritable(this.core);
    const { addFile, checkAddFile } = fileVerbs();
    const job = checkAddFile(file, options);
    return this.queued(() => addFile(this.core, job));
  }

  /**
   * Writes the live rows as stored (cosine: at unit length), float32, and their keys, int64, in row order,
   * as two `.npy` files. Each appears whole or not at all, the keys first. Writers wait.
   *
   * @throws ERR_ARG_TYPE | ERR_ARG_RANGE | ERR_ABORTED | ERR_DISK_FULL | ERR_IO | ERR_FILE_MISSING (no
   *   such folder) | ERR_FILE_CORRUPT (a damaged row is not written)
   */
  async exportFile(file: string, options: ExportOptions = NO_OPTIONS): Promise<ExportReport> {
    assertOpen(this.core);
    const { checkExport, exportFile } = fileVerbs();
    const job = checkExport(file, options);
    return this.queued(() => exportFile(this.core, job));
  }

  /**
   * Replaces the vectors of keys. One commit adds the new rows and removes the old ones: a search or a
   * crash sees either the old vector of a key or the new one. Inputs of more than about 4096 rows take
   * several commits.
   *
   * @param vectors  shape [keys.length, dim], as for `add`
   * @param options  `insertMissing` adds keys that are not there; without `metadata` keys keep theirs
   * @returns the new rows; the old ones stay in the files until `compact`
   * @throws ERR_NOT_FOUND (missing key, without `insertMissing`) | ERR_KEY_EXISTS (duplicate key), and what
   * `add` throws
   */
  async update(
    keys: KeysFor<K>,
    vectors: VectorsInput,
    options: UpdateOptions = NO_OPTIONS,
  ): Promise<{ firstRow: number; rows: number }> {
    assertWritable(this.core);
    const job = checkUpdate(this.core, keys, vectors, options);
    return this.queued(() => append(this.core, job));
  }

  /**
   * Replaces the metadata of keys, durably and in one commit; their rows and vectors stay.
   *
   * @param metadata  one per key; null or undefined for none
   * @throws ERR_ARG_TYPE | ERR_ARG_RANGE (also: more than 256 MiB at once) | ERR_DIM_MISMATCH |
   *   ERR_NOT_FOUND (missing key) | ERR_KEY_EXISTS (duplicate key) | ERR_DISK_FULL | ERR_IO. Nothing was
   *   changed then.
   */
  async setMetadata(
    keys: KeysFor<K>,
    metadata: readonly (Metadata | null | undefined)[],
  ): Promise<void> {
    assertWritable(this.core);
    const job = checkSetMetadata(this.core, keys, metadata);
    return this.queued(() => setMetadata(this.core, job));
  }

  /**
   * Removes keys, durably. Their rows stay in the files until `compact` but are never returned.
   *
   * @returns the number of keys removed
   */
  async remove(keys: KeysFor<K>): Promise<number> {
    assertWritable(this.core);
    const checked = checkAnyKeys(this.core, 'keys', keys);
    return this.queued(async () =>
      this.core.binding.remove(this.core.handle, knownIds(this.core, checked)),
    );
  }

  /** Drops the rows from `rowCount` on, durably. Rows they had replaced stay removed. */
  async rollbackTo(rowCount: number): Promise<void> {
    assertWritable(this.core);
    const rows = checkInteger('rowCount', rowCount, 0, MAX_ROWS);
    return this.queued(() => rollBack(this.core, rows));
  }

  /**
   * Rewrites the index without removed and replaced rows. Rows are renumbered, keys stay; bitsets of your
   * own become stale, see `compileFilter`. Searches continue, writers wait. The new files replace the old
   * ones in one step, also in case of a crash. Readers in other processes keep their open files and see the
   * new ones when they reopen. Needs disk space for both; takes as long as adding the live rows again.
   *
   * @throws ERR_ABORTED (also on close; the index is unchanged) | ERR_DISK_FULL | ERR_IO | ERR_FILE_CORRUPT
   * (a damaged row is not copied)
   */
  async compact(options: CompactOptions = NO_OPTIONS): Promise<CompactReport> {
    assertWritable(this.core);
    const job = checkCompact(options);
    return this.queued(() => compact(this.core, job));
  }

  /**
   * Finds the smallest efSearch that reaches a recall, measured against the exact scan, and makes it the
   * default of this index; stored in the folder unless it was opened read-only. Takes an exact scan per
   * query and a dozen rounds of searches.
   *
   * @throws ERR_ARG_TYPE | ERR_ARG_RANGE | ERR_NOT_FOUND (no live rows) | ERR_ABORTED | ERR_IO
   */
  async tune(options: TuneOptions = NO_OPTIONS): Promise<TuneReport> {
    assertOpen(this.core);
    const job = checkTune(options, this.dim);
    // As a writer: changes in between would invalidate the ground truth.
    return this.queued(async () => {
      const report = await tune(this.core, job);
      if (this.path !== undefined && !this.isReadOnly) {
        await keepTuning(this.core, { measured: report, storage: this.core.storage });
      }
      return report;
    });
  }

  /**
   * Writes a copy of the folder that opens by itself: rows, log, graph and tuning, as of now. Searches
   * continue; writers of this handle wait, those of other processes do not. The copy is read back and
   * checked before it is renamed, so this takes as long as reading the index twice. A reader backs up the
   * state it opened. Also works when the index's folder was deleted or replaced.
   *
   * @param target  an absent or empty folder outside the index's folder
   * @throws ERR_ARG_TYPE (also: an index in memory) | ERR_ARG_RANGE (inside the index's folder) |
   *   ERR_FILE_EXISTS | ERR_FILE_MISSING (no folder to put it in) | ERR_READ_ONLY | ERR_DISK_FULL | ERR_IO |
   *   ERR_FILE_CORRUPT (a damaged row is not copied) | ERR_ABORTED. Nothing is left behind then.
   */
  async backup(target: string, options: BackupOptions = NO_OPTIONS): Promise<BackupReport> {
    assertOpen(this.core);
    const job = checkBackup(target, options);
    return this.queued(() => backup(this.core, job));
  }

  /** Writes the graph snapshot, so that the next open need not link rows. Rows are durable without it. */
  async save(): Promise<void> {
    assertWritable(this.core);
    return this.queued(() => this.core.binding.save(this.core.handle, false));
  }

  /**
   * Prepares full search speed now: makes the codes of the storage (10 to 20 us of CPU a row), and copies
   * mapped rows and links into huge pages (Linux; 0.1 s per 100 MB). Otherwise an opened index does this in
   * the background after some hundred searches.
   *
   * @param options.rows whether to copy rows; default: for `inline`, if they take at most a quarter of the
   * free memory. `stats().bytesResident` counts them.
   * @throws ERR_ARG_TYPE | ERR_CLOSED | ERR_NO_MEMORY
   */
  async warm(options: WarmOptions = NO_OPTIONS): Promise<void> {
    assertOpen(this.core);
    const job = checkWarm(options);
    return this.queued(() => warm(this.core, job));
  }

  /** Reads every byte on disk, checks every link, and measures the recall if all is sound. */
  async verify(): Promise<IndexVerifyReport> {
    assertOpen(this.core);
    return this.queued(() => verify(this.core));
  }

  /**
   * Refuses new calls, waits for those in flight, saves the graph if it changed, and releases files, lock
   * and memory. Aborts a compaction. A second call returns the same promise.
   *
   * @throws what saving threw; the index is closed anyway, and the next open links again
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

  /** Runs work as the one writer, in order of the calls; then unlinks removed rows. */
  private async queued<T>(work: () => Promise<T>): Promise<T> {
    const result = await this.writes.run(work).catch(rethrow);
    unlinkIfDue(this.core);
    return result;
  }
}
