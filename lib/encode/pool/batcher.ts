/**
 * Batches inputs of concurrent callers: one inference of eight costs less than eight of one.
 *
 *     calls    a        b  c     d e f
 *     worker   [--- a ---][-- b,c --][-- d,e,f --]
 *
 * While all workers are busy, inputs queue up and go to the next free worker. With no worker busy, the
 * inputs of one event loop turn go at once. Only if some workers are busy and one is free do inputs wait
 * for more, at most `windowMs`. Order is kept; cancelled inputs are left out.
 */
import { makeError, type LibraryError } from '../../base/errors';

/** The result of one input. */
export interface ItemResult {
  /** Shape [dim]; zeros with an error. A view into the batch's result. */
  readonly vector: Float32Array;
  readonly error: LibraryError | undefined;
  /** Of a text. */
  readonly tokens: number;
  readonly device: string;
  /** This input's share of the batch, in milliseconds. */
  readonly inferenceMs: number;
}

export interface BatcherOptions<Input> {
  /** Most inputs per batch. */
  readonly size: number;
  readonly windowMs: number;
  /** All workers, and those without a task; negative while tasks wait for a worker. */
  readonly workers: number;
  readonly free: () => number;
  /**
   * Runs a batch and returns one result per input, in order. Must count as a task synchronously, so that
   * `free` is right when it returns its promise.
   *
   * @param cancelled fires when all callers of the batch have cancelled
   */
  readonly run: (batch: readonly Input[], cancelled: AbortSignal) => Promise<readonly ItemResult[]>;
}

interface Entry<Input> {
  readonly input: Input;
  readonly resolve: (result: ItemResult) => void;
  readonly reject: (error: unknown) => void;
  readonly cancelled: AbortSignal;
}

export class Batcher<Input> {
  /** In order of arrival; a Set, so that removal is cheap. The caller bounds its size. */
  private readonly waiting = new Set<Entry<Input>>();
  private timer: NodeJS.Timeout | undefined;
  private immediate: NodeJS.Immediate | undefined;

  constructor(private readonly options: BatcherOptions<Input>) {}

  get size(): number {
    return this.waiting.size;
  }

  /**
   * Resolves with the input's result; a failed input is a result, not a rejection.
   *
   * @param cancelled removes a queued input; one that a worker has runs on
   * @throws ERR_ABORTED when cancelled in the queue; errors of the whole batch
   */
  push(input: Input, cancelled: AbortSignal): Promise<ItemResult> {
    return new Promise((resolve, reject) => {
      const entry: Entry<Input> = { input, resolve, reject, cancelled };
      this.waiting.add(entry);
      const leave = (): void => {
        if (this.waiting.delete(entry)) reject(makeError('ERR_ABORTED', 'encoding was aborted'));
      };
      cancelled.addEventListener('abort', leave, { once: true });
      this.schedule();
    });
  }

  /** Call when a worker may have become free. */
  wake(): void {
    clearTimeout(this.timer);
    clearImmediate(this.immediate);
    this.timer = undefined;
    this.immediate = undefined;
    for (let free = this.options.free(); free > 0 && this.waiting.size > 0;) {
      // Split among the free workers, like one call of the same size.
      const share = Math.ceil(this.waiting.size / free);
      this.start(Math.min(this.options.size, share));
      free = this.options.free();
    }
  }

  private schedule(): void {
    const { free, workers, size, windowMs } = this.options;
    const idle = free();
    if (idle <= 0) return;
    if (this.waiting.size >= size * idle) this.wake();
    else if (idle >= workers || windowMs === 0) this.immediate ??= setImmediate(() => this.wake());
    else this.timer ??= setTimeout(() => this.wake(), windowMs);
  }

  private start(count: number): void {
    const batch: Entry<Input>[] = [];
    for (const entry of this.waiting) {
      if (batch.length === count) break;
      this.waiting.delete(entry);
      batch.push(entry);
    }
    const inputs = batch.map((entry) => entry.input);
    this.options.run(inputs, allOf(batch.map((entry) => entry.cancelled))).then(
      (results) => batch.forEach((entry, i) => entry.resolve(results[i] as ItemResult)),
      (error: unknown) => batch.forEach((entry) => entry.reject(error)),
    );
  }
}

/** Fires when all of the signals have fired. */
function allOf(signals: readonly AbortSignal[]): AbortSignal {
  const all = new AbortController();
  const distinct = new Set(signals.filter((signal) => !signal.aborted));
  if (distinct.size === 0) all.abort();
  for (const signal of distinct) {
    const leave = (): void => {
      distinct.delete(signal);
      if (distinct.size === 0) all.abort();
    };
    signal.addEventListener('abort', leave, { once: true });
  }
  return all.signal;
}
