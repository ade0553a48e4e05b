/**
 * The `EMBEDDING_*` settings of spec 002 that concern the service, with their documented defaults.
 * Models, devices and result counts are settings of the whole package: see `config.ts`.
 */
import { makeError } from '../errors';

export interface ServiceSettings {
  /** EMBEDDING_ENABLE_EMBEDDINGS */
  readonly isEnabled: boolean;
  /** EMBEDDING_REDIS_URL; undefined: none. */
  readonly redisUrl: string | undefined;
  /** EMBEDDING_CACHE_TTL, seconds. */
  readonly cacheTtlSeconds: number;
  /** EMBEDDING_SIMILARITY_THRESHOLD */
  readonly similarityThreshold: number;
  /** EMBEDDING_SIMILARITY_TOP_K */
  readonly similarityTopK: number;
  /** EMBEDDING_USE_HNSW_INDEX; false: IVFFlat */
  readonly useHnswIndex: boolean;
  readonly hnswM: number;
  readonly hnswEfConstruction: number;
}

/** @throws ERR_ARG_RANGE naming the variable, what it takes and what it was given */
export function serviceSettings(env: NodeJS.ProcessEnv = process.env): ServiceSettings {
  const text = (name: string): string | undefined => {
    const value = env[`EMBEDDING_${name}`]?.trim();
    return value === undefined || value === '' || value === 'null' ? undefined : value;
  };
  const refuse = (name: string, what: string): never => {
    throw makeError(
      'ERR_ARG_RANGE',
      `EMBEDDING_${name} takes ${what}, received ${JSON.stringify(text(name))}`,
    );
  };
  const truth = (name: string, fallback: boolean): boolean => {
    const value = text(name)?.toLowerCase();
    if (value === undefined) return fallback;
    if (['true', '1', 'yes', 'on'].includes(value)) return true;
    if (['false', '0', 'no', 'off'].includes(value)) return false;
    return refuse(name, 'true or false');
  };
  const number = (name: string, fallback: number, low: number, high: number, whole = true) => {
    const value = text(name);
    if (value === undefined) return fallback;
    const parsed = Number(value);
    const isGood = parsed >= low && parsed <= high && (!whole || Number.isInteger(parsed));
    return isGood
      ? parsed
      : refuse(name, `a ${whole ? 'whole ' : ''}number from ${low} to ${high}`);
  };
  return {
    isEnabled: truth('ENABLE_EMBEDDINGS', true),
    redisUrl: text('REDIS_URL'),
    cacheTtlSeconds: number('CACHE_TTL', 300, 1, 31_536_000),
    similarityThreshold: number('SIMILARITY_THRESHOLD', 0.7, 0, 1, false),
    similarityTopK: number('SIMILARITY_TOP_K', 10, 1, 1000),
    useHnswIndex: truth('USE_HNSW_INDEX', true),
    hnswM: number('HNSW_M', 16, 2, 100),
    hnswEfConstruction: number('HNSW_EF_CONSTRUCTION', 64, 4, 1000),
  };
}
