/**
 * Embeddings of instructions (texts) and images through a cache: what spec 002 describes. Equal inputs
 * that are asked for at the same time are computed once.
 */
import { isLibraryError, makeError } from '../errors';
import type { Encoder, ImageEncoder } from '../encode';
import { Batcher, isOfOneInput } from './batcher';
import { cacheKey, MemoryCache, type EmbeddingCache, type EmbeddingKind } from '../stores/cache';
import { ServiceMetrics } from './metrics';

export interface EmbeddingServiceParts {
  readonly instruction: Encoder<string>;
  readonly image: ImageEncoder;
  /**
   * Brings a picture into a form the model's workers are given, for example by decoding it in a process
   * that may die. Default: as it is.
   */
  readonly prepareImage?: (image: Uint8Array) => Promise<Uint8Array>;
  /** Default: 64 MB of memory. The service closes it. */
  readonly cache?: EmbeddingCache;
  /** Releases the models; called by `cleanup`. */
  readonly close?: () => Promise<void>;
}

export interface EmbedOptions {
  /** False: neither read from the cache nor kept. Default true. */
  readonly useCache?: boolean;
  readonly signal?: AbortSignal;
}

export interface BatchInput {
  readonly texts?: readonly string[];
  readonly images?: readonly Uint8Array[];
}

export interface BatchOutput {
  /** One a text, in order, each `instructionDim` long and of unit length. */
  readonly textEmbeddings: readonly Float32Array[];
  /** One an image, in order, each `imageDim` long and of unit length. */
  readonly imageEmbeddings: readonly Float32Array[];
}

/** Longest text: more than any model reads, less than an attack. In UTF-16 units. */
export const MAX_TEXT = 100_000;
/** Inputs of one call. */
export const MAX_BATCH = 1024;
/** Calls whose vectors are on their way to the cache; those of more are not kept. */
const MAX_KEEPING = 256;
/** A call of the model has this many inputs at most, unless one caller brings more. */
const LIMITS = { maxBatch: 64, maxRunning: 2, maxWaiting: 4096 };

export class EmbeddingService implements AsyncDisposable {
  readonly metrics: ServiceMetrics;
  readonly cache: EmbeddingCache;
  private readonly running = new Map<string, Promise<Float32Array>>();
  /** Vectors on their way to the cache; callers do not wait for it. */
  private readonly keeping = new Set<Promise<void>>();
  private readonly texts: Batcher<string>;
  private readonly images: Batcher<Uint8Array>;
  private inFlight = 0;
  private closing: Promise<void> | undefined;

  constructor(private readonly parts: EmbeddingServiceParts) {
    this.cache = parts.cache ?? new MemoryCache();
    this.texts = new Batcher((texts) => this.compute('instruction', texts, undefined), LIMITS);
    this.images = new Batcher((images) => this.compute('image', images, undefined), LIMITS);
    this.metrics = new ServiceMetrics(
      () => ({ inFlight: this.inFlight + this.texts.waiting + this.images.waiting }),
      () => this.cache.stats(),
    );
  }

  get instructionDim(): number {
    return this.parts.instruction.dim;
  }

  get imageDim(): number {
    return this.parts.image.dim;
  }

  get models(): Readonly<Record<EmbeddingKind, Encoder<string>['model']>> {
    return { instruction: this.parts.instruction.model, image: this.parts.image.model };
  }

  /**
   * @returns shape [instructionDim], unit length, the caller's own
   * @throws ERR_ARG_TYPE for an empty text, ERR_ARG_RANGE for one that is too long, ERR_CLOSED,
   *   ERR_ABORTED, ERR_POOL_FULL, and what the encoder throws
   */
  async getInstructionEmbedding(text: string, options: EmbedOptions = {}): Promise<Float32Array> {
    return first(await this.embed('instruction', [checkText(text)], options));
  }

