/**
 * The `EMBEDDING_*` settings of spec 002 that concern the service. The encoders read those of models and
 * devices, the vector stores those of search.
 */
import { numberOf, textOf, truthOf, type Variables } from '../base/environment';

export interface ServiceSettings {
  /** EMBEDDING_ENABLE_EMBEDDINGS; default true. */
  readonly isEnabled: boolean;
  /** EMBEDDING_TEXT_MODEL_NAME; undefined: the text side of the image model. */
  readonly textModel: string | undefined;
  /** EMBEDDING_IMAGE_MODEL_NAME or CLIP_MODEL_NAME; undefined: the built-in model. */
  readonly imageModel: string | undefined;
  /** EMBEDDING_REDIS_URL; undefined: none. */
  readonly redisUrl: string | undefined;
  /** EMBEDDING_CACHE_TTL, seconds; default 300. */
  readonly cacheTtlSeconds: number;
}

/**
 * EMBEDDING_CACHE_MAX_CONNECTIONS is checked but has no effect: one connection carries any number of
 * concurrent commands.
 *
 * @throws ERR_ARG_RANGE naming the variable, the expected and the received value
 */
export function serviceSettings(env: Variables = process.env): ServiceSettings {
  numberOf(env, 'EMBEDDING_CACHE_MAX_CONNECTIONS', 1, 1000);
  return {
    isEnabled: truthOf(env, 'EMBEDDING_ENABLE_EMBEDDINGS') ?? true,
    textModel: textOf(env, 'EMBEDDING_TEXT_MODEL_NAME'),
    imageModel: textOf(env, 'EMBEDDING_IMAGE_MODEL_NAME') ?? textOf(env, 'CLIP_MODEL_NAME'),
    redisUrl: textOf(env, 'EMBEDDING_REDIS_URL'),
    cacheTtlSeconds: numberOf(env, 'EMBEDDING_CACHE_TTL', 1, 31_536_000) ?? 300,
  };
}
