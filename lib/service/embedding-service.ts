/**
 * Embeds instructions (texts) and images through a cache, as spec 002 describes. Concurrent requests for
 * equal inputs compute once.
 */
import { types } from 'node:util';
import { throwIfAborted, untilAborted } from '../base/abort';
import { isLibraryError, makeError, type LibraryError } from '../base/errors';
import { debug } from '../base/debug';
import type { ImageEncoder, SentenceEncoder } from '../encode';
import {
  ANYTHING,
  BOOLEAN,
  FUNCTION,
  readOptions,
  SIGNAL,
  type OptionRules,
} from '../base/options';
import { pngOf } from '../media';
import {
  cacheKey,
  TTL_SECONDS,
  MemoryCache,
  type EmbeddingCache,
  type EmbeddingKind,
} from '../stores/cache';
import {
  BATCH_INPUT,
  bytesOf,
  checkBatch,
  checkImage,
  checkText,
  type BatchInput,
  type CheckedPicture,
  type Input,
  type Picture,
} from './inputs';
import type * as Metrics from './metrics';
import { encodeEach, first, whole, type Computed, type Outcome } from './outcomes';

export interface EmbeddingServiceParts {
  readonly instruction: SentenceEncoder;
  readonly image: ImageEncoder;
  /**
   * Prepares a picture for the model's workers, for example by decoding it in a child process that may
   * crash. Default: unchanged.
   */
  readonly prepareImage?: (image: Uint8Array) => Promise<Uint8Array>;
  /** Default: 64 MB in memory. The service closes it. */
  readonly cache?: EmbeddingCache;
  /** False: every call is ERR_CLOSED, as EMBEDDING_ENABLE_EMBEDDINGS=false asks for. Default true. */
  readonly isEnabled?: boolean;
  /** Releases the models; called by `cleanup`. */
  readonly close?: () => Promise<void>;
}

const PARTS: OptionRules<EmbeddingServiceParts> = {
  instruction: ANYTHING,
  image: ANYTHING,
  prepareImage: FUNCTION,
  cache: ANYTHING,
  isEnabled: BOOLEAN,
  close: FUNCTION,
};

export interface EmbedOptions {
  /** False: bypasses the cache for reading and writing. Default true. */
  readonly useCache?: boolean;
  /** Lifetime of cached results; default: the cache's own. */
  readonly ttlSeconds?: number;
  readonly signal?: AbortSignal;
}

const EMBED_OPTIONS: OptionRules<EmbedOptions> = {
  useCache: BOOLEAN,
  ttlSeconds: TTL_SECONDS,
  signal: SIGNAL,
};

export interface BatchOutput {
  /** One per text, in order, each `instructionDim` long and of unit length. */
  readonly textEmbeddings: readonly Float32Array[];
  /** One per image, in order, each `imageDim` long and of unit length. */
  readonly imageEmbeddings: readonly Float32Array[];
  /** Tokens that the model read for this call: none for cached texts. */
  readonly tokens: number;
}

/** Most calls whose vectors are being written to the cache; further ones are not cached. */
const MAX_KEEPING = 256;

interface Embedded {
  readonly vectors: Float32Array[];
  /** Tokens read for this call: none for inputs that were cached, or computed for another call. */
  readonly tokens: number;
}

/** The models of a service. */
export interface Encoders {
  readonly instruction: SentenceEncoder;
  readonly image: ImageEncoder;
}

const NOTHING: Embedded = { vectors: [], tokens: 0 };

export class EmbeddingService implements AsyncDisposable {
  /** Cache hits and misses. */
  readonly hits: Record<EmbeddingKind, number> = { instruction: 0, image: 0 };
  readonly misses: Record<EmbeddingKind, number> = { instruction: 0, image: 0 };
  readonly cache: EmbeddingCache;
  private readonly running = new Map<string, Promise<Outcome>>();
  /** Cache writes in flight; callers do not wait for them. */
  private readonly keeping = new Set<Promise<void>>();
  /** Calls that have begun; they use the models of their beginning. */
  private readonly calls = new Set<Promise<unknown>>();
  /** Inputs queued for their model or in it. */
  private readonly inFlight: Record<EmbeddingKind, number> = { instruction: 0, image: 0 };
  private observed: Metrics.ServiceMetrics | undefined;
  private closing: Promise<void> | undefined;

  private readonly parts: EmbeddingServiceParts;
  private encoders: Encoders;

  constructor(parts: EmbeddingServiceParts) {
    this.parts = readOptions('options', parts, PARTS);
    this.cache = parts.cache ?? new MemoryCache();
    this.encoders = { instruction: this.parts.instruction, image: this.parts.image };
  }