  /**
   * @param image  a picture file: JPEG, PNG, WebP, GIF or AVIF
   * @returns shape [imageDim], unit length, the caller's own
   * @throws as getInstructionEmbedding, and ERR_MEDIA_DECODE | ERR_MEDIA_UNSUPPORTED | ERR_MEDIA_LIMIT
   */
  async getImageEmbedding(image: Uint8Array, options: EmbedOptions = {}): Promise<Float32Array> {
    return first(await this.embed('image', [checkImage(image)], options));
  }

  /** All or nothing; at most MAX_BATCH of each. Throws as the two above. */
  async batchGenerateEmbeddings(
    input: BatchInput,
    options: EmbedOptions = {},
  ): Promise<BatchOutput> {
    const texts = checkBatch('texts', input.texts ?? []).map(checkText);
    const images = checkBatch('images', input.images ?? []).map(checkImage);
    const [textEmbeddings, imageEmbeddings] = await Promise.all([
      this.embed('instruction', texts, options),
      this.embed('image', images, options),
    ]);
    return { textEmbeddings, imageEmbeddings };
  }

  /** Refuses new calls, waits for those under way, then closes cache and models. Idempotent. */
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

  private async embed(
    kind: EmbeddingKind,
    inputs: readonly (string | Uint8Array)[],
    options: EmbedOptions,
  ): Promise<Float32Array[]> {
    if (this.closing !== undefined) throw makeError('ERR_CLOSED', 'the service is closed');
    if (options.signal?.aborted === true) throw makeError('ERR_ABORTED', 'aborted');
    if (inputs.length === 0) return [];
    if (options.useCache === false) {
      const ready =
        kind === 'image' ? await this.prepared(inputs as readonly Uint8Array[]) : inputs;
      return this.compute(kind, ready, options.signal);
    }
    const encoder = kind === 'instruction' ? this.parts.instruction : this.parts.image;
    const keys = inputs.map((input) => cacheKey(kind, encoder.model, input));
    const cached = await this.cache.getMany(keys, encoder.dim);
    const hits = cached.reduce((sum, vector) => sum + (vector === undefined ? 0 : 1), 0);
    this.metrics.hits.inc({ kind }, hits);
    this.metrics.misses.inc({ kind }, inputs.length - hits);
    if (hits === inputs.length) return cached as Float32Array[];
    const found = new Map<string, Promise<Float32Array>>();
    const joined = new Set<string>();
    const missing = new Map<string, string | Uint8Array>();
    keys.forEach((key, i) => {
      if (cached[i] !== undefined) return;
      const running = this.running.get(key);
      if (running !== undefined) {
        found.set(key, running);
        joined.add(key);
      } else missing.set(key, inputs[i] as string | Uint8Array);
    });
    for (const [key, vector] of this.start(kind, missing)) found.set(key, vector);
    return Promise.all(
      keys.map(async (key, i) => {
        const vector =
          cached[i] ??
          (await abortable(
            joined.has(key)
              ? this.orAlone(kind, inputs[i] as string | Uint8Array, found.get(key))
              : found.get(key),
            options.signal,
          ));
        // Two callers must not share one array.
        return cached[i] === undefined
          ? (vector as Float32Array).slice()
          : (vector as Float32Array);
      }),
    );
  }

  /** What another caller asked for may have failed for an input that is not ours. */
  private async orAlone(
    kind: EmbeddingKind,
    input: string | Uint8Array,
    shared: Promise<Float32Array> | undefined,
  ): Promise<Float32Array | undefined> {
    try {
      return await shared;
    } catch (error) {
      if (!isOfOneInput(error)) throw error;
      return (await this.batch(kind, [input]))[0];
    }
  }

  private async batch(
    kind: EmbeddingKind,
    inputs: readonly (string | Uint8Array)[],
  ): Promise<Float32Array[]> {
    if (kind === 'instruction') return this.texts.add(inputs as readonly string[]);
    return this.images.add(await this.prepared(inputs as readonly Uint8Array[]));
  }

