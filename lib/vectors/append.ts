/** `VectorIndex.add`: cuts large inputs into commits, so that memory, progress and abort stay small. */
import { makeError } from '../errors';
import type { NativeBinding, NativeHandle } from '../native';
import type { AddOptions } from './types';
import {
  checkKeys,
  checkOptions,
  checkThreads,
  checkVectors,
  findRepeatedKey,
  wrongType,
} from './validate';

/** Rows of one commit: 4096, or fewer where rows are long. At most 32 MB are copied at a time. */
const COMMIT_ROWS = 4096;
const COMMIT_FLOATS = 8 * 1024 * 1024;

export interface Append {
  readonly vectors: Float32Array;
  readonly keys: Float64Array | undefined;
  readonly rows: number;
  readonly threads: number;
  readonly signal: AbortSignal | undefined;
  readonly onProgress: ((done: number, total: number) => void) | undefined;
}

export function checkAppend(vectors: unknown, options: AddOptions, dim: number): Append {
  const rows = checkVectors('vectors', vectors, dim);
  checkOptions(options);
  const { signal, onProgress } = options;
  if (signal !== undefined && !(signal instanceof AbortSignal)) {
    throw wrongType('signal', 'an AbortSignal', signal);
  }
  if (onProgress !== undefined && typeof onProgress !== 'function') {
    throw wrongType('onProgress', 'a function', onProgress);
  }
  const keys = options.keys === undefined ? undefined : checkKeys('keys', options.keys);
  if (keys !== undefined && keys.length !== rows) {
    throw makeError('ERR_DIM_MISMATCH', `${keys.length} keys for ${rows} vectors`, {
      details: { keys: keys.length, vectors: rows },
    });
  }
  const threads = checkThreads(options.threads);
  return { vectors: vectors as Float32Array, keys, rows, threads, signal, onProgress };
}

/**
 * Validates everything first, then commits part by part. All or nothing up to one part's rows; of a
 * larger input that is aborted or fails half-way (a full disk), the parts before stay.
 */
export async function append(
  binding: NativeBinding,
  handle: NativeHandle,
  dim: number,
  job: Append,
): Promise<{ firstRow: number; rows: number }> {
  const firstRow = binding.count(handle);
  const partRows = Math.max(1, Math.min(COMMIT_ROWS, Math.floor(COMMIT_FLOATS / dim)));
  const part = (start: number): [Float32Array, Float64Array | undefined] => {
    const end = Math.min(job.rows, start + partRows);
    return [job.vectors.subarray(start * dim, end * dim), job.keys?.subarray(start, end)];
  };
  throwIfAborted(job, 0);
  if (job.rows > partRows) {
    const repeated = job.keys && findRepeatedKey(job.keys);
    if (repeated) throw repeated;
    for (let start = 0; start < job.rows; start += partRows) {
      await binding.check(handle, ...part(start), start);
      throwIfAborted(job, 0);
    }
  }
  for (let start = 0; start < job.rows; start += partRows) {
    throwIfAborted(job, start);
    const added = await binding.add(handle, ...part(start), job.threads);
    job.onProgress?.(start + added.rows, job.rows);
  }
  return { firstRow, rows: job.rows };
}

function throwIfAborted(job: Append, done: number): void {
  if (job.signal?.aborted !== true) return;
  throw makeError('ERR_ABORTED', `aborted after ${done} of ${job.rows} rows were added`, {
    details: { rows: done },
    cause: job.signal.reason,
  });
}
