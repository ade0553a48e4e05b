/**
 * Caches of embeddings: in memory, in a folder, in Redis. Knows nothing of models, libraries or HTTP. May
 * use errors and plain types.
 */
export type { CacheReport, CacheStats, EmbeddingCache } from './contract';
export { DiskCache, type DiskCacheOptions } from './disk';
export { cacheKey, TTL_SECONDS, type EmbeddingKind } from './key';
export { LayeredCache } from './layered';
export { NoCache } from './none';
export { MemoryCache, type MemoryCacheOptions } from './memory';
export { RedisCache, type RedisCacheOptions } from './redis';
