/** A small memory cache before a slower one: values of the slower one are kept in the first. */
import type { CacheReport, CacheStats, EmbeddingCache } from './contract';

export class LayeredCache implements EmbeddingCache {
  private hits = 0;
  private misses = 0;

  constructor(
    private readonly first: EmbeddingCache,
    private readonly second: EmbeddingCache,
  ) {}

  async get(key: string, dim: number): Promise<Float32Array | undefined> {
    return (await this.getMany([key], dim))[0];
  }

  async getMany(keys: readonly string[], dim: number): Promise<(Float32Array | undefined)[]> {
    const found = await this.first.getMany(keys, dim);
    const missing = keys.filter((_, i) => found[i] === undefined);
    if (missing.length > 0) {
      const slower = await this.second.getMany(missing, dim);
      const fresh = new Map<string, Float32Array>();
      missing.forEach((key, i) => {
        const vector = slower[i];
        if (vector === undefined) return;
        fresh.set(key, vector);
        keys.forEach((wanted, at) => {
          if (wanted === key) found[at] ??= vector;
        });
      });
      await this.first.setMany(fresh);
    }
    for (const vector of found) {
      if (vector === undefined) this.misses++;
      else this.hits++;
    }
    return found;
  }

  async set(key: string, vector: Float32Array, ttlSeconds?: number): Promise<boolean> {
    const near = await this.first.set(key, vector, ttlSeconds);
    return (await this.second.set(key, vector, ttlSeconds)) || near;
  }

  async setMany(
    entries: ReadonlyMap<string, Float32Array>,
    ttlSeconds?: number,
  ): Promise<ReadonlyMap<string, boolean>> {
    const near = await this.first.setMany(entries, ttlSeconds);
    const far = await this.second.setMany(entries, ttlSeconds);
    return new Map([...near].map(([key, kept]) => [key, kept || far.get(key) === true]));
  }

  async clearPattern(pattern: string): Promise<number> {
    const [near, far] = [
      await this.first.clearPattern(pattern),
      await this.second.clearPattern(pattern),
    ];
    return Math.max(near, far);
  }

  stats(): CacheStats {
    const slower = this.second.stats();
    return {
      ...slower,
      kind: 'layered',
      hits: this.hits,
      misses: this.misses,
      errors: this.first.stats().errors + slower.errors,
    };
  }

  /** Of the second, which has all that the first has. */
  async getStats(): Promise<CacheReport> {
    return { ...(await this.second.getStats()), ...this.stats() };
  }

  async close(): Promise<void> {
    await this.first.close();
    await this.second.close();
  }
}
