/** Opens a service from the names of a model and a cache. */
import { homedir } from 'node:os';
import path from 'node:path';
import {
  CLIP_OPTIONS,
  openClip,
  openTextEncoder,
  type ClipModel,
  type ClipOptions,
} from '../encode';
import { makeError } from '../base/errors';
import {
  ANYTHING,
  FUNCTION,
  objectOf,
  readOptions,
  RECORD,
  TEXT,
  type OptionRules,
} from '../base/options';
import { decodeImage } from '../media';
import {
  DiskCache,
  LayeredCache,
  MemoryCache,
  NoCache,
  RedisCache,
  type EmbeddingCache,
} from '../stores/cache';
import { EmbeddingService } from './embedding-service';
import { serviceSettings } from './settings';

export interface OpenServiceOptions {
  /**
   * For pictures, and for texts unless `textModel` says otherwise: `builtin`, a folder in the Hugging
   * Face layout, or a name of the model store. Default: EMBEDDING_IMAGE_MODEL_NAME, CLIP_MODEL_NAME or
   * `builtin`.
   */
  readonly model?: string;
  /**
   * Model for texts: like `model`, or a sentence encoder such as `all-MiniLM-L6-v2`, whose vectors are
   * comparable with each other, not with pictures. Default: EMBEDDING_TEXT_MODEL_NAME (not with `clip`), or
   * `model`.
   */
  readonly textModel?: string;
  /** An open model; the caller closes it. */
  readonly clip?: ClipModel;
  /** Default: EMBEDDING_REDIS_URL if it is set, else `memory`. */
  readonly cache?: CacheName;
  readonly encoder?: ClipOptions;
  /** Called when the cache goes away or comes back; default: a process warning. */
  readonly onNotice?: (line: string) => void;
  readonly env?: NodeJS.ProcessEnv;
}

const OPEN_OPTIONS: OptionRules<OpenServiceOptions> = {
  model: TEXT,
  textModel: TEXT,
  clip: ANYTHING,
  cache: TEXT,
  encoder: objectOf(CLIP_OPTIONS),
  onNotice: FUNCTION,
  env: RECORD,
};

/** `none`, `memory`, `disk`, `disk:FOLDER` or `redis://HOST:PORT/DB`. */
export type CacheName = string;

/**
 * @throws ERR_ARG_RANGE for an invalid cache or setting, and what opening a model throws. An unreachable
 * Redis is no error.
 */
export async function openEmbeddingService(
  given: OpenServiceOptions = {},
): Promise<EmbeddingService> {
  const options = readOptions('options', given, OPEN_OPTIONS);
  const env = options.env ?? process.env;
  const settings = serviceSettings(env);
  const notice =
    options.onNotice ?? ((line: string) => process.emitWarning(line, { code: 'SIGHTLINE_CACHE' }));
  const encoder = { env, ...options.encoder };
  const clip =
    options.clip ?? (await openClip(options.model ?? settings.imageModel ?? 'builtin', encoder));
  // The variable is for stand-alone services: a library must not need a model it never uses.
  const textModel =
    options.textModel ?? (options.clip === undefined ? settings.textModel : undefined);
  const text = textModel === undefined ? undefined : await openTextEncoder(textModel, encoder);
  const cache = openCache(options.cache ?? settings.redisUrl ?? 'memory', {
    ttlSeconds: settings.cacheTtlSeconds,
    onNotice: notice,
    env,
  });
  return new EmbeddingService({
    instruction: text ?? clip.text,
    image: clip.image,
    // Decodes in a child process, which may crash on a hostile file; the vectors equal those of a sync.
    prepareImage: async (bytes) => (await decodeImage({ bytes })).jpeg,
    cache,
    isEnabled: settings.isEnabled,
    close: async () => {
      await text?.close();
      if (options.clip === undefined) await clip.close();
    },
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
  if (name === 'none') return new NoCache();
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
    `the cache must be none, memory, disk, disk:FOLDER or redis://HOST:PORT, received "${name}"`,
  );
}

/** The user's cache folder (XDG Base Directory Specification). */
function cacheFolder(env: NodeJS.ProcessEnv): string {
  const base = env['XDG_CACHE_HOME'] ?? '';
  return path.join(
    path.isAbsolute(base) ? base : path.join(homedir(), '.cache'),
    'sightline',
    'embeddings',
  );
}
