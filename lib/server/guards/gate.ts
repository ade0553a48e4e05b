/** Bounded concurrency: so many at once, so many in line, the rest are told to come back. */
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
   * Runs `work` when its turn comes, first come first served.
   *
   * @param signal  gives up the place in line; work that has started is not interrupted
   * @throws ERR_POOL_FULL at once when the line is full; ERR_ABORTED; whatever `work` throws
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
      return Promise.reject(
        makeError('ERR_POOL_FULL', 'too many requests at once, try again in a moment'),
      );
    return new Promise((resolve, reject) => {
      const leave = (): void => {
        this.#waiting.delete(waiter);
        reject(aborted());
      };
      const waiter: Waiter = {
        start: () => {
          this.#waiting.delete(waiter);
          signal?.removeEventListener('abort', leave);
          // Counted here and not in the awaiting caller: nobody can slip in between.
          this.#active++;
          resolve();
        },
      };
      this.#waiting.add(waiter);
      signal?.addEventListener('abort', leave, { once: true });
    });
  }
}

const aborted = (): Error => makeError('ERR_ABORTED', 'the client went away');
