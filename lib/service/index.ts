/**
 * The embedding service: turns texts and pictures into vectors, through a cache in memory, in a folder or
 * in Redis. Knows nothing of libraries, indexes or HTTP. May use `encode/`, `stores/`, `media/` and
 * `base/`.
 */
export {
  EmbeddingService,
  type BatchOutput,
  type EmbeddingServiceParts,
  type EmbedOptions,
} from './embedding-service';
export { openAudioEmbedder, openVideoEmbedder, type FileEmbedder } from './file-embedder';
export { MAX_BATCH, type BatchInput, type Picture } from './inputs';
export type { ServiceMetrics } from './metrics';
export { openCache, openEmbeddingService, type CacheName, type OpenServiceOptions } from './open';
export { serviceSettings, type ServiceSettings } from './settings';
