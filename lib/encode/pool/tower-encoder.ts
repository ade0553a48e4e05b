/**
 * Shared by all encoders: checks the batch, joins small calls (batcher.ts), splits large ones into tasks,
 * keeps as many in flight as there are workers, restores the order, and implements abort, limits and close.
 */
import { setMaxListeners } from 'node:events';
import { types } from 'node:util';
import { checkPresent } from '../../base/arrays';
import { isLibraryError, makeError, type LibraryError } from '../../base/errors';
import { readOptions } from '../../base/options';
import type { ModelIdentity } from '../../base/types';
import { throwIfAborted, untilAborted } from '../../base/abort';
import { Batcher } from './batcher';
import { ENCODE_OPTIONS, type EachResult, type EncodeOptions, type ItemEncoder } from '../encoder';
import type { PoolTask, TowerPool } from './pool';
import type { TowerSettings } from '../settings';
import type { EncoderStats } from '../stats';
import { taskRunner, type TaskRunner } from './task-runner';
import type { Modality } from '../tower-io';

const ABORTED = 'encoding was aborted';

/** One modality: its inputs and how they are sent. */
export interface InputKind<Input> {
  readonly name: Modality;
  isInput(value: unknown): value is Input;
  readonly expected: string;
  pack(items: readonly Input[]): PoolTask;
}

class TowerEncoder<Input> implements ItemEncoder<Input> {
  readonly modality: Modality;
  private closing: Promise<void> | undefined;
  private readonly calls = new Set<Promise<unknown>>();

  private readonly runner: TaskRunner<Input>;
  private readonly batcher: Batcher<Input>;
  private refused = 0;

