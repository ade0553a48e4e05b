/** What every cache of embeddings can do. Losing an entry costs time, never an answer. */

/** A year, as EMBEDDING_CACHE_TTL. */
export const MAX_TTL_SECONDS = 31_536_000;

export interface CacheStats {
  readonly kind: 'memory' | 'disk' | 'redis' | 'layered' | 'none';
  readonly hits: number;
  readonly misses: number;
  /** Reads and writes that failed and were answered as a miss, or not kept. */
  readonly errors: number;
  /** False while the store cannot be reached: everything is a miss then. */
  readonly isReachable: boolean;
  /** Where they are known. */
  readonly entries?: number;
  readonly bytes?: number;
}

/**
 * Keys are those of `key.ts`. Nothing here throws for a store that is away, full or damaged: reads
 * miss, writes are dropped, and `stats().errors` counts them. Vectors are copied in and out.
 */
export interface EmbeddingCache {
  get(key: string, dim: number): Promise<Float32Array | undefined>;
  /** In the order of `keys`. */
  getMany(keys: readonly string[], dim: number): Promise<(Float32Array | undefined)[]>;
  set(key: string, vector: Float32Array): Promise<void>;
  setMany(entries: ReadonlyMap<string, Float32Array>): Promise<void>;
  /**
   * Drops what matches; `*` stands for any characters, for example `embedding:image:*`.
   *
   * @returns how many entries went
   * @throws ERR_STORE_UNAVAILABLE when the store cannot be reached: who clears has to know
   */
  clearPattern(pattern: string): Promise<number>;
  stats(): CacheStats;
  /** Idempotent. */
  close(): Promise<void>;
}

/** Counts that all stores keep alike. */
export class CacheCounts {
  hits = 0;
  misses = 0;
  errors = 0;

  found<T>(value: T | undefined): T | undefined {
    if (value === undefined) this.misses++;
    else this.hits++;
    return value;
  }
}
