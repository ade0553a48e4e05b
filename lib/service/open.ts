/** Opens a service from names: a model, a cache. */
import { homedir } from 'node:os';
import path from 'node:path';
import { openClip, type ClipModel, type ClipOptions } from '../encode';
import { makeError } from '../errors';
import { decodeImage } from '../media';
import {
  DiskCache,
  LayeredCache,
  MemoryCache,
  RedisCache,
  type EmbeddingCache,
} from '../stores/cache';
import { EmbeddingService } from './embedding-service';
import { serviceSettings } from './settings';

export interface OpenServiceOptions {
  /** `builtin`, a folder in the Hugging Face layout, or a repository of the model store. */
  readonly model?: string;
  /** A model that is open already; the caller closes it. */
  readonly clip?: ClipModel;
  /** Default: EMBEDDING_REDIS_URL if it is set, else `memory`. */
  readonly cache?: CacheName;
  readonly encoder?: ClipOptions;
  /** One line when the cache goes away or is back; default: a process warning. */
  readonly onNotice?: (line: string) => void;
  readonly env?: NodeJS.ProcessEnv;
}

/** `none`, `memory`, `disk`, `disk:FOLDER` or `redis://HOST:PORT/DB`. */
export type CacheName = string;

/**
 * @throws ERR_ARG_RANGE for a cache or setting that is none, and what opening a model throws.
 *   A Redis that is away is no error.
 */
export async function openEmbeddingService(
  options: OpenServiceOptions = {},
): Promise<EmbeddingService> {
  const env = options.env ?? process.env;
  const settings = serviceSettings(env);
  const notice =
    options.onNotice ?? ((line: string) => process.emitWarning(line, { code: 'SIGHTLINE_CACHE' }));
  const cache = openCache(options.cache ?? settings.redisUrl ?? 'memory', {
    ttlSeconds: settings.cacheTtlSeconds,
    onNotice: notice,
    env,
  });
  const clip =
    options.clip ?? (await openClip(options.model ?? 'builtin', { env, ...options.encoder }));
  return new EmbeddingService({
    instruction: clip.text,
    image: clip.image,
    // In a child, which may die of a hostile file; the vectors are those a sync would store.
    prepareImage: async (bytes) => (await decodeImage({ bytes })).jpeg,
    cache,
    ...(options.clip === undefined ? { close: () => clip.close() } : {}),
  });
}

interface CacheParts {
  readonly ttlSeconds: number;
  readonly onNotice: (line: string) => void;
  readonly env: NodeJS.ProcessEnv;
}

/** @throws ERR_ARG_RANGE */
export function openCache(name: CacheName, parts: CacheParts): EmbeddingCache {
  const memory = (): MemoryCache => new MemoryCache({ ttlSeconds: parts.ttlSeconds });
  if (name === 'none') return new MemoryCache({ maxBytes: 1 });
  if (name === 'memory') return memory();
  if (name === 'disk' || name.startsWith('disk:')) {
    const folder = name === 'disk' ? cacheFolder(parts.env) : name.slice('disk:'.length);
    return new LayeredCache(memory(), new DiskCache({ folder: path.resolve(folder) }));
  }
  if (/^rediss?:/.test(name)) {
    const { ttlSeconds, onNotice } = parts;
    return new RedisCache({ url: name, ttlSeconds, onNotice });
  }
  throw makeError(
    'ERR_ARG_RANGE',
    `a cache is none, memory, disk, disk:FOLDER or redis://HOST:PORT, not "${name}"`,
  );
}

/** Where this user's caches belong (XDG Base Directory Specification). */
function cacheFolder(env: NodeJS.ProcessEnv): string {
  const base = env['XDG_CACHE_HOME'] ?? '';
  return path.join(
    path.isAbsolute(base) ? base : path.join(homedir(), '.cache'),
    'sightline',
    'embeddings',
  );
}