  constructor(
    private readonly kind: InputKind<Input>,
    readonly model: ModelIdentity,
    readonly dim: number,
    private readonly pool: TowerPool,
    private readonly settings: TowerSettings,
  ) {
    this.modality = kind.name;
    this.runner = taskRunner(pool, dim, (items) => kind.pack(items));
    this.batcher = new Batcher({
      size: settings.batchSize,
      windowMs: settings.batchWindowMs,
      workers: settings.workers,
      free: () => settings.workers - pool.activeTasks,
      run: async (items, cancelled) => {
        const { vectors, errors, tokens, ...rest } = await this.runner.run(items, cancelled, true);
        const inferenceMs = rest.inferenceMs / items.length;
        return items.map((_, i) => {
          const vector = vectors.subarray(i * dim, (i + 1) * dim);
          return {
            vector,
            error: errors[i],
            tokens: tokens[i] ?? 0,
            device: rest.device,
            inferenceMs,
          };
        });
      },
    });
    pool.onTaskEnd = () => this.batcher.wake();
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

  stats(): EncoderStats {
    const { workers, threadsPerWorker, maxCalls, device } = this.settings;
    const counted = this.pool.stats();
    return {
      modality: this.modality,
      requestedDevice: device,
      workers,
      threadsPerWorker,
      calls: this.calls.size,
      maxCalls,
      ...counted,
      queuedItems: counted.queuedItems + this.batcher.size,
      refused: this.refused,
    };
  }

  close(): Promise<void> {
    this.closing ??= Promise.allSettled([...this.calls]).then(() => this.pool.destroy());
    return this.closing;
  }

  /** Counts a call, unless the encoder is closed or has too many in flight. */
  private async admit<T>(call: () => Promise<T>): Promise<T> {
    if (this.closing !== undefined) {
      throw makeError('ERR_CLOSED', `the ${this.modality} encoder is closed`);
    }
    if (this.calls.size >= this.settings.maxCalls) {
      this.refused++;
      const retryAfterSeconds = this.pool.retryAfterSeconds(this.batcher.size);
      throw makeError(
        'ERR_POOL_FULL',
        `the ${this.modality} encoder has ${this.calls.size} calls in flight, its limit; ` +
          `try again in ${retryAfterSeconds} s`,
        { details: { limit: this.settings.maxCalls, retryAfterSeconds } },
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

  /** @param isolate a failure affects only the bad inputs, found by retrying one by one */
  private async embed(
    batch: readonly Input[],
    options: EncodeOptions,
    isolate: boolean,
  ): Promise<EachResult> {
    const { signal } = readOptions('options', options, ENCODE_OPTIONS);
    this.checkBatch(batch);
    throwIfAborted(signal, ABORTED);
    const stop = new AbortController();
    // Raised for many listeners: one per input and task; all are removed with the call.
    setMaxListeners(0, stop.signal);
    // Small calls share batches with others; large ones fill their own.
    const work =
      batch.length <= this.settings.batchSize
        ? this.embedTogether(batch, stop.signal)
        : this.embedInTasks(batch, stop.signal, isolate);
    try {
      return await untilAborted(work, signal, ABORTED);
    } finally {
      // The call has ended: cancel what is still queued for it.
      stop.abort();
      work.catch(() => undefined);
    }
  }

  private async embedTogether(
    batch: readonly Input[],
    cancelled: AbortSignal,
  ): Promise<EachResult> {
    const results = await Promise.all(batch.map((input) => this.batcher.push(input, cancelled)));
    const vectors = new Float32Array(batch.length * this.dim);
    results.forEach(({ vector }, i) => vectors.set(vector, i * this.dim));
    return {
      vectors,
      errors: results.map(({ error }) => error),
      tokens: results.map(({ tokens }) => tokens),
      device: results[0]?.device ?? this.pool.device,
      inferenceMs: results.reduce((sum, result) => sum + result.inferenceMs, 0),
    };
  }

  private async embedInTasks(
    batch: readonly Input[],
    cancelled: AbortSignal,
    isolate: boolean,
  ): Promise<EachResult> {
    const vectors = new Float32Array(batch.length * this.dim);
    const errors: (LibraryError | undefined)[] = Array.from({ length: batch.length });
    const tokens = batch.map(() => 0);
    const size = this.taskSize(batch.length);
    let inferenceMs = 0;
    let next = 0;
    /** A task's error ends the call; earlier tasks keep their results. */
    let failed: unknown;
    const feed = async (): Promise<void> => {
      while (next < batch.length && !cancelled.aborted && failed === undefined) {
        const from = next;
        next = Math.min(batch.length, from + size);
        const inputs = batch.slice(from, next);
        let task: EachResult;
        try {
          task = await this.runner.run(inputs, cancelled, isolate);
        } catch (error) {
          failed ??= error;
          if (!isolate || !isLibraryError(error)) throw error;
          errors.fill(error, from, from + inputs.length);
          return;
        }
        if (cancelled.aborted) return;
        vectors.set(task.vectors, from * this.dim);
        task.errors.forEach((error, i) => (errors[from + i] = error));
        task.tokens.forEach((count, i) => (tokens[from + i] = count));
        inferenceMs += task.inferenceMs;
      }
    };
    await Promise.all(Array.from({ length: this.settings.workers }, feed));
    if (failed !== undefined && isLibraryError(failed)) errors.fill(failed, next);
    // All inputs failed for one reason: throw that.
    if (failed !== undefined && errors.every((error) => error !== undefined)) throw failed;
    return { vectors, errors, tokens, device: this.pool.device, inferenceMs };
  }

  /** Small batches are spread over the workers, large ones split at the task size. */
  private taskSize(count: number): number {
    const share = Math.ceil(count / this.settings.workers);
    return Math.max(1, Math.min(this.settings.batchSize, share));
  }

  private checkBatch(batch: readonly Input[]): void {
    if (!Array.isArray(batch)) {
      throw makeError('ERR_ARG_TYPE', `encode takes an array of inputs, received ${typeof batch}`);
    }
    const index = batch.findIndex((item) => !this.kind.isInput(item));
    if (index < 0) {
      batch.forEach(checkMemory);
      return;
    }
    throw makeError('ERR_ARG_TYPE', `input ${index} must be ${this.kind.expected}`, {
      details: { index },
    });
  }
}

/** Checks that an input's arrays were not detached. */
function checkMemory(input: unknown, index: number): void {
  const parts: readonly unknown[] = Array.isArray(input) ? input : [input];
  for (const part of parts) if (types.isTypedArray(part)) checkPresent(`input ${index}`, part);
}

export function towerEncoder<Input>(
  kind: InputKind<Input>,
  model: ModelIdentity,
  dim: number,
  pool: TowerPool,
  settings: TowerSettings,
): ItemEncoder<Input> {
  return new TowerEncoder(kind, model, dim, pool, settings);
}
