/**
 * Runs one task of the pool and collects its results. With isolation, a task that fails or loses its worker
 * is retried input by input, so that only bad inputs fail, each with its own reason.
 */
import { isLibraryError, makeError, type LibraryError } from '../../base/errors';
import type { EachResult } from '../encoder';
import type { PoolTask, TowerPool } from './pool';
import { fromWire } from '../task';
import { isOfOneTask } from './worker-loss';

export interface TaskRunner<Input> {
  /**
   * @param cancelled skips what has not started; the result is then meaningless
   * @throws errors of the whole batch, and without isolation the task's error
   */
  run(inputs: readonly Input[], cancelled: AbortSignal, isolate: boolean): Promise<EachResult>;
}

export function taskRunner<Input>(
  pool: TowerPool,
  dim: number,
  pack: (inputs: readonly Input[]) => PoolTask,
): TaskRunner<Input> {
  const once = async (inputs: readonly Input[], cancelled: AbortSignal): Promise<EachResult> => {
    const reply = await pool.run(pack(inputs), cancelled);
    const tokens = inputs.map((_, i) => reply.tokens?.[i] ?? 0);
    const empty = { tokens, device: pool.device, inferenceMs: reply.ran?.inferenceMs ?? 0 };
    if (cancelled.aborted) {
      return { vectors: new Float32Array(inputs.length * dim), errors: [], ...empty };
    }
    if (reply.vectors.length !== inputs.length * dim) {
      throw makeError('ERR_ENCODE', 'a worker answered with the wrong number of values');
    }
    const errors = inputs.map((_, i) => {
      const wire = reply.errors[i];
      return wire && fromWire(wire);
    });
    return { vectors: reply.vectors, errors, ...empty };
  };

  /**
   * Retries each input alone; those that fail again are at fault. If an error then concerns all inputs, it
   * becomes the reason of the remaining ones: the others have their vectors.
   */
  const singly = async (
    inputs: readonly Input[],
    cancelled: AbortSignal,
    loss: LibraryError,
  ): Promise<EachResult> => {
    const vectors = new Float32Array(inputs.length * dim);
    const errors: (LibraryError | undefined)[] = inputs.map(() => undefined);
    const tokens = inputs.map(() => 0);
    let inferenceMs = 0;
    if (inputs.length === 1) errors[0] = loss;
    else {
      for (let i = 0; i < inputs.length && !cancelled.aborted; i++) {
        try {
          const alone = await once(inputs.slice(i, i + 1), cancelled);
          vectors.set(alone.vectors, i * dim);
          errors[i] = alone.errors[0];
          tokens[i] = alone.tokens[0] ?? 0;
          inferenceMs += alone.inferenceMs;
        } catch (error) {
          if (!isLibraryError(error)) throw error;
          if (isOfOneTask(error)) errors[i] = error;
          else {
            errors.fill(error, i);
            break;
          }
        }
      }
    }
    return { vectors, errors, tokens, device: pool.device, inferenceMs };
  };

  return {
    async run(inputs, cancelled, isolate) {
      try {
        return await once(inputs, cancelled);
      } catch (error) {
        if (!isolate || !isOfOneTask(error)) throw error;
        return singly(inputs, cancelled, error as LibraryError);
      }
    },
  };
}
