/**
 * What both encoders share: checks the batch, cuts it into tasks, keeps as many tasks in flight as
 * there are workers, puts rows back in order, and carries abort, limits and close.
 */
import { isLibraryError, makeError, type LibraryError } from '../errors';
import type { ModelIdentity } from '../types';
import type { EachResult, EncodeOptions, Encoder, ImageEncoder } from './encoder';
import { isWorkerLoss, type PoolTask, type TowerPool } from './pool';
import type { TowerSettings } from './settings';
import { fromWire } from './task';

/** One modality: what its inputs are and how they travel. */
interface Modality<Input> {
  readonly name: 'image' | 'text';
  isInput(value: unknown): value is Input;
  readonly expected: string;
  pack(items: readonly Input[]): PoolTask;
}

const IMAGE: Modality<Uint8Array> = {
  name: 'image',
  isInput: (value): value is Uint8Array => value instanceof Uint8Array,
  expected: 'a Uint8Array with an encoded picture',
  // Copied into one fresh buffer and transferred: the caller's may belong to Node's buffer pool,
  // and transferring that would take unrelated data away.
  pack: (items) => {
    const offsets = new Uint32Array(items.length + 1);
    items.forEach((item, i) => (offsets[i + 1] = (offsets[i] as number) + item.byteLength));
    const bytes = new Uint8Array(offsets[items.length] as number);
    items.forEach((item, i) => bytes.set(item, offsets[i] as number));
    return { pictures: { bytes: bytes.buffer, offsets }, items: items.length };
  },
};

const TEXT: Modality<string> = {
  name: 'text',
  isInput: (value): value is string => typeof value === 'string',
  expected: 'a string',
  pack: (items) => ({ texts: items, items: items.length }),
};

class TowerEncoder<Input> implements Encoder<Input> {
  readonly modality: 'image' | 'text';
  private closing: Promise<void> | undefined;
  private readonly calls = new Set<Promise<unknown>>();

  constructor(
    private readonly kind: Modality<Input>,
    readonly model: ModelIdentity,
    readonly dim: number,
    private readonly pool: TowerPool,
    private readonly settings: TowerSettings,
  ) {
    this.modality = kind.name;
  }

  async encode(batch: readonly Input[], options: EncodeOptions = {}): Promise<Float32Array> {
    const { vectors, errors } = await this.admit(() => this.embed(batch, options, false));
    const index = errors.findIndex((error) => error !== undefined);
    const first = errors[index];
    if (first === undefined) return vectors;
    throw makeError(first.code, `input ${index} of ${batch.length}: ${first.message}`, {
      details: { ...first.details, index },
      cause: first,
    });
  }

  encodeEach(batch: readonly Input[], options: EncodeOptions = {}): Promise<EachResult> {
    return this.admit(() => this.embed(batch, options, true));
  }

  async warm(): Promise<void> {
    await this.admit(() => this.pool.run({ items: 0 }));
  }

  close(): Promise<void> {
    this.closing ??= Promise.allSettled([...this.calls]).then(() => this.pool.destroy());
    return this.closing;
  }

  /** Counts a call in, unless the encoder is closed or too many are in flight. */
  private async admit<T>(call: () => Promise<T>): Promise<T> {
    if (this.closing !== undefined) {
      throw makeError('ERR_CLOSED', `the ${this.modality} encoder is closed`);
    }
    if (this.calls.size >= this.settings.maxCalls) {
      throw makeError(
        'ERR_POOL_FULL',
        `the ${this.modality} encoder has ${this.calls.size} calls in flight, its limit; try again later`,
        { details: { limit: this.settings.maxCalls } },
      );
    }
    const running = call();
    this.calls.add(running);
    try {
      return await running;
    } finally {
      this.calls.delete(running);
    }
  }

