/** `add` and `update`: split into commits, to bound memory, progress steps and abort time. */
import { checkDistinct, partOf } from '../../base/arrays';
import { throwIfAborted } from '../../base/abort';
import { makeError } from '../../base/errors';
import type { NativeBinding, NativeHandle, NativeKeys } from '../../native';
import { toFloats } from '../arguments/input';
import type { IndexCore } from '../core';
import { encodePayloads, jsonIn, readPayloads, type Payloads } from '../payloads/payload';
import { isStringArray, stringKeysOf } from '../payloads/string-keys';
import { room } from '../room';
import { NO_ROW } from '../rows';
import { codeIfDue } from '../warm';
import type { AppendJob } from './append-job';

/** Rows per commit: 4096, or fewer for long rows. At most 32 MB are copied at a time. */
const COMMIT_ROWS = 4096;
const COMMIT_FLOATS = 8 * 1024 * 1024;

/**
 * Call as the one writer. Validates everything first, then commits block by block. One block is all or
 * nothing; when a larger input is aborted or fails midway (a full disk), the earlier blocks stay.
 */
export async function append(
  core: IndexCore,
  job: AppendJob,
): Promise<{ firstRow: number; rows: number }> {
  const { binding, handle, dim } = core;
  const firstRow = binding.count(handle);
  const partRows = Math.max(1, Math.min(COMMIT_ROWS, Math.floor(COMMIT_FLOATS / dim)));
  const stop = (done: number): void =>
    throwIfAborted(job.signal, `aborted after ${done} of ${job.rows} rows were added`, {
      rows: done,
    });
  stop(0);
  const keys = integerKeys(core, job);
  const part = (start: number): [Float32Array, NativeKeys | undefined] => {
    const end = Math.min(job.rows, start + partRows);
    const vectors = partOf('vectors', job.vectors, start * dim, end * dim);
    return [toFloats(vectors), keys?.subarray(start, end)];
  };
  if (job.rows > partRows) {
    if (keys) checkDistinct(keys);
    if (job.update?.insertMissing === false) checkAllThere(binding, handle, keys);
    for (let start = 0; start < job.rows; start += partRows) {
      const [vectors, partKeys] = part(start);
      // An update's keys exist already, which this check would refuse.
      await binding.check(handle, vectors, job.update ? undefined : partKeys, start);
      stop(0);
    }
  }
  try {
    for (let start = 0; start < job.rows; start += partRows) {
      stop(start);
      const [vectors, partKeys] = part(start);
      const payloads = payloadsOf(core, job, start, partKeys, vectors.length / dim);
      const more = start + partRows < job.rows;
      const added =
        job.update && partKeys
          ? await binding.update(
              handle,
              vectors,
              partKeys,
              job.update.insertMissing,
              job.threads,
              more,
              payloads?.bytes,
              payloads?.lengths,
            )
          : await binding.add(
              handle,
              vectors,
              partKeys,
              job.threads,
              more,
              payloads?.bytes,
              payloads?.lengths,
            );
      job.onProgress?.(start + added.rows, job.rows);
    }
  } finally {
    if (job.rows > partRows) await binding.settle(handle);
  }
  await codeIfDue(core, job.threads);
  return { firstRow, rows: job.rows };
}

/** The keys as the core has them. Strings are checked here, so that errors name them. */
function integerKeys(core: IndexCore, job: AppendJob): NativeKeys | undefined {
  if (!isStringArray(job.keys)) return job.keys as NativeKeys | undefined;
  checkDistinct(job.keys);
  const ids = stringKeysOf(core).assign(job.keys);
  const rows = rowsOf(core, ids);
  const isInsert = job.update === undefined;
  if (!isInsert && job.update.insertMissing) return ids;
  const wrong = rows.findIndex((row) => (row !== NO_ROW) === isInsert);
  if (wrong < 0) return ids;
  const key = job.keys[wrong] as string;
  throw isInsert ? alreadyThere(key) : notThere(key);
}

function rowsOf(core: IndexCore, keys: NativeKeys): Uint32Array {
  const rows = room(Uint32Array, keys.length);
  core.binding.rowsOf(core.handle, keys, rows);
  return rows;
}

/** Of the rows from `start` on. Without metadata, an update keeps what its keys have. */
function payloadsOf(
  core: IndexCore,
  { keys, metadata, update }: AppendJob,
  start: number,
  ids: NativeKeys | undefined,
  count: number,
): Payloads | undefined {
  const end = start + count;
  const strings = isStringArray(keys) ? keys.slice(start, end) : undefined;
  const json =
    metadata === undefined && update && ids
      ? presentMetadata(core, ids)
      : metadata?.slice(start, end);
  if (strings === undefined && !json?.some(({ length }) => length > 0)) return undefined;
  return encodePayloads(count, strings, json);
}

function presentMetadata(core: IndexCore, ids: NativeKeys): Uint8Array[] {
  const rows = rowsOf(core, ids);
  const out: Uint8Array[] = Array.from(rows, () => new Uint8Array(0));
  const places = [...rows.keys()].filter((i) => rows[i] !== NO_ROW);
  readPayloads(
    core,
    Uint32Array.from(places, (i) => rows[i] as number),
    (payload, at) => (out[places[at] as number] = jsonIn(core, payload)),
  );
  return out;
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
  if (at >= 0) throw notThere(keys[at] as number | bigint);
}

function notThere(key: string | number | bigint): Error {
  return makeError('ERR_NOT_FOUND', `key ${key} is not in the index, so it cannot be updated`, {
    details: { key },
  });
}

function alreadyThere(key: string): Error {
  return makeError('ERR_KEY_EXISTS', `key ${key} is in the index already`, { details: { key } });
}
