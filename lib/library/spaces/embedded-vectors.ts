/**
 * The embedded engine as a `VectorStore`. Only an adapter: checks, results and errors are the engine's, and
 * a search stays one synchronous call.
 */
import { stat } from 'node:fs/promises';
import path from 'node:path';
import { makeError } from '../../base/errors';
import { COMMIT_LOG } from '../../base/files/names';
import type {
  StoreAddOptions,
  StoreFigures,
  StoreFilter,
  StoreHits,
  StoreKeys,
  StoreReport,
  StoreSearchOptions,
  VectorStore,
} from '../../stores/vectors';
import type { Filter, Metric, SearchOptions, VectorIndex } from '../../vectors';

/** Most rows that one query compares while there are no codes: a tenth of a second of reading. */
const SCANNED_BYTES = 1 << 30;

export class EmbeddedVectors implements VectorStore {
  readonly dim: number;
  readonly metric: Metric;
  private stamp: string | undefined;
  /** The first write to a copy makes an index of its own out of it. */
  private isWritten = false;

  /**
   * @param index  owned by the store
   * @param reopen  opens another reader of the same folder; only for read-only indexes
   */
  constructor(
    private index: VectorIndex,
    private readonly reopen?: () => Promise<VectorIndex>,
  ) {
    this.dim = index.dim;
    this.metric = index.metric;
  }

  get count(): number {
    return this.index.count;
  }

  get liveCount(): number {
    return this.index.liveCount;
  }

  /** A writer knows its changes; a reader reopens when the commit log has changed. */
  async refresh(expectedRows?: number): Promise<void> {
    const { path: folder } = this.index;
    if (this.reopen === undefined || folder === undefined) return;
    const info = await stat(path.join(folder, COMMIT_LOG)).catch(() => undefined);
    const stamp = info && `${info.ino}:${info.size}:${info.mtimeMs}`;
    if (stamp === undefined || stamp === this.stamp) return;
    const isCurrent = this.stamp === undefined && this.count === expectedRows;
    if (!isCurrent) {
      const old = this.index;
      this.index = await this.reopen();
      await old.close();
    }
    // Set last: a failed check is repeated.
    this.stamp = stamp;
  }

  async add(
    vectors: Float32Array,
    options: StoreAddOptions,
  ): Promise<{ firstRow: number; rows: number }> {
    const added = await this.index.add(vectors, engineOptions(options));
    this.isWritten = true;
    return added;
  }

  async upsert(
    vectors: Float32Array,
    options: StoreAddOptions,
  ): Promise<{ firstRow: number; rows: number }> {
    const { keys, ...more } = engineOptions(options);
    const updated = await this.index.update(keys, vectors, { insertMissing: true, ...more });
    this.isWritten = true;
    return updated;
  }

  async remove(keys: StoreKeys): Promise<number> {
    const removed = await this.index.remove(keys);
    this.isWritten ||= removed > 0;
    return removed;
  }

  async rollbackTo(rowCount: number): Promise<void> {
    const before = this.count;
    await this.index.rollbackTo(rowCount);
    this.isWritten ||= this.count < before;
  }

  /**
   * Synchronous once the engine's codes are made: text queries among pictures are then recognized and
   * answered as completely as picture queries. Before (until `warm`, or some hundred searches) a graph
   * search would miss a third of the results of text queries, so all rows are compared, off this thread,
   * unless there are too many.
   */
  search(
    query: Float32Array,
    k: number,
    options: StoreSearchOptions = {},
  ): StoreHits | Promise<StoreHits> {
    const checked = this.optionsOf(options);
    const isCold = !this.index.isWarm && this.index.count * this.dim * 4 <= SCANNED_BYTES;
    return isCold
      ? this.index.searchExactAsync(query, k, checked)
      : this.index.search(query, k, checked);
  }

  warm(): Promise<void> {
    return this.index.warm({ threads: 1 });
  }

  async searchExact(
    query: Float32Array,
    k: number,
    options: StoreSearchOptions = {},
  ): Promise<StoreHits> {
    return this.index.searchExactAsync(query, k, this.optionsOf(options));
  }

  async get(keys: StoreKeys): Promise<(Float32Array | undefined)[]> {
    const rows = await this.rowsOf(keys);
    return rows.map((row) => (row === undefined ? undefined : this.index.vectors([row])));
  }

  async rowsOf(keys: StoreKeys): Promise<(number | undefined)[]> {
    return Array.from(keys, (key) => this.index.rowOf(key));
  }

  async keys(): Promise<Float64Array> {
    const keys = this.index.keysOf(Uint32Array.from({ length: this.count }, (_, row) => row));
    return keys.filter((key, row) => this.index.rowOf(key) === row);
  }

  save(): Promise<void> {
    return this.index.save();
  }

  async compact(options: { readonly signal?: AbortSignal }): Promise<void> {
    await this.index.compact(options);
  }

  verify(): Promise<StoreReport> {
    return this.index.verify();
  }

  figures(): StoreFigures {
    const { graphRows, maxLevel, kernel, bytesOnDisk, recovered } = this.index.stats();
    return {
      ...{ where: 'embedded', indexedRows: graphRows, maxLevel, kernel, bytesOnDisk },
      ...(recovered === undefined || this.isWritten ? {} : { recovered }),
    };
  }

  close(): Promise<void> {
    return this.index.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  private optionsOf(options: StoreSearchOptions): SearchOptions {
    const { filter, efSearch, threshold } = options;
    return {
      efSearch,
      threshold,
      filter: filter && this.filterOf(filter),
    };
  }

  private filterOf(filter: StoreFilter): Filter {
    const { rows, keys, columns, metadata } = filter;
    if (columns !== undefined || metadata !== undefined) throw noAttributes();
    // Row numbers are current: nothing was awaited since the catalog gave them.
    if (keys === undefined) {
      return this.index.compileFilter(rows ?? new Uint8Array((this.count + 7) >> 3).fill(0xff));
    }
    if (rows === undefined) return keys;
    const both = this.index.compileFilter(keys);
    for (let i = 0; i < both.length; i++) both[i] = (both[i] as number) & (rows[i] ?? 0);
    return both;
  }
}

function engineOptions(options: StoreAddOptions): Pick<StoreAddOptions, 'keys' | 'signal'> {
  const { keys, signal, attributes } = options;
  if (attributes !== undefined) throw noAttributes();
  return { keys, signal };
}

const noAttributes = (): Error =>
  makeError(
    'ERR_ARG_RANGE',
    'the embedded engine keeps keys and vectors only: filter by `keys` or `rows`, or use PostgreSQL',
  );
