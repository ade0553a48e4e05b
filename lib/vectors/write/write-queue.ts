/** One writer at a time, in the order of the calls, so that rows of one `add` stay together. */
export class WriteQueue {
  private tail: Promise<unknown> = Promise.resolve();

  run<T>(work: () => Promise<T>): Promise<T> {
    const result = this.tail.then(work);
    // The next one waits for this one to end, however it ends.
    this.tail = result.catch(() => undefined);
    return result;
  }

  /** Resolves when everything queued so far has ended. */
  idle(): Promise<unknown> {
    return this.tail;
  }
}
