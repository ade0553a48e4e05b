/** `setMetadata`: other metadata for rows that keep their vectors. */
import { makeError } from '../../base/errors';
import { checkDistinct } from '../../base/arrays';
import type { NativeKeys } from '../../native';
import type { IndexCore } from '../core';
import { checkAllMetadata } from '../payloads/check-metadata';
import { encodePayloads } from '../payloads/payload';
import { isStringArray, stringKeysOf } from '../payloads/string-keys';
import { room } from '../room';
import { NO_ROW } from '../rows';
import { checkAnyKeys } from './append-job';

export interface SetMetadata {
  readonly keys: NativeKeys | readonly string[];
  readonly metadata: readonly string[];
}

/** One commit: its bytes are in memory three times. */
const MAX_BYTES = 256 * 1024 * 1024;

export function checkSetMetadata(core: IndexCore, keys: unknown, metadata: unknown): SetMetadata {
  const checked = checkAnyKeys(core, 'keys', keys);
  const texts = checkAllMetadata('metadata', metadata);
  if (texts.length !== checked.length) {
    throw makeError(
      'ERR_DIM_MISMATCH',
      `${texts.length} metadata objects for ${checked.length} keys`,
      { details: { metadata: texts.length, keys: checked.length } },
    );
  }
  if (isStringArray(checked)) stringKeysOf(core);
  checkDistinct(checked as Iterable<string | number | bigint>);
  const bytes = texts.reduce((sum, text) => sum + text.length, 0);
  if (bytes > MAX_BYTES) {
    throw makeError(
      'ERR_ARG_RANGE',
      `metadata takes ${bytes} bytes, at most ${MAX_BYTES} at once`,
      {
        details: { name: 'metadata', bytes, most: MAX_BYTES },
      },
    );
  }
  return { keys: checked, metadata: texts };
}

/** Call as the one writer. */
export async function setMetadata(core: IndexCore, job: SetMetadata): Promise<void> {
  const { binding, handle } = core;
  if (job.keys.length === 0) return;
  const strings = isStringArray(job.keys) ? job.keys : undefined;
  const ids = strings ? stringKeysOf(core).findAll(strings) : (job.keys as NativeKeys);
  const missing = strings ? ids.findIndex((id) => Number.isNaN(id)) : -1;
  const rows = room(Uint32Array, ids.length);
  if (missing < 0) binding.rowsOf(handle, ids, rows);
  const at = missing < 0 ? rows.indexOf(NO_ROW) : missing;
  if (at >= 0) {
    const key = job.keys[at];
    throw makeError('ERR_NOT_FOUND', `key ${key} is not in the index`, { details: { key } });
  }
  const { bytes, lengths } = encodePayloads(rows.length, strings, job.metadata);
  await binding.setPayloads(handle, ids, bytes, lengths);
  core.columns.refresh(rows);
}
