/**
 * Puts what concurrent callers ask of a model into one call of it. A caller who comes alone never waits:
 * its inputs go at once. Who comes while calls are under way is collected until one of them returns
 * or a batch is full (the rule of servers with continuous batching; there is no clock).
 */
import { isLibraryError, makeError } from '../errors';

export interface BatcherLimits {
  /** Inputs of one call. */
  readonly maxBatch: number;
  /** Calls under way at once. */
  readonly maxRunning: number;
  /** Inputs that may wait. */
  readonly maxWaiting: number;
}

interface Waiting<Input> {
  readonly inputs: readonly Input[];
  readonly resolve: (vectors: Float32Array[]) => void;
  readonly reject: (error: unknown) => void;
}

export class Batcher<Input> {
  private readonly queue: Waiting<Input>[] = [];
  private waitingInputs = 0;
  private runningCalls = 0;

  /** @param run gives one vector an input, in order, or fails as a whole */
  constructor(
    private readonly run: (inputs: readonly Input[]) => Promise<Float32Array[]>,
    private readonly limits: BatcherLimits,
  ) {}

  /** Inputs that wait for their call. */
  get waiting(): number {
    return this.waitingInputs;
  }

  /** @throws ERR_POOL_FULL at once when too many wait; whatever `run` throws for these inputs */
  add(inputs: readonly Input[]): Promise<Float32Array[]> {
    // One large call is let in when nobody waits: it could never be otherwise.
    if (this.waitingInputs > 0 && this.waitingInputs + inputs.length > this.limits.maxWaiting) {
      return Promise.reject(
        makeError('ERR_POOL_FULL', 'too many inputs wait for the model, try again in a moment', {
          details: { waiting: this.waitingInputs, retryAfterSeconds: 1 },
        }),
      );
    }
    return new Promise((resolve, reject) => {
      this.queue.push({ inputs, resolve, reject });
      this.waitingInputs += inputs.length;
      this.next();
    });
  }

  private next(): void {
    while (this.runningCalls < this.limits.maxRunning && this.queue.length > 0) {
      const batch = this.take();
      this.runningCalls++;
      void this.settle(batch).finally(() => {
        this.runningCalls--;
        this.next();
      });
    }
  }

  /** The callers of the next call, first come first served, at least one. */
  private take(): Waiting<Input>[] {
    const batch: Waiting<Input>[] = [];
    let size = 0;
    for (;;) {
      const first = this.queue[0];
      if (first === undefined) break;
      if (batch.length > 0 && size + first.inputs.length > this.limits.maxBatch) break;
      size += first.inputs.length;
      batch.push(first);
      this.queue.shift();
    }
    this.waitingInputs -= size;
    return batch;
  }

  /**
   * Never rejects. One caller's bad input must not cost the others theirs: then each goes alone. What is
   * not an input's fault (a model that hangs, a full queue) would only happen to each of them again.
   */
  private async settle(batch: readonly Waiting<Input>[]): Promise<void> {
    try {
      const vectors = await this.run(batch.flatMap(({ inputs }) => inputs));
      let at = 0;
      for (const { inputs, resolve } of batch) resolve(vectors.slice(at, (at += inputs.length)));
    } catch (error) {
      if (batch.length === 1 || !isOfOneInput(error)) for (const one of batch) one.reject(error);
      else for (const one of batch) await this.settle([one]);
    }
  }
}

/** Encoders say in `details.index` which input it was. */
export function isOfOneInput(error: unknown): boolean {
  return isLibraryError(error) && typeof error.details['index'] === 'number';
}
