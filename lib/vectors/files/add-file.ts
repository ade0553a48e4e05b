/** `addFile`: adds the rows of a vector file to an index, block by block, each block one commit. */
import { throwIfAborted } from '../../base/abort';
import { makeError } from '../../base/errors';
import type { NativeKeys } from '../../native';
import { integer, oneOf, readOptions, type OptionRules } from '../../base/options';
import type { IndexCore } from '../core';
import { ADD_OPTIONS } from '../arguments/option-rules';
import type { AddOptions, Keys } from '../types';
import { checkKeys, checkPath, type Progress } from '../arguments/validate';
import { assertIntegerKeys } from '../payloads/string-keys';
import { FORMATS, type VectorFormat } from './formats';
import { readKeys } from './key-file';
import { openVectors, type VectorFile } from './vector-file';

export interface AddFileOptions extends Omit<AddOptions, 'keys' | 'metadata'> {
  /** One per row, or the name of a file of whole numbers; default: the row numbers. */
  readonly keys?: Keys | string;
  /** Default: by the name's ending, else by the first bytes. */
  readonly format?: VectorFormat;
  /** First row to take, default 0. To resume after ERR_ABORTED, add `details.rows`. */
  readonly first?: number;
  /** Rows to take; default: up to the end. */
  readonly count?: number;
}

const WHOLE = integer(0, Number.MAX_SAFE_INTEGER);

const { threads, signal, onProgress } = ADD_OPTIONS;
const ADD_FILE_OPTIONS: OptionRules<AddFileOptions> = {
  threads,
  signal,
  onProgress,
  keys: (name, value) =>
    typeof value === 'string' ? checkPath(name, value) : checkKeys(name, value),
  format: oneOf(FORMATS),
  first: WHOLE,
  count: WHOLE,
};

export interface AddFile {
  readonly file: string;
  readonly format: VectorFormat | undefined;
  readonly keys: NativeKeys | string | undefined;
  readonly first: number;
  readonly count: number | undefined;
  readonly threads: number;
  readonly signal: AbortSignal | undefined;
  readonly onProgress: Progress | undefined;
}

export function checkAddFile(file: unknown, options: AddFileOptions): AddFile {
  const { threads = 0, first = 0, ...given } = readOptions('options', options, ADD_FILE_OPTIONS);
  return {
    file: checkPath('path', file),
    format: given.format,
    // After the rule: keys as the addon takes them.
    keys: given.keys as NativeKeys | string | undefined,
    first,
    count: given.count,
    threads,
    signal: given.signal,
    onProgress: given.onProgress,
  };
}

interface Span {
  readonly first: number;
  readonly rows: number;
}

/**
 * Call as the one writer. Reads the file twice: everything is checked before anything is added, so that a
 * NaN in the last row does not show up after hours of linking.
 */
export async function addFile(
  core: IndexCore,
  job: AddFile,
): Promise<{ firstRow: number; rows: number }> {
  assertIntegerKeys(
    core,
    'addFile cannot give them: read the file with openVectors() and use add()',
  );
  await using source = await openVectors(job.file, { format: job.format });
  const span = spanOf(job, source);
  if (span.rows > 0 && source.dim !== core.dim) {
    throw makeError(
      'ERR_DIM_MISMATCH',
      `${source.path} has ${source.dim} values a row, the index holds ${core.dim}`,
      { details: { path: source.path, dim: source.dim, expected: core.dim } },
    );
  }
  const keys = typeof job.keys === 'string' ? await readKeys(job.keys) : job.keys;
  checkKeysFit(source, span, keys);
  const { binding } = core;
  const firstRow = binding.count(core.handle);
  await eachBlock(job, source, span, keys, 0, async (vectors, part, at) => {
    await binding.check(core.handle, vectors, part, span.first + at);
    return 0;
  });
  try {
    await eachBlock(job, source, span, keys, 1, async (vectors, part, at) => {
      const more = at + vectors.length / core.dim < span.rows;
      const added = await binding.add(core.handle, vectors, part, job.threads, more);
      return added.rows;
    });
  } finally {
    await binding.settle(core.handle);
  }
  return { firstRow, rows: span.rows };
}

/** `step`: 0 for the pass that only checks and reports no progress, 1 for the one that adds. */
async function eachBlock(
  job: AddFile,
  source: VectorFile,
  span: Span,
  keys: NativeKeys | undefined,
  step: 0 | 1,
  work: (vectors: Float32Array, keys: NativeKeys | undefined, at: number) => Promise<number>,
): Promise<void> {
  const size = source.blockRows;
  for (let at = 0; at < span.rows; at += size) {
    const done = at * step;
    throwIfAborted(job.signal, `aborted after ${done} of ${span.rows} rows were added`, {
      rows: done,
    });
    const count = Math.min(size, span.rows - at);
    const vectors = await source.read(span.first + at, count);
    const added = await work(vectors, keys?.subarray(at, at + count), at);
    if (step === 1) job.onProgress?.(at + added, span.rows);
  }
}

function spanOf(job: AddFile, source: VectorFile): Span {
  const { first } = job;
  const rows = job.count ?? Math.max(0, source.rows - first);
  if (first <= source.rows && rows <= source.rows - first) return { first, rows };
  throw makeError(
    'ERR_ARG_RANGE',
    `rows ${first} to ${first + rows} were asked for, ${source.path} has ${source.rows}`,
    { details: { path: source.path, first, count: rows, rows: source.rows } },
  );
}

function checkKeysFit(source: VectorFile, span: Span, keys: NativeKeys | undefined): void {
  if (keys === undefined) return;
  if (keys.length !== span.rows) {
    throw makeError(
      'ERR_DIM_MISMATCH',
      `${keys.length} keys for ${span.rows} rows of ${source.path}`,
      { details: { path: source.path, keys: keys.length, vectors: span.rows } },
    );
  }
  // Sorted instead of a Set, which takes some 40 bytes a key and holds at most 2^24.
  const sorted = keys.slice().sort();
  for (let i = 1; i < sorted.length; i++) {
    if (sorted[i] !== sorted[i - 1]) continue;
    throw makeError('ERR_KEY_EXISTS', `duplicate key ${sorted[i]}`, {
      details: { key: sorted[i] },
    });
  }
}
