/** What `add` and `update` were given, checked. */
import { makeError } from '../../base/errors';
import { wrongType, readOptions } from '../../base/options';
import type { NativeKeys } from '../../native';
import type { VectorInput } from '../arguments/input';
import { ADD_OPTIONS, UPDATE_OPTIONS } from '../arguments/option-rules';
import { checkKeys, checkVectors, type Progress } from '../arguments/validate';
import type { IndexCore } from '../core';
import {
  assertIntegerKeys,
  checkStringKeys,
  isStringArray,
  stringKeysOf,
} from '../payloads/string-keys';
import type { AddOptions, UpdateOptions } from '../types';

export interface AppendJob {
  readonly vectors: VectorInput;
  /** As the addon takes them, or strings. */
  readonly keys: NativeKeys | readonly string[] | undefined;
  /** JSON texts, empty for none. Undefined: none, or those that the keys have. */
  readonly metadata: readonly string[] | undefined;
  readonly rows: number;
  /** For an update: whether missing keys are added. */
  readonly update: { readonly insertMissing: boolean } | undefined;
  readonly threads: number;
  readonly signal: AbortSignal | undefined;
  readonly onProgress: Progress | undefined;
}

type Work = Pick<AddOptions, 'threads' | 'signal' | 'onProgress'>;

export function checkAppend(core: IndexCore, vectors: unknown, options: AddOptions): AppendJob {
  const input = checkVectors('vectors', vectors, core.dim);
  const { keys, metadata, ...work } = readOptions('options', options, ADD_OPTIONS);
  // As converted by the rules.
  return jobOf(core, input, keys as AppendJob['keys'], metadata as AppendJob['metadata'], work);
}

/** Keys of any kind, as `keys` of an AppendJob; of the kind that the index has. */
export function checkAnyKeys(
  core: IndexCore,
  name: string,
  value: unknown,
): NativeKeys | readonly string[] {
  return core.strings === undefined && !isStringArray(value)
    ? checkKeys(name, value)
    : checkStringKeys(name, value);
}

export function checkUpdate(
  core: IndexCore,
  keys: unknown,
  vectors: unknown,
  options: UpdateOptions,
): AppendJob {
  const given = readOptions('options', options, UPDATE_OPTIONS);
  const { insertMissing = false, metadata, ...work } = given;
  const checked = checkAnyKeys(core, 'keys', keys);
  const input = checkVectors('vectors', vectors, core.dim);
  const job = jobOf(core, input, checked, metadata as AppendJob['metadata'], work);
  return { ...job, update: { insertMissing } };
}

/** Without `update`. */
function jobOf(
  core: IndexCore,
  vectors: VectorInput,
  keys: AppendJob['keys'],
  metadata: AppendJob['metadata'],
  { threads = 0, signal, onProgress }: Work,
): AppendJob {
  const rows = vectors.length / core.dim;
  if (isStringArray(keys)) stringKeysOf(core);
  else if (keys === undefined && core.strings !== undefined) {
    throw wrongType('keys', 'an array of strings, as the index has string keys', keys);
  } else if (keys !== undefined && keys.length > 0) {
    assertIntegerKeys(core, 'whole numbers are no keys of it');
  }
  checkCount('keys', keys, rows);
  checkCount('metadata', metadata, rows);
  return { vectors, keys, metadata, rows, update: undefined, threads, signal, onProgress };
}

function checkCount(name: string, given: ArrayLike<unknown> | undefined, rows: number): void {
  if (given === undefined || given.length === rows) return;
  const what = name === 'keys' ? 'keys' : 'metadata objects';
  throw makeError('ERR_DIM_MISMATCH', `${given.length} ${what} for ${rows} vectors`, {
    details: { [name]: given.length, vectors: rows },
  });
}
