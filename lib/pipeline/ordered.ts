/** Concurrency helpers: an ordered parallel map, and a wake-up between two loops. */

/**
 * Runs `work` on up to `concurrency` items at once and yields the outcomes in the order of the items. At
 * most `concurrency` outcomes are buffered, so memory stays bounded with a slow consumer. `work` must not
 * throw: an outcome is a value.
 */
export async function* mapOrdered<T, R>(
  items: Iterable<T>,
  concurrency: number,
  work: (item: T) => Promise<R>,
): AsyncGenerator<R> {
  const running: Promise<R>[] = [];
  const source = items[Symbol.iterator]();
  let next = source.next();
  try {
    while (running.length > 0 || next.done !== true) {
      while (running.length < concurrency && next.done !== true) {
        running.push(work(next.value));
        next = source.next();
      }
      const first = running.shift();
      if (first !== undefined) yield await first;
    }
  } finally {
    // The consumer stopped early: wait for running work.
    await Promise.allSettled(running);
  }
}

/** Lets one loop sleep until another has work for it, without missing a wake-up. */
export class WakeUp {
  private pending = false;
  private sleeper: (() => void) | undefined;

  notify(): void {
    this.pending = true;
    this.sleeper?.();
  }

  /** Resolves at once if notified since the last wait, else at the next notify. */
  async wait(): Promise<void> {
    if (!this.pending) await new Promise<void>((resolve) => (this.sleeper = resolve));
    this.sleeper = undefined;
    this.pending = false;
  }
}
