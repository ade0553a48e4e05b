/**
 * Brings inputs of concurrent callers together: one inference of eight costs less than eight of one.
 *
 *     calls    a        b  c     d e f
 *     worker   [--- a ---][-- b,c --][-- d,e,f --]
 *
 * While all workers are busy, inputs gather and go with the next worker that is free. With nothing
 * running, what was asked for in one turn of the event loop goes at once. Only between the two, when
 * some workers run and one is free, do inputs wait for company, `windowMs` at most: whoever is alone
 * waits for nobody. Order is kept; inputs that nobody wants any more are left out.
 */
import { makeError, type LibraryError } from '../../base/errors';

/** What became of one input. */
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
  /** Inputs of one batch, at most. */
  readonly size: number;
  readonly windowMs: number;
  /** Workers in all, and those without a task now; below 0 while tasks wait for a worker. */
  readonly workers: number;
  readonly free: () => number;
  /**
   * Runs a batch and gives one result per input, in order. Must count as a task at once, so that
   * `free` is right when it returns its promise.
   *
   * @param cancelled fires when every caller of the batch has gone
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
  /** In order of arrival; a set, so that leaving costs nothing. Bounded by whoever admits calls. */
  private readonly waiting = new Set<Entry<Input>>();
  private timer: NodeJS.Timeout | undefined;
  private immediate: NodeJS.Immediate | undefined;

  constructor(private readonly options: BatcherOptions<Input>) {}

  get size(): number {
    return this.waiting.size;
  }

  /**
   * Resolves with what became of the input; a failed input is a result, not a rejection.
   *
   * @param cancelled takes a waiting input out of the queue; one that is with a worker runs on
   * @throws ERR_ABORTED when cancelled while waiting; what concerns the whole batch
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

  /** To be called when a worker may have become free. */
  wake(): void {
    clearTimeout(this.timer);
    clearImmediate(this.immediate);
    this.timer = undefined;
    this.immediate = undefined;
    for (let free = this.options.free(); free > 0 && this.waiting.size > 0;) {
      // Shared among the workers that are free, like a call of the same size.
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

/** Fires when every one of the signals has. */
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
