/** Limits running and queued work; the rest fails with ERR_POOL_FULL. */
import { makeError } from '../../base/errors';

interface Waiter {
  readonly start: () => void;
}

export class Gate {
  #active = 0;
  readonly #waiting = new Set<Waiter>();

  constructor(
    readonly maxActive: number,
    readonly maxWaiting: number,
  ) {}

  get active(): number {
    return this.#active;
  }

  get waiting(): number {
    return this.#waiting.size;
  }

  /**
   * Runs `work` in order of arrival.
   *
   * @param signal  leaves the queue; running work is not interrupted
   * @throws ERR_POOL_FULL at once when the queue is full; ERR_ABORTED; whatever `work` throws
   */
  async run<T>(work: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    await this.#enter(signal);
    try {
      return await work();
    } finally {
      this.#active--;
      const [next] = this.#waiting;
      next?.start();
    }
  }

  #enter(signal: AbortSignal | undefined): Promise<void> {
    if (signal?.aborted) return Promise.reject(aborted());
    if (this.#active < this.maxActive) {
      this.#active++;
      return Promise.resolve();
    }
    if (this.#waiting.size >= this.maxWaiting)
      return Promise.reject(makeError('ERR_POOL_FULL', 'too many requests, try again in a moment'));
    return new Promise((resolve, reject) => {
      const leave = (): void => {
        this.#waiting.delete(waiter);
        reject(aborted());
      };
      const waiter: Waiter = {
        start: () => {
          this.#waiting.delete(waiter);
          signal?.removeEventListener('abort', leave);
          // Counted here and not in the awaiting caller, so that no other call can slip in between.
          this.#active++;
          resolve();
        },
      };
      this.#waiting.add(waiter);
      signal?.addEventListener('abort', leave, { once: true });
    });
  }
}

const aborted = (): Error => makeError('ERR_ABORTED', 'the client disconnected');
