/** `writeVectors`: writes an array, or a stream of blocks, as a vector file. */
import type { FileHandle } from 'node:fs/promises';
import path from 'node:path';
import { checkInteger } from '../../base/options';
import { oneOf, outOfRange, readOptions, wrongType, type OptionRules } from '../../base/options';
import { withoutHalfType } from '../arguments/input';
import { wrongLength } from '../arguments/lengths';
import { checkPath } from '../arguments/validate';
import { dtypeOf, type Dtype, type Values } from './dtypes';
import { checkFormat, FORMATS, typeOfFormat, type VectorFormat } from './formats';
import { NPY_HEADER_BYTES, npyHeader } from './npy-header';
import { writeAll, writeBeside, type Prepared } from '../../base/files/safe-file';

/** TEXMEX rows are interleaved with their dims in chunks of about this many bytes. */
const CHUNK_BYTES = 1024 * 1024;

export interface WriteOptions {
  /** Default: by the name's ending. */
  readonly format?: VectorFormat;
}

const WRITE_OPTIONS: OptionRules<WriteOptions> = { format: oneOf(FORMATS) };

/** An array of whole rows, or an iterable of such arrays of one type, for example an open VectorFile. */
export type VectorSource = Values | Iterable<Values> | AsyncIterable<Values>;

export interface WriteJob {
  readonly file: string;
  readonly format: VectorFormat;
  readonly source: VectorSource;
  /** Undefined: one axis, only in npy. */
  readonly dim: number | undefined;
  /** Type of a file without blocks. */
  readonly emptyType: Dtype;
}

/**
 * Writes vectors as `.npy` (version 1.0, C order, numbers as in the array; a Uint16Array is float16
 * bits), `.fvecs` (Float32Array), `.bvecs` (Uint8Array) or `.ivecs` (Int32Array). The file appears
 * whole, or the old one stays.
 *
 * @param data  shape [rows, dim], or blocks of such rows; do not change it until the promise settles
 * @returns rows written
 * @throws ERR_ARG_TYPE | ERR_ARG_RANGE | ERR_DIM_MISMATCH (not whole rows) | ERR_DISK_FULL | ERR_IO |
 *   ERR_FILE_MISSING (no such folder), and what the blocks throw
 */
export async function writeVectors(
  file: string,
  data: VectorSource,
  dim: number,
  options: WriteOptions = {},
): Promise<number> {
  const full = path.resolve(checkPath('path', file));
  const format = checkFormat(full, readOptions('options', options, WRITE_OPTIONS).format);
  if (format === undefined) {
    throw outOfRange(
      'format',
      'given where the file is not named .npy, .fvecs or the like',
      format,
    );
  }
  checkInteger('dim', dim, 1, 2 ** 31 - 1);
  const { prepared, rows } = await prepareVectors({
    file: full,
    format,
    source: data,
    dim,
    emptyType: 'f4',
  });
  await prepared.commit();
  return rows;
}

/** Everything except the rename. */
export async function prepareVectors(job: WriteJob): Promise<{ prepared: Prepared; rows: number }> {
  const blocks = blocksOf(job.source);
  let rows = 0;
  const prepared = await writeBeside(job.file, async (handle) => {
    rows = await writeBlocks(handle, job, blocks);
  });
  return { prepared, rows };
}

function blocksOf(data: unknown): Iterable<unknown> | AsyncIterable<unknown> {
  const source = withoutHalfType(data);
  if (dtypeOf(source) !== undefined) return [source];
  const isIterable =
    typeof source === 'object' &&
    source !== null &&
    (Symbol.iterator in source || Symbol.asyncIterator in source) &&
    !ArrayBuffer.isView(source);
  if (!isIterable) throw wrongType('data', 'a typed array or an iterable of typed arrays', data);
  return source as Iterable<unknown> | AsyncIterable<unknown>;
}

async function writeBlocks(
  handle: FileHandle,
  job: WriteJob,
  blocks: Iterable<unknown> | AsyncIterable<unknown>,
): Promise<number> {
  const { format, dim } = job;
  let dtype = typeOfFormat(format);
  let rows = 0;
  if (format === 'npy') await writeAll(handle, new Uint8Array(NPY_HEADER_BYTES));
  for await (const given of blocks) {
    const block = withoutHalfType(given) as Values;
    const own = checkBlock(block, dtype, format, dim ?? 1);
    dtype ??= own;
    if (format === 'npy') await writeAll(handle, bytesOf(block));
    else await writeTexmex(handle, block, dim ?? 1);
    rows += block.length / (dim ?? 1);
  }
  if (format === 'npy') {
    // The number of rows is known only now.
    await handle.write(npyHeader(dtype ?? job.emptyType, rows, dim), 0, NPY_HEADER_BYTES, 0);
  }
  return rows;
}

function checkBlock(
  block: unknown,
  wanted: Dtype | undefined,
  format: VectorFormat,
  dim: number,
): Dtype {
  const own = dtypeOf(block);
  if (own === undefined) throw wrongType('data', 'typed arrays of numbers', block);
  if (wanted !== undefined && own !== wanted) {
    throw wrongType('data', `${wanted} all through for this ${format} file, not ${own}`, block);
  }
  const { length } = block as Values;
  if (length % dim === 0) return own;
  throw wrongLength(`data has ${length} values, which is no multiple of dim ${dim}`, length, dim);
}

const bytesOf = (values: Values): Uint8Array =>
  new Uint8Array(values.buffer, values.byteOffset, values.byteLength);

async function writeTexmex(handle: FileHandle, block: Values, dim: number): Promise<void> {
  const bytes = bytesOf(block);
  const width = dim * block.BYTES_PER_ELEMENT;
  const stride = width + 4;
  const rows = block.length / dim;
  const step = Math.max(1, Math.floor(CHUNK_BYTES / stride));
  for (let first = 0; first < rows; first += step) {
    const count = Math.min(step, rows - first);
    const chunk = new Uint8Array(count * stride);
    const view = new DataView(chunk.buffer);
    for (let i = 0; i < count; i++) {
      view.setInt32(i * stride, dim, true);
      const at = (first + i) * width;
      chunk.set(bytes.subarray(at, at + width), i * stride + 4);
    }
    await writeAll(handle, chunk);
  }
}
