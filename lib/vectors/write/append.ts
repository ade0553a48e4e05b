/** `add` and `update`: split into commits, to bound memory, progress steps and abort time. */
import { checkDistinct, partOf } from '../../base/arrays';
import { throwIfAborted } from '../../base/abort';
import { makeError } from '../../base/errors';
import type { NativeBinding, NativeHandle, NativeKeys } from '../../native';
import { readOptions } from '../../base/options';
import { room } from '../room';
import type { IndexCore } from '../core';
import { toFloats, type VectorInput } from '../arguments/input';
import { ADD_OPTIONS, UPDATE_OPTIONS } from '../arguments/option-rules';
import { NO_ROW } from '../rows';
import type { AddOptions, UpdateOptions } from '../types';
import { checkKeys, checkVectors, type Progress } from '../arguments/validate';
import { codeIfDue } from '../warm';

/** Rows per commit: 4096, or fewer for long rows. At most 32 MB are copied at a time. */
const COMMIT_ROWS = 4096;
const COMMIT_FLOATS = 8 * 1024 * 1024;

export interface Append {
  readonly vectors: VectorInput;
  readonly keys: NativeKeys | undefined;
  readonly rows: number;
  /** For an update: whether missing keys are added. */
  readonly update: { readonly insertMissing: boolean } | undefined;
  readonly threads: number;
  readonly signal: AbortSignal | undefined;
  readonly onProgress: Progress | undefined;
}

export function checkAppend(vectors: unknown, options: AddOptions, dim: number): Append {
  const input = checkVectors('vectors', vectors, dim);
  const { keys, ...work } = readOptions('options', options, ADD_OPTIONS);
  // As converted by the rule.
  return appendJob(input, keys as NativeKeys | undefined, dim, work);
}

/** Only without `update`. */
function appendJob(
  vectors: VectorInput,
  keys: NativeKeys | undefined,
  dim: number,
  { threads = 0, signal, onProgress }: Omit<AddOptions, 'keys'>,
): Append {
  const rows = vectors.length / dim;
  if (keys !== undefined && keys.length !== rows) {
    throw makeError('ERR_DIM_MISMATCH', `${keys.length} keys for ${rows} vectors`, {
      details: { keys: keys.length, vectors: rows },
    });
  }
  return { vectors, keys, rows, update: undefined, threads, signal, onProgress };
}

export function checkUpdate(
  keys: unknown,
  vectors: unknown,
  options: UpdateOptions,
  dim: number,
): Append {
  const { insertMissing = false, ...work } = readOptions('options', options, UPDATE_OPTIONS);
  const checked = checkKeys('keys', keys);
  const job = appendJob(checkVectors('vectors', vectors, dim), checked, dim, work);
  return { ...job, update: { insertMissing } };
}

/**
 * Call as the one writer. Validates everything first, then commits block by block. One block is all or
 * nothing; when a larger input is aborted or fails midway (a full disk), the earlier blocks stay.
 */
export async function append(
  core: IndexCore,
  job: Append,
): Promise<{ firstRow: number; rows: number }> {
  const { binding, handle, dim } = core;
  const firstRow = binding.count(handle);
  const partRows = Math.max(1, Math.min(COMMIT_ROWS, Math.floor(COMMIT_FLOATS / dim)));
  const part = (start: number): [Float32Array, NativeKeys | undefined] => {
    const end = Math.min(job.rows, start + partRows);
    const vectors = partOf('vectors', job.vectors, start * dim, end * dim);
    return [toFloats(vectors), job.keys?.subarray(start, end)];
  };
  const stop = (done: number): void =>
    throwIfAborted(job.signal, `aborted after ${done} of ${job.rows} rows were added`, {
      rows: done,
    });
  stop(0);
  if (job.rows > partRows) {
    if (job.keys) checkDistinct(job.keys);
    if (job.update?.insertMissing === false) checkAllThere(binding, handle, job.keys);
    for (let start = 0; start < job.rows; start += partRows) {
      const [vectors, keys] = part(start);
      // An update's keys exist already, which this check would refuse.
      await binding.check(handle, vectors, job.update ? undefined : keys, start);
      stop(0);
    }
  }
  try {
    for (let start = 0; start < job.rows; start += partRows) {
      stop(start);
      const [vectors, keys] = part(start);
      const more = start + partRows < job.rows;
      const added =
        job.update && keys
          ? await binding.update(handle, vectors, keys, job.update.insertMissing, job.threads, more)
          : await binding.add(handle, vectors, keys, job.threads, more);
      job.onProgress?.(start + added.rows, job.rows);
    }
  } finally {
    if (job.rows > partRows) await binding.settle(handle);
  }
  await codeIfDue(core, job.threads);
  return { firstRow, rows: job.rows };
}

function checkAllThere(
  binding: NativeBinding,
  handle: NativeHandle,
  keys: NativeKeys | undefined,
): void {
  if (keys === undefined) return;
  const rows = room(Uint32Array, keys.length);
  binding.rowsOf(handle, keys, rows);
  const at = rows.indexOf(NO_ROW);
  if (at < 0) return;
  const key = keys[at];
  throw makeError('ERR_NOT_FOUND', `key ${key} is not in the index, so it cannot be updated`, {
    details: { key },
  });
}
