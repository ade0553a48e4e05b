/**
 * What all vector formats share: records of one length, one after another, each with a vector. A record may
 * hold more, such as a label or links.
 */
import { checkInteger } from '../../base/options';
import { corrupt, type ByteFile } from './byte-file';
import { room } from '../room';
import { valuesOf, widthOf, type StoredType, type Values } from './dtypes';

export interface RecordLayout {
  readonly type: StoredType;
  readonly rows: number;
  readonly dim: number;
  /** Offset of record 0 in the file. */
  readonly offset: number;
  /** Bytes per record. */
  readonly stride: number;
  /** Offset of the vector in its record. */
  readonly vectorAt: number;
  /** Further checks of a record; throws. */
  readonly check?: (record: DataView, row: number) => void;
}

/** Most floats and most bytes in one block: bounds the memory of block readers. */
const BLOCK_ROWS = 4096;
const BLOCK_FLOATS = 8 * 1024 * 1024;

/** Rows per block within both bounds; at least one. */
export function blockRows(layout: RecordLayout): number {
  const floats = Math.max(layout.dim, layout.stride / 4, 1);
  return Math.max(1, Math.min(BLOCK_ROWS, Math.floor(BLOCK_FLOATS / floats)));
}

/**
 * Call before a layout is used: afterwards no row can lie outside the file.
 *
 * @param tailBytes  required after the records; `exact`: and nothing else
 * @throws ERR_FILE_CORRUPT
 */
export function checkFits(
  file: ByteFile,
  layout: RecordLayout,
  tailBytes: number,
  exact: boolean,
): void {
  const { rows, stride, offset } = layout;
  // Inexact only beyond 2^53, which is larger than any file.
  const wanted = offset + rows * stride + tailBytes;
  if (exact ? wanted === file.size : wanted <= file.size) return;
  throw corrupt(file.path, `has ${file.size} bytes where its header announces ${wanted}`, {
    bytes: file.size,
    expected: wanted,
    rows,
    dim: layout.dim,
  });
}

/**
 * Bytes of the records from `first`.
 *
 * @throws ERR_FILE_CORRUPT | ERR_IO | ERR_NO_MEMORY
 */
export async function readRecords(
  file: ByteFile,
  layout: RecordLayout,
  first: number,
  count: number,
): Promise<Uint8Array> {
  const { offset, stride, check } = layout;
  const bytes = await file.read(offset + first * stride, count * stride);
  if (check !== undefined) {
    for (let i = 0; i < count; i++) {
      check(new DataView(bytes.buffer, i * stride, stride), first + i);
    }
  }
  return bytes;
}

/** The vectors of records, shape [count, dim]; a view where the records hold nothing else. */
export function vectorsOf(layout: RecordLayout, records: Uint8Array): Values {
  const { type, dim, stride, vectorAt } = layout;
  const width = dim * widthOf(type);
  if (width === stride) return valuesOf(type, records);
  const count = records.length / stride;
  const packed = room(Uint8Array, count * width);
  for (let i = 0; i < count; i++) {
    const at = i * stride + vectorAt;
    packed.set(records.subarray(at, at + width), i * width);
  }
  return valuesOf(type, packed);
}

/** @throws ERR_ARG_TYPE | ERR_ARG_RANGE */
export function checkRange(layout: RecordLayout, first: unknown, count: unknown): void {
  const from = checkInteger('first', first, 0, layout.rows);
  checkInteger('count', count, 0, layout.rows - from);
}
