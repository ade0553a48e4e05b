/** No cache: for measuring, and for those who keep vectors themselves. */
import { CacheCounts, type CacheReport, type CacheStats, type EmbeddingCache } from './contract';

export class NoCache implements EmbeddingCache {
  private readonly counts = new CacheCounts();

  async get(): Promise<undefined> {
    this.counts.misses++;
  }

  async getMany(keys: readonly string[]): Promise<undefined[]> {
    this.counts.misses += keys.length;
    return keys.map(() => undefined);
  }

  async set(): Promise<boolean> {
    return false;
  }

  async setMany(entries: ReadonlyMap<string, Float32Array>): Promise<ReadonlyMap<string, boolean>> {
    return new Map([...entries.keys()].map((key) => [key, false]));
  }

  async clearPattern(): Promise<number> {
    return 0;
  }

  stats(): CacheStats {
    const { hits, misses, errors } = this.counts;
    return { kind: 'none', hits, misses, errors, isReachable: true, entries: 0, bytes: 0 };
  }

  async getStats(): Promise<CacheReport> {
    return { ...this.stats(), totalKeys: 0, memoryUsed: 0 };
  }

  async close(): Promise<void> {}
}