  /** @param isolate a lost worker costs only the input that did it, found by trying one by one */
  private async embed(
    batch: readonly Input[],
    { signal }: EncodeOptions,
    isolate: boolean,
  ): Promise<EachResult> {
    this.checkBatch(batch);
    if (signal?.aborted === true) throw abortedError(signal);
    const vectors = new Float32Array(batch.length * this.dim);
    const errors: (LibraryError | undefined)[] = Array.from({ length: batch.length });
    const size = this.taskSize(batch.length);
    let next = 0;
    const stop = new AbortController();
    const cancelled = stop.signal;
    const feed = async (): Promise<void> => {
      while (next < batch.length && !cancelled.aborted) {
        const from = next;
        next = Math.min(batch.length, from + size);
        const place: Place = { from, to: next, vectors, errors };
        try {
          await this.runTask(batch, place, cancelled);
        } catch (error) {
          if (!isolate || !isWorkerLoss(error)) throw error;
          await this.runSingly(batch, place, cancelled, error as LibraryError);
        }
      }
    };
    const feeds = Promise.all(Array.from({ length: this.settings.workers }, feed));
    try {
      await untilAborted(feeds, signal);
    } finally {
      // Whatever ended this call, what is still queued for it is not worth doing.
      stop.abort();
      feeds.catch(() => undefined);
    }
    return { vectors, errors };
  }

  private async runTask(
    batch: readonly Input[],
    place: Place,
    cancelled: AbortSignal,
  ): Promise<void> {
    const { from, to, vectors, errors } = place;
    const reply = await this.pool.run(this.kind.pack(batch.slice(from, to)), cancelled);
    if (cancelled.aborted) return;
    if (reply.vectors.length !== (to - from) * this.dim) {
      throw makeError('ERR_ENCODE', 'a worker answered with the wrong number of values');
    }
    vectors.set(reply.vectors, from * this.dim);
    reply.errors.forEach((wire, i) => {
      if (wire !== undefined) errors[from + i] = fromWire(wire);
    });
  }

  /** Each input of a lost task once more, alone; those that lose their worker again are at fault. */
  private async runSingly(
    batch: readonly Input[],
    place: Place,
    cancelled: AbortSignal,
    loss: LibraryError,
  ): Promise<void> {
    if (place.to - place.from === 1) {
      place.errors[place.from] = loss;
      return;
    }
    for (let i = place.from; i < place.to && !cancelled.aborted; i++) {
      try {
        await this.runTask(batch, { ...place, from: i, to: i + 1 }, cancelled);
      } catch (error) {
        if (!isWorkerLoss(error) || !isLibraryError(error)) throw error;
        place.errors[i] = error;
      }
    }
  }

  /** Small batches are spread over the workers, large ones cut at the task size. */
  private taskSize(count: number): number {
    const share = Math.ceil(count / this.settings.workers);
    return Math.max(1, Math.min(this.settings.batchSize, share));
  }

  private checkBatch(batch: readonly Input[]): void {
    if (!Array.isArray(batch)) {
      throw makeError('ERR_ARG_TYPE', `encode wants an array of inputs, received ${typeof batch}`);
    }
    const index = batch.findIndex((item) => !this.kind.isInput(item));
    if (index < 0) return;
    throw makeError('ERR_ARG_TYPE', `input ${index} must be ${this.kind.expected}`, {
      details: { index },
    });
  }
}

interface Place {
  readonly from: number;
  readonly to: number;
  readonly vectors: Float32Array;
  readonly errors: (LibraryError | undefined)[];
}

/** Settles with the work, or rejects with ERR_ABORTED as soon as the signal says so. */
async function untilAborted(
  work: Promise<unknown>,
  signal: AbortSignal | undefined,
): Promise<void> {
  if (signal === undefined) {
    await work;
    return;
  }
  let onAbort: (() => void) | undefined;
  const stopped = new Promise<never>((_, reject) => {
    onAbort = (): void => reject(abortedError(signal));
    signal.addEventListener('abort', onAbort, { once: true });
  });
  try {
    await Promise.race([work, stopped]);
    if (signal.aborted) throw abortedError(signal);
  } finally {
    if (onAbort !== undefined) signal.removeEventListener('abort', onAbort);
  }
}

function abortedError(signal: AbortSignal): Error {
  return makeError('ERR_ABORTED', 'encoding was aborted', { cause: signal.reason as unknown });
}

export function imageEncoder(
  model: ModelIdentity,
  dim: number,
  pool: TowerPool,
  settings: TowerSettings,
): ImageEncoder {
  return new TowerEncoder(IMAGE, model, dim, pool, settings);
}

export function textEncoder(
  model: ModelIdentity,
  dim: number,
  pool: TowerPool,
  settings: TowerSettings,
): Encoder<string> {
  return new TowerEncoder(TEXT, model, dim, pool, settings);
}