  /** @throws with `details.index` for a picture that cannot be read */
  private prepared(images: readonly Uint8Array[]): Promise<Uint8Array[]> {
    const { prepareImage } = this.parts;
    return Promise.all(
      images.map(async (image, index) => {
        try {
          return prepareImage === undefined ? image : await prepareImage(image);
        } catch (cause) {
          if (!isLibraryError(cause)) throw cause;
          throw makeError(cause.code, cause.message, { details: { index }, cause });
        }
      }),
    );
  }

  /**
   * Computes what nobody computes yet, and keeps it. Whoever asked first may go away: others may be
   * waiting for the same, so its signal does not stop the work.
   */
  private start(
    kind: EmbeddingKind,
    inputs: ReadonlyMap<string, string | Uint8Array>,
  ): Map<string, Promise<Float32Array>> {
    if (inputs.size === 0) return new Map();
    const keys = [...inputs.keys()];
    const all = this.batch(kind, [...inputs.values()]);
    const kept = all.then(async (vectors) => {
      // A slow disk must not pile them up in memory.
      if (this.keeping.size > MAX_KEEPING) return;
      await this.cache.setMany(new Map(keys.map((key, i) => [key, vectors[i] as Float32Array])));
    });
    this.keeping.add(kept);
    const forget = (): void => {
      this.keeping.delete(kept);
      for (const key of keys) this.running.delete(key);
    };
    kept.then(forget, forget);
    const started = new Map(
      keys.map((key, i) => [key, all.then((vectors) => vectors[i] as Float32Array)]),
    );
    for (const [key, vector] of started) {
      // Each failure is told to those who asked; here it must not end the process as well.
      vector.catch(() => undefined);
      this.running.set(key, vector);
    }
    return started;
  }

  private async compute(
    kind: EmbeddingKind,
    inputs: readonly (string | Uint8Array)[],
    signal: AbortSignal | undefined,
  ): Promise<Float32Array[]> {
    const end = this.metrics.generation.startTimer({ kind });
    this.metrics.batchSize.observe({ kind }, inputs.length);
    this.inFlight += inputs.length;
    try {
      const options = signal === undefined ? {} : { signal };
      const flat =
        kind === 'instruction'
          ? await this.parts.instruction.encode(inputs as readonly string[], options)
          : await this.parts.image.encode(inputs as readonly Uint8Array[], options);
      end();
      const dim = flat.length / inputs.length;
      return inputs.map((_, i) => flat.slice(i * dim, (i + 1) * dim));
    } finally {
      this.inFlight -= inputs.length;
    }
  }
}

function first(vectors: readonly Float32Array[]): Float32Array {
  return vectors[0] as Float32Array;
}

async function abortable<T>(
  work: Promise<T> | undefined,
  signal: AbortSignal | undefined,
): Promise<T | undefined> {
  if (work === undefined || signal === undefined) return work;
  let stop: (() => void) | undefined;
  const aborted = new Promise<never>((_, reject) => {
    stop = () => reject(makeError('ERR_ABORTED', 'aborted', { cause: signal.reason }));
    signal.addEventListener('abort', stop, { once: true });
  });
  try {
    return await Promise.race([work, aborted]);
  } finally {
    if (stop !== undefined) signal.removeEventListener('abort', stop);
  }
}

function checkBatch<T>(name: string, values: readonly T[]): readonly T[] {
  if (!Array.isArray(values)) throw makeError('ERR_ARG_TYPE', `${name} must be an array`);
  if (values.length <= MAX_BATCH) return values;
  throw makeError('ERR_ARG_RANGE', `${name} has ${values.length} items, at most ${MAX_BATCH} fit`);
}

function checkText(text: unknown): string {
  if (typeof text !== 'string' || text.trim() === '')
    throw makeError('ERR_ARG_TYPE', 'a text must be a string that is not empty');
  if (text.length > MAX_TEXT)
    throw makeError(
      'ERR_ARG_RANGE',
      `a text has ${text.length} characters, at most ${MAX_TEXT} fit`,
    );
  return text;
}

function checkImage(image: unknown): Uint8Array {
  if (image instanceof Uint8Array && image.length > 0) return image;
  throw makeError('ERR_ARG_TYPE', 'an image must be the bytes of a picture file');
}
