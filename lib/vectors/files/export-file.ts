/** `exportFile`: writes the live rows of an index and their keys as two numpy files. */
import path from 'node:path';
import { throwIfAborted } from '../../base/abort';
import { attempt, type IndexCore } from '../core';
import { countFrom, room } from '../room';
import { FUNCTION, outOfRange, readOptions, SIGNAL, type OptionRules } from '../../base/options';
import { checkPath, type Progress } from '../arguments/validate';
import { assertIntegerKeys } from '../payloads/string-keys';
import { prepareVectors } from './write-vectors';

/** Rows per step, copied on the calling thread in about a millisecond. */
const STEP_FLOATS = 512 * 1024;
const STEP_ROWS = 4096;

export interface ExportOptions {
  /** File of the keys; default: the vectors' name with `.keys.npy` for `.npy`. */
  readonly keys?: string;
  /** Checked every few thousand rows; after an abort no file is left. */
  readonly signal?: AbortSignal;
  /** Rows scanned, of all rows. */
  readonly onProgress?: (done: number, total: number) => void;
}

const EXPORT_OPTIONS: OptionRules<ExportOptions> = {
  keys: checkPath,
  signal: SIGNAL,
  onProgress: FUNCTION,
};

export interface ExportReport {
  /** Live rows. */
  readonly rows: number;
  /** Absolute paths of the two files. */
  readonly vectors: string;
  readonly keys: string;
}

export interface ExportFile {
  readonly vectors: string;
  readonly keys: string;
  readonly signal: AbortSignal | undefined;
  readonly onProgress: Progress | undefined;
}

export function checkExport(file: unknown, options: ExportOptions): ExportFile {
  const given = readOptions('options', options, EXPORT_OPTIONS);
  const vectors = path.resolve(checkPath('path', file));
  const npy = (name: string, value: string): string => {
    if (value.toLowerCase().endsWith('.npy')) return value;
    throw outOfRange(name, 'a name that ends in .npy', value);
  };
  npy('path', vectors);
  const keys =
    given.keys === undefined
      ? vectors.replace(/\.npy$/i, '.keys.npy')
      : npy('keys', path.resolve(given.keys));
  if (keys === vectors) throw outOfRange('keys', 'another file than the vectors', keys);
  return { vectors, keys, signal: given.signal, onProgress: given.onProgress };
}

/** Call as the one writer: changes in between would separate vectors from keys. */
export async function exportFile(core: IndexCore, job: ExportFile): Promise<ExportReport> {
  assertIntegerKeys(core, 'exportFile cannot write them: read them with keysOf()');
  const format = 'npy';
  const { dim } = core;
  const vectors = await prepareVectors({
    file: job.vectors,
    format,
    source: liveVectors(core, job),
    dim,
    emptyType: 'f4',
  });
  try {
    const keys = await prepareVectors({
      file: job.keys,
      format,
      source: liveKeys(core),
      dim: undefined,
      emptyType: 'i8',
    });
    await keys.prepared.commit();
  } catch (error) {
    await vectors.prepared.discard();
    throw error;
  }
  await vectors.prepared.commit();
  return { rows: vectors.rows, vectors: job.vectors, keys: job.keys };
}

async function* liveVectors(core: IndexCore, job: ExportFile): AsyncGenerator<Float32Array> {
  const total = core.binding.count(core.handle);
  let looked = 0;
  for (const { rows, done } of liveSteps(core, total)) {
    throwIfAborted(job.signal, `aborted after ${looked} of ${total} rows; nothing was written`, {
      rows: looked,
    });
    looked = done;
    const vectors = room(Float32Array, rows.length * core.dim);
    attempt(() => core.binding.copyRows(core.handle, rows, vectors));
    yield vectors;
    job.onProgress?.(done, total);
  }
}

async function* liveKeys(core: IndexCore): AsyncGenerator<BigInt64Array> {
  const total = core.binding.count(core.handle);
  for (const { keys } of liveSteps(core, total)) yield keys;
}

interface Step {
  /** Live ones, with their keys. */
  readonly rows: Uint32Array;
  readonly keys: BigInt64Array;
  /** Rows scanned so far. */
  readonly done: number;
}

/** Live rows in order, in blocks. A row is live if its key still maps to it. */
function* liveSteps(core: IndexCore, total: number): Generator<Step> {
  const size = Math.max(1, Math.min(STEP_ROWS, Math.floor(STEP_FLOATS / core.dim)));
  for (let first = 0; first < total; first += size) {
    const length = Math.min(size, total - first);
    const rows = countFrom(first, length);
    const keys = room(BigInt64Array, length);
    const now = room(Uint32Array, length);
    attempt(() => core.binding.copyKeys(core.handle, rows, keys));
    attempt(() => core.binding.rowsOf(core.handle, keys, now));
    const isLive = (_: unknown, i: number): boolean => now[i] === first + i;
    yield { rows: rows.filter(isLive), keys: keys.filter(isLive), done: first + length };
  }
}
