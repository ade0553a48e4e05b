/** `openVectors` and `readVectors`: rows of a vector file, by position, in blocks, or all at once. */
import path from 'node:path';
import { checkInteger } from '../../base/options';
import { makeError } from '../../base/errors';
import { oneOf, readOptions, type OptionRules } from '../../base/options';
import { checkPath } from '../arguments/validate';
import { allocate, ByteFile, unsupported } from './byte-file';
import { floatsOf, hasFloats, type Dtype, type Values } from './dtypes';
import { checkFormat, FORMATS, layoutOf, type PlainLayout, type VectorFormat } from './formats';
import { blockRows, checkRange, readRecords, vectorsOf } from './record-layout';

export interface ReadOptions {
  /** Default: by the name's ending, else by the first bytes. */
  readonly format?: VectorFormat;
}

const READ_OPTIONS: OptionRules<ReadOptions> = { format: oneOf(FORMATS) };

/**
 * A vector file, open for reading. The file may be larger than memory: only the requested rows are read.
 * Iterating yields blocks of rows, so `for await (const block of file) await index.add(block)` adds
 * everything. Calls may overlap.
 */
export class VectorFile implements AsyncDisposable, AsyncIterable<Float32Array> {
  /** Absolute path. */
  readonly path: string;
  readonly format: VectorFormat;
  /** Number type in the file, in numpy's notation: 'f4' is float32. */
  readonly dtype: Dtype;
  readonly rows: number;
  /** Numbers per row; 1 for an array of one axis, 0 for a TEXMEX file without rows. */
  readonly dim: number;
  /** Rows per block when iterating: a few thousand, fewer if rows are long. */
  readonly blockRows: number;
  private isClosed = false;

  /** Use `openVectors`. @internal */
  constructor(
    private readonly file: ByteFile,
    private readonly layout: PlainLayout,
  ) {
    this.path = file.path;
    this.format = layout.format;
    this.dtype = layout.type;
    this.rows = layout.rows;
    this.dim = layout.dim;
    this.blockRows = blockRows(layout);
  }

  /**
   * Rows as floats, rounded where the file holds wider numbers.
   *
   * @param first  first row
   * @param count  at most `rows - first`
   * @returns shape [count, dim], newly allocated
   * @throws ERR_ARG_TYPE | ERR_ARG_RANGE | ERR_CLOSED | ERR_FILE_CORRUPT | ERR_FILE_UNSUPPORTED (64-bit
   *   whole numbers: `readValues`) | ERR_IO | ERR_NO_MEMORY
   */
  async read(first: number, count: number): Promise<Float32Array> {
    if (!hasFloats(this.dtype)) {
      throw unsupported(this.path, `holds 64-bit whole numbers (${this.dtype}), not vectors`);
    }
    return floatsOf(this.dtype, await this.readValues(first, count));
  }

  /** The rows as stored; `f2` as 16 bits in a Uint16Array, which `add` accepts. */
  async readValues(first: number, count: number): Promise<Values> {
    this.assertOpen();
    checkRange(this.layout, first, count);
    return vectorsOf(this.layout, await readRecords(this.file, this.layout, first, count));
  }

  /**
   * All rows in order, shape [n, dim] each.
   *
   * @param rowsPerBlock  default: `blockRows`
   */
  async *blocks(rowsPerBlock = this.blockRows): AsyncGenerator<Float32Array, void, void> {
    checkInteger('rowsPerBlock', rowsPerBlock, 1, Number.MAX_SAFE_INTEGER);
    for (let first = 0; first < this.rows; first += rowsPerBlock) {
      yield await this.read(first, Math.min(rowsPerBlock, this.rows - first));
    }
  }

  [Symbol.asyncIterator](): AsyncGenerator<Float32Array, void, void> {
    return this.blocks();
  }

  /** Waits for reads in flight. Idempotent. */
  async close(): Promise<void> {
    if (this.isClosed) return;
    this.isClosed = true;
    await this.file.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  private assertOpen(): void {
    if (this.isClosed) throw makeError('ERR_CLOSED', `the file ${this.path} is closed`);
  }
}

/**
 * Opens a vector file and reads its header.
 *
 * @param file  `.npy` (versions 1.0 to 3.0, C order, one or two axes), `.fvecs`, `.bvecs` or `.ivecs`
 * @throws ERR_ARG_TYPE | ERR_ARG_RANGE | ERR_FILE_MISSING | ERR_FILE_CORRUPT (its length is not what its
 *   header says) | ERR_FILE_VERSION | ERR_FILE_UNSUPPORTED (Fortran order, pickled objects, other
 *   numbers) | ERR_IO
 */
export async function openVectors(file: string, options: ReadOptions = {}): Promise<VectorFile> {
  const full = path.resolve(checkPath('path', file));
  const format = checkFormat(full, readOptions('options', options, READ_OPTIONS).format);
  const bytes = await ByteFile.open(full);
  try {
    return new VectorFile(bytes, await layoutOf(bytes, format));
  } catch (error) {
    await bytes.close();
    throw error;
  }
}

export interface Vectors {
  /** Shape [rows, dim]. */
  readonly vectors: Float32Array;
  readonly rows: number;
  readonly dim: number;
  /** Of the numbers in the file. */
  readonly dtype: Dtype;
}

/**
 * Reads a whole file as floats; takes `rows * dim * 4` bytes plus a block.
 *
 * @throws as `openVectors` and `read`
 */
export async function readVectors(file: string, options: ReadOptions = {}): Promise<Vectors> {
  await using source = await openVectors(file, options);
  const { rows, dim, dtype } = source;
  const vectors = allocate(source.path, rows * dim, Float32Array);
  let at = 0;
  for await (const block of source) {
    vectors.set(block, at);
    at += block.length;
  }
  return { vectors, rows, dim, dtype };
}