  /** Other models for calls from now on. Resolves once no call uses the earlier ones, which stay open. */
  async useEncoders(encoders: Partial<Encoders>): Promise<void> {
    this.encoders = { ...this.encoders, ...encoders };
    await Promise.allSettled(this.calls);
  }

  /**
   * For Prometheus. Created on first use, so that others do not pay for it; times are of calls since then.
   */
  get metrics(): Metrics.ServiceMetrics {
    if (this.observed === undefined) {
      // eslint-disable-next-line @typescript-eslint/no-require-imports
      const { ServiceMetrics } = require('./metrics.js') as typeof Metrics;
      this.observed = new ServiceMetrics({
        hits: this.hits,
        misses: this.misses,
        inFlight: this.inFlight,
        cache: () => this.cache.stats(),
        encoders: () => this.encoders,
      });
    }
    return this.observed;
  }

  get instructionDim(): number {
    return this.encoders.instruction.dim;
  }

  get imageDim(): number {
    return this.encoders.image.dim;
  }

  get models(): Readonly<Record<EmbeddingKind, SentenceEncoder['model']>> {
    const { instruction, image } = this.encoders;
    return { instruction: instruction.model, image: image.model };
  }

  /**
   * @returns shape [instructionDim], unit length, owned by the caller
   * @throws ERR_ARG_TYPE for an empty text, ERR_ARG_RANGE for one that is too long, ERR_CLOSED,
   *   ERR_ABORTED, ERR_POOL_FULL, and what the encoder throws
   */
  async getInstructionEmbedding(text: string, options: EmbedOptions = {}): Promise<Float32Array> {
    return first((await this.embed('instruction', [checkText(text)], options)).vectors);
  }

  /**
   * @param image  file bytes, or pixels, which give the vector of the same picture as PNG
   * @returns shape [imageDim], unit length, owned by the caller
   * @throws as getInstructionEmbedding, and ERR_MEDIA_DECODE | ERR_MEDIA_UNSUPPORTED | ERR_MEDIA_LIMIT
   */
  async getImageEmbedding(image: Picture, options: EmbedOptions = {}): Promise<Float32Array> {
    return first((await this.embed('image', [checkImage(image)], options)).vectors);
  }

  /**
   * All or nothing; at most MAX_BATCH of each.
   *
   * @throws as the two above, with the failed input's index in `details.index`
   */
  async batchGenerateEmbeddings(
    input: BatchInput,
    options: EmbedOptions = {},
  ): Promise<BatchOutput> {
    const given = readOptions('input', input, BATCH_INPUT);
    const texts = checkBatch('texts', given.texts ?? []).map(checkText);
    const images = checkBatch('images', given.images ?? []).map(checkImage);
    const [ofTexts, ofImages] = await Promise.all([
      this.embed('instruction', texts, options),
      this.embed('image', images, options),
    ]);
    const { vectors: textEmbeddings, tokens } = ofTexts;
    return { textEmbeddings, imageEmbeddings: ofImages.vectors, tokens };
  }

  /**
   * Loads the models, so that the first calls are fast.
   *
   * @throws what the encoders' `warm` throws
   */
  async warm(kinds: readonly EmbeddingKind[] = ['instruction', 'image']): Promise<void> {
    await Promise.all(kinds.map((kind) => this.encoders[kind].warm()));
  }

  /** Refuses new calls, waits for those in flight, then closes cache and models. Idempotent. */
  cleanup(): Promise<void> {
    this.closing ??= (async () => {
      await Promise.allSettled(this.running.values());
      await Promise.allSettled(this.keeping);
      await this.cache.close();
      await this.parts.close?.();
    })();
    return this.closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.cleanup();
  }

  private embed(
    kind: EmbeddingKind,
    inputs: readonly Input[],
    options: EmbedOptions,
  ): Promise<Embedded> {
    const call = this.embedWith(this.encoders, kind, inputs, options);
    const forget = (): boolean => this.calls.delete(call);
    this.calls.add(call);
    call.then(forget, forget);
    return call;
  }

