/** One writer at a time, in the order of the calls, so that the rows of one `add` are contiguous. */
export class WriteQueue {
  private tail: Promise<unknown> = Promise.resolve();

  run<T>(work: () => Promise<T>): Promise<T> {
    const result = this.tail.then(work);
    // The next one waits for this one to end, whether it fails or not.
    this.tail = result.catch(() => undefined);
    return result;
  }

  /** Resolves when all queued work has ended. */
  idle(): Promise<unknown> {
    return this.tail;
  }
}
