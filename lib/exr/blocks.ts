/**
 * Blocks of pixels, found by the tables that stand behind the headers, one a part in their order: an offset of 8 bytes for each block. A
 * block is `part, int32 (multipart only) | y, int32, or four int32 of a tile | size, int32 | data`. Offsets are checked, not trusted.
 */
import { DEFAULT_EXR_LIMITS } from './header/limits';
import { EXR_MAGIC, FLAG_LONG_NAMES, FLAG_TILED, readLayout } from './header/layout';
import type { ExrPart, ExrPayload } from './payload';

/** Rows of pixels that a block holds, where it is more than one. */
const BLOCK_ROWS: Readonly<Record<string, number>> = {
  zip: 16,
  pxr24: 16,
  piz: 32,
  b44: 32,
  b44a: 32,
  dwaa: 32,
  dwab: 256,
  htj2k256: 256,
  htj2k32: 32,
};

export interface ExrBlock {
  /** Where it starts, behind the number of its part; 0: the table does not know. */
  readonly at: number;
  /** Undefined: it is not there to its end. */
  readonly size: number | undefined;
}

/** In the order of the table; undefined: there is no whole table, or nobody says how many blocks there are. */
export function blocksOf(
  bytes: Uint8Array,
  { file, parts }: ExrPayload,
  partIndex: number,
): ExrBlock[] | undefined {
  const counts = parts.slice(0, partIndex + 1).map(countOf);
  const count = counts.pop();
  if (count === undefined || counts.includes(undefined)) return undefined;
  const table = file.header_bytes + 8 * counts.reduce((sum: number, one) => sum + (one ?? 0), 0);
  if (table + 8 * count > bytes.length) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const partBytes = file.is_multipart ? 4 : 0;
  const sizeAt = parts[partIndex]?.is_tiled === true ? 16 : 4;
  return Array.from({ length: count }, (_, i) => {
    const offset = Number(view.getBigUint64(table + 8 * i, true));
    if (offset === 0) return { at: 0, size: undefined };
    const at = offset + partBytes;
    const data = at + sizeAt + 4;
    const size = data > bytes.length ? NaN : data - at + view.getUint32(data - 4, true);
    return { at, size: at + size <= bytes.length ? size : undefined };
  });
}

/** Undefined for tiles of a file that does not count them. */
function countOf({
  chunk_count,
  is_tiled,
  compression,
  data_window: box,
}: ExrPart): number | undefined {
  if (chunk_count !== null) return chunk_count;
  if (is_tiled) return undefined;
  return Math.ceil((box.y_max - box.y_min + 1) / (BLOCK_ROWS[compression] ?? 1));
}

/** What the header of a part has that a file of one part need not have. */
const OF_PARTS = new Set(['name', 'type', 'view', 'chunkCount']);

/**
 * A part of a multipart file as a file of its own, for readers that know no parts. Blocks that are not there are missing in it too.
 *
 * @param payload  of these bytes
 * @returns newly allocated; undefined: its blocks cannot be found
 */
export function singlePart(
  bytes: Uint8Array,
  payload: ExrPayload,
  partIndex: number,
): Uint8Array | undefined {
  const header = readLayout(bytes, DEFAULT_EXR_LIMITS).headers[partIndex];
  const blocks = blocksOf(bytes, payload, partIndex);
  const part = payload.parts[partIndex];
  if (header === undefined || blocks === undefined || part === undefined) return undefined;
  const i32 = (value: number): Buffer => Buffer.from(Int32Array.of(value).buffer);
  const flags =
    (part.is_tiled ? FLAG_TILED : 0) | (payload.file.has_long_names ? FLAG_LONG_NAMES : 0);
  const pieces: Uint8Array[] = [i32(EXR_MAGIC), i32(2 | flags)];
  for (const [name, { start, at, size }] of header)
    if (!OF_PARTS.has(name)) pieces.push(bytes.subarray(start, at + size));
  pieces.push(Uint8Array.of(0));
  // Blocks do not overlap: a table that names one of them again and again would make a huge file of a small one.
  if (blocks.reduce((sum, { size = 0 }) => sum + size, 0) > bytes.length) return undefined;
  let next = pieces.reduce((sum, one) => sum + one.length, 0) + 8 * blocks.length;
  const table = BigUint64Array.from(blocks, ({ size }) => {
    const at = next;
    next += size ?? 0;
    return BigInt(size === undefined ? 0 : at);
  });
  pieces.push(new Uint8Array(table.buffer));
  for (const { at, size } of blocks)
    if (size !== undefined) pieces.push(bytes.subarray(at, at + size));
  return Buffer.concat(pieces);
}
