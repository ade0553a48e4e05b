/** What one native index answers without a change: searches, filters, rows, keys, metadata, figures. */
import { assertOpen, attempt, type IndexCore } from './core';
import { statsOf } from './figures';
import type { OneVectorInput } from './arguments/input';
import { compileFilter } from './search/filters';
import { searchBatch, searchOne, searchSync } from './search/search';
import { copyAnyKeys, copyKeys, copyVectors, metadataOf, rowOf } from './rows';
import type {
  BatchHits,
  BatchOptions,
  Filter,
  Hits,
  IndexStats,
  Key,
  KeysOf,
  KeyType,
  Metadata,
  Metric,
  SearchOptions,
  VectorsInput,
} from './types';

const NO_OPTIONS = {};

/** The reading half of `VectorIndex`, which has the rules of threads and closing. */
export abstract class IndexReader<K extends Key> {
  readonly dim: number;
  readonly metric: Metric;
  /** Folder, absolute; undefined in memory. */
  readonly path: string | undefined;
  readonly isReadOnly: boolean;
  readonly keyType: KeyType;

  protected constructor(protected readonly core: IndexCore) {
    this.dim = core.dim;
    this.metric = core.metric;
    this.isReadOnly = core.info.readOnly;
    this.path = core.path;
    this.keyType = core.strings === undefined ? 'integer' : 'string';
  }

  /** Rows, including removed ones. */
  get count(): number {
    return this.core.binding.count(this.core.handle);
  }

  get liveCount(): number {
    return this.core.binding.liveCount(this.core.handle);
  }

  /**
   * Finds the k nearest live rows through the graph; a small index or a narrow filter is scanned instead.
   * Returns `min(k, matches)` results, fewer only with `threshold`. Blocks for some hundred microseconds.
   *
   * @param query  dim values, any length > 0
   * @throws ERR_ARG_TYPE | ERR_ARG_RANGE | ERR_DIM_MISMATCH | ERR_VECTOR_INVALID | ERR_FILE_CORRUPT
   */
  search(query: OneVectorInput, k: number, options: SearchOptions<K> = NO_OPTIONS): Hits<K> {
    const found = searchSync(this.core, query, k, options as SearchOptions, false);
    return found as Hits<never>;
  }

  /** The same by linear scan: ground truth. Blocks for milliseconds. */
  searchExact(query: OneVectorInput, k: number, options: SearchOptions<K> = NO_OPTIONS): Hits<K> {
    const found = searchSync(this.core, query, k, options as SearchOptions, true);
    return found as Hits<never>;
  }

  /** `search` off the main thread. */
  async searchAsync(
    query: OneVectorInput,
    k: number,
    options: SearchOptions<K> = NO_OPTIONS,
  ): Promise<Hits<K>> {
    const found = await searchOne(this.core, query, k, options as SearchOptions, false);
    return found as Hits<never>;
  }

  /** `searchExact` off the main thread. */
  async searchExactAsync(
    query: OneVectorInput,
    k: number,
    options: SearchOptions<K> = NO_OPTIONS,
  ): Promise<Hits<K>> {
    const found = await searchOne(this.core, query, k, options as SearchOptions, true);
    return found as Hits<never>;
  }

  /**
   * Many queries at once, off the main thread.
   *
   * @param queries  shape [q, dim]
   * @returns shape [q, k]
   * @throws as `search`, and ERR_ABORTED
   */
  async searchBatch(
    queries: VectorsInput,
    k: number,
    options: BatchOptions<K> = NO_OPTIONS,
  ): Promise<BatchHits<K>> {
    const found = await searchBatch(this.core, queries, k, options as BatchOptions);
    return found as BatchHits<never>;
  }

  /**
   * Compiles keys, a predicate on keys or a metadata filter to a bitset over rows, for many searches of this index. It stays
   * valid: searches rebuild it when rows are added, keys get other rows or `compact` renumbers. A bitset of
   * your own over the current rows is valid until rows are renumbered.
   *
   * @throws ERR_ARG_TYPE (also: the predicate returns neither true nor false, for example a promise) |
   * ERR_ARG_RANGE, and what the predicate throws
   */
  compileFilter(filter: Filter<K>): Uint8Array {
    assertOpen(this.core);
    return attempt(() => compileFilter(this.core, filter as Filter));
  }

  /**
   * Copies of rows as stored, including removed ones.
   *
   * @returns shape [rows.length, dim]
   * @throws ERR_ARG_RANGE for a row that does not exist
   */
  vectors(rows: ArrayLike<number>): Float32Array {
    return copyVectors(this.core, rows);
  }

  /**
   * Keys the rows were added with, including removed ones; NaN for keys beyond 2^53 - 1.
   *
   * @throws ERR_ARG_TYPE | ERR_ARG_RANGE for a row that does not exist
   */
  keysOf(rows: ArrayLike<number>): KeysOf<K> {
    return copyAnyKeys(this.core, rows) as KeysOf<K>;
  }

  /**
   * Metadata of rows, including removed ones; undefined for rows without.
   *
   * @throws ERR_ARG_TYPE | ERR_ARG_RANGE for a row that does not exist
   */
  metadataOf(rows: ArrayLike<number>): (Metadata | undefined)[] {
    return metadataOf(this.core, rows);
  }

  /** Integer keys with all 64 bits. @throws ERR_ARG_TYPE (string keys), and as `keysOf` */
  keys64Of(rows: ArrayLike<number>): BigInt64Array {
    return copyKeys(this.core, rows, BigInt64Array);
  }

  /** The live row of a key. */
  rowOf(key: K extends string ? string : number | bigint): number | undefined {
    return rowOf(this.core, key);
  }

  /** Whether the codes of the storage are made, see `warm`; always true for `f32`. */
  get isWarm(): boolean {
    assertOpen(this.core);
    return this.core.binding.uncoded(this.core.handle) === 0;
  }

  stats(): IndexStats {
    assertOpen(this.core);
    return statsOf(this.core);
  }
}
