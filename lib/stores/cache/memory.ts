/** Embeddings in this process's memory: least recently used go first, counted in bytes. */
import { LRUCache } from 'lru-cache';
import { integer, readOptions, type OptionRules } from '../../base/options';
import {
  CacheCounts,
  setEach,
  type CacheReport,
  type CacheStats,
  type EmbeddingCache,
} from './contract';
import { checkTtl, matcherOf, TTL_SECONDS } from './key';

export interface MemoryCacheOptions {
  /** Of the vectors and their keys; default 64 MB, some 30,000 vectors of 512. */
  readonly maxBytes?: number;
  /** Seconds; default: until they are pushed out. */
  readonly ttlSeconds?: number;
}

const MEMORY_CACHE_OPTIONS: OptionRules<MemoryCacheOptions> = {
  maxBytes: integer(1, Number.MAX_SAFE_INTEGER),
  ttlSeconds: TTL_SECONDS,
};

const DEFAULT_BYTES = 64 << 20;
/** Key and book-keeping of an entry. */
const ENTRY_BYTES = 256;

export class MemoryCache implements EmbeddingCache {
  private readonly entries: LRUCache<string, Float32Array>;
  private readonly counts = new CacheCounts();

  constructor(given: MemoryCacheOptions = {}) {
    const options = readOptions('options', given, MEMORY_CACHE_OPTIONS);
    this.entries = new LRUCache({
      maxSize: options.maxBytes ?? DEFAULT_BYTES,
      sizeCalculation: (vector) => vector.byteLength + ENTRY_BYTES,
      ttl: options.ttlSeconds && options.ttlSeconds * 1000,
    });
  }

  /** Without a promise: a cached query answers in microseconds. */
  peek(key: string, dim: number): Float32Array | undefined {
    const vector = this.entries.get(key);
    return this.counts.found(vector?.length === dim ? vector.slice() : undefined);
  }

  get(key: string, dim: number): Promise<Float32Array | undefined> {
    return Promise.resolve(this.peek(key, dim));
  }

  getMany(keys: readonly string[], dim: number): Promise<(Float32Array | undefined)[]> {
    return Promise.resolve(keys.map((key) => this.peek(key, dim)));
  }

  async set(key: string, vector: Float32Array, ttlSeconds?: number): Promise<boolean> {
    const ttl = checkTtl(ttlSeconds);
    this.entries.set(key, vector.slice(), { ttl: ttl && ttl * 1000 });
    // What is larger than the whole cache is not kept.
    return this.entries.has(key);
  }

  setMany(
    entries: ReadonlyMap<string, Float32Array>,
    ttlSeconds?: number,
  ): Promise<ReadonlyMap<string, boolean>> {
    return setEach(this, entries, ttlSeconds);
  }

  clearPattern(pattern: string): Promise<number> {
    const matches = matcherOf(pattern);
    const gone = [...this.entries.keys()].filter(matches);
    for (const key of gone) this.entries.delete(key);
    return Promise.resolve(gone.length);
  }

  stats(): CacheStats {
    const { hits, misses, errors } = this.counts;
    const { size: entries, calculatedSize: bytes } = this.entries;
    return { kind: 'memory', hits, misses, errors, isReachable: true, entries, bytes };
  }

  async getStats(): Promise<CacheReport> {
    this.entries.purgeStale();
    const { size: totalKeys, calculatedSize: memoryUsed } = this.entries;
    return { ...this.stats(), totalKeys, memoryUsed };
  }

  close(): Promise<void> {
    this.entries.clear();
    return Promise.resolve();
  }
}
