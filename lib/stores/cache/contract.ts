/** The interface of embedding caches. Losing an entry costs time, never correctness. */

export interface CacheStats {
  readonly kind: 'memory' | 'disk' | 'redis' | 'layered' | 'none';
  readonly hits: number;
  readonly misses: number;
  /** Failed reads (counted as misses) and failed writes. */
  readonly errors: number;
  /** False while the store is unreachable: then everything is a miss. */
  readonly isReachable: boolean;
  /** Where they are known. */
  readonly entries?: number;
  readonly bytes?: number;
}

/** What has to be counted, or asked of a server. */
export interface CacheReport extends CacheStats {
  /** Embeddings in the store. */
  readonly totalKeys: number;
  /** Bytes: of the entries; of Redis the whole server's. */
  readonly memoryUsed: number;
}

/**
 * Keys are those of `key.ts`. Failures never throw: if the store is unreachable, full or damaged, reads
 * miss, writes are dropped, and `stats().errors` counts them. Vectors are copied in and out.
 */
export interface EmbeddingCache {
  get(key: string, dim: number): Promise<Float32Array | undefined>;
  /** In the order of `keys`. */
  getMany(keys: readonly string[], dim: number): Promise<(Float32Array | undefined)[]>;
  /**
   * @param ttlSeconds  how long it may be given out, more than 0; default: what the store was made with
   * @returns whether it is kept
   */
  set(key: string, vector: Float32Array, ttlSeconds?: number): Promise<boolean>;
  /** @returns by key, whether it is kept */
  setMany(
    entries: ReadonlyMap<string, Float32Array>,
    ttlSeconds?: number,
  ): Promise<ReadonlyMap<string, boolean>>;
  /**
   * Removes matching entries; `*` matches any characters. The prefix `embedding:` of all keys may be left
   * out: `image:*`, or `*` for all embeddings. Other keys in the same Redis never match.
   *
   * @returns the number of removed entries
   * @throws ERR_STORE_UNAVAILABLE when the store is unreachable: the caller must know
   */
  clearPattern(pattern: string): Promise<number>;
  stats(): CacheStats;
  /**
   * Counts entries in time proportional to the store: for people and dashboards, not for every request.
   *
   * @throws ERR_STORE_UNAVAILABLE when the store cannot be reached
   */
  getStats(): Promise<CacheReport>;
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

/** `setMany` of stores that keep one at a time. */
export async function setEach(
  cache: Pick<EmbeddingCache, 'set'>,
  entries: ReadonlyMap<string, Float32Array>,
  ttlSeconds: number | undefined,
): Promise<ReadonlyMap<string, boolean>> {
  const kept = new Map<string, boolean>();
  for (const [key, vector] of entries) kept.set(key, await cache.set(key, vector, ttlSeconds));
  return kept;
}