  private async embedWith(
    encoders: Encoders,
    kind: EmbeddingKind,
    inputs: readonly Input[],
    options: EmbedOptions,
  ): Promise<Embedded> {
    const { useCache = true, ttlSeconds, signal } = readOptions('options', options, EMBED_OPTIONS);
    if (this.closing !== undefined) throw makeError('ERR_CLOSED', 'the service is closed');
    if (this.parts.isEnabled === false)
      throw makeError(
        'ERR_CLOSED',
        'embeddings are disabled: EMBEDDING_ENABLE_EMBEDDINGS is false',
      );
    throwIfAborted(signal);
    if (inputs.length === 0) return NOTHING;
    if (!useCache) {
      const { outcomes, tokens } = await this.compute(encoders, kind, inputs, signal);
      return { vectors: whole(outcomes), tokens };
    }
    const { model, dim } = encoders[kind];
    const keys = inputs.map((input) => cacheKey(kind, model, bytesOf(input)));
    const cached = await this.cache.getMany(keys, dim);
    const hits = cached.reduce((sum, vector) => sum + (vector === undefined ? 0 : 1), 0);
    if (debug.enabled)
      keys.forEach((key, i) => debug('cache %s for %s', cached[i] ? 'hit' : 'miss', key));
    this.hits[kind] += hits;
    this.misses[kind] += inputs.length - hits;
    if (hits === inputs.length) return { vectors: cached as Float32Array[], tokens: 0 };
    const missing = new Map<string, Input>();
    keys.forEach((key, i) => {
      if (cached[i] === undefined && !this.running.has(key)) missing.set(key, inputs[i] as Input);
    });
    const started = missing.size > 0 ? this.start(encoders, kind, missing, ttlSeconds) : undefined;
    const outcomes = keys.map((key, i) => cached[i] ?? (this.running.get(key) as Promise<Outcome>));
    const vectors = whole(await untilAborted(Promise.all(outcomes), signal));
    const { tokens = 0 } = (await started) ?? {};
    // Callers must not share an array.
    const own = vectors.map((vector, i) => (cached[i] === undefined ? vector.slice() : vector));
    return { vectors: own, tokens };
  }

  /**
   * Computes inputs that no call computes yet, and caches them. The first caller's signal does not stop the
   * work: others may be waiting for the same input.
   */
  private start(
    encoders: Encoders,
    kind: EmbeddingKind,
    inputs: ReadonlyMap<string, Input>,
    ttlSeconds: number | undefined,
  ): Promise<Computed> {
    const keys = [...inputs.keys()];
    const all = this.compute(encoders, kind, [...inputs.values()], undefined);
    keys.forEach((key, i) => {
      const outcome = all.then(({ outcomes }) => outcomes[i] as Outcome);
      // Each caller gets the failure; here it must not be an unhandled rejection.
      outcome.catch(() => undefined);
      this.running.set(key, outcome);
    });
    const kept = all.then(({ outcomes }) => this.keep(keys, outcomes, ttlSeconds));
    this.keeping.add(kept);
    const forget = (): void => {
      this.keeping.delete(kept);
      for (const key of keys) this.running.delete(key);
    };
    kept.then(forget, forget);
    return all;
  }

  private async keep(
    keys: readonly string[],
    outcomes: readonly Outcome[],
    ttlSeconds: number | undefined,
  ): Promise<void> {
    // A slow disk must not queue them up in memory.
    if (this.keeping.size > MAX_KEEPING) return;
    const vectors = new Map<string, Float32Array>();
    keys.forEach((key, i) => {
      const outcome = outcomes[i];
      if (types.isFloat32Array(outcome)) vectors.set(key, outcome);
    });
    await this.cache.setMany(vectors, ttlSeconds);
  }

  /** @throws for failures that concern all inputs */
  private async compute(
    encoders: Encoders,
    kind: EmbeddingKind,
    inputs: readonly Input[],
    signal: AbortSignal | undefined,
  ): Promise<Computed> {
    const end = this.observed?.generation.startTimer({ kind });
    this.inFlight[kind] += inputs.length;
    try {
      const computed =
        kind === 'instruction'
          ? await encodeEach(encoders.instruction, inputs as readonly string[], signal)
          : await this.encodeImages(encoders.image, inputs as readonly CheckedPicture[], signal);
      end?.();
      debug('computed %d %s embeddings of %d values', inputs.length, kind, encoders[kind].dim);
      return computed;
    } finally {
      this.inFlight[kind] -= inputs.length;
    }
  }

  private async encodeImages(
    encoder: ImageEncoder,
    images: readonly CheckedPicture[],
    signal: AbortSignal | undefined,
  ): Promise<Computed> {
    const { prepareImage } = this.parts;
    const prepare = async (image: CheckedPicture): Promise<Uint8Array> => {
      const file = types.isUint8Array(image) ? image : await pngOf(image);
      return prepareImage === undefined ? file : prepareImage(file);
    };
    const prepared = await Promise.all(
      images.map((image) =>
        prepare(image).catch((error: unknown): LibraryError => {
          if (isLibraryError(error)) return error;
          throw error;
        }),
      ),
    );
    const good = prepared.filter((picture): picture is Uint8Array => !isLibraryError(picture));
    const encoded =
      good.length === 0 ? [] : [...(await encodeEach(encoder, good, signal)).outcomes];
    const outcomes = prepared.map((picture) =>
      isLibraryError(picture) ? picture : (encoded.shift() as Outcome),
    );
    return { outcomes, tokens: 0 };
  }
}
