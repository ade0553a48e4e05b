/**
 * Repairs a truncated or damaged PNG. libpng drops rows that browsers still show; here the rows are
 * inflated up to the first fault and written into a new file for the decoder.
 */
import { crc32, createInflate, deflateSync } from 'node:zlib';

export interface RepairedPng {
  readonly png: Buffer;
  readonly width: number;
  readonly height: number;
  /** Rows present from the top; all of them if interlaced, see `grid`. */
  readonly rows: number;
  /** Every `grid`-th pixel of every `grid`-th row is present; 1 unless interlaced. */
  readonly grid: number;
}

const SIGNATURE = Buffer.from('\x89PNG\r\n\x1a\n', 'latin1');
const CHANNELS: Readonly<Record<number, number>> = { 0: 1, 2: 3, 3: 1, 4: 2, 6: 4 };
/** A fault in the stream loses at most the output of one piece, in bytes of input. */
const PIECE = 512;
/** Chunks that decide colours and orientation. */
const KEPT = new Set(['PLTE', 'tRNS', 'gAMA', 'cHRM', 'sRGB', 'iCCP', 'cICP', 'eXIf', 'sBIT']);

/** Adam7: offsets and steps of the seven passes, and the grid complete after each. */
const PASSES = [
  [0, 0, 8, 8, 8],
  [4, 0, 8, 8, 8],
  [0, 4, 4, 8, 4],
  [2, 0, 4, 4, 4],
  [0, 2, 2, 4, 2],
  [1, 0, 2, 2, 2],
  [0, 1, 1, 2, 1],
] as const;

/**
 * @returns undefined if the header is invalid or no row can be read
 * Cost: memory of the inflated picture, whose size the caller has checked.
 */
export async function repairPng(bytes: Uint8Array): Promise<RepairedPng | undefined> {
  const { chunks, data } = split(bytes);
  const header = chunks.find((chunk) => chunk.type === 'IHDR')?.body;
  if (header?.length !== 13 || data.length === 0) return undefined;
  const [width, height] = [header.readUInt32BE(0), header.readUInt32BE(4)];
  const bits = (header[8] ?? 0) * (CHANNELS[header[9] ?? 1] ?? 0);
  if (width === 0 || height === 0 || bits === 0) return undefined;
  const rowBytes = (pixels: number): number =>
    pixels === 0 ? 0 : 1 + Math.ceil((pixels * bits) / 8);
  const passes = header[12] === 1 ? PASSES : ([[0, 0, 1, 1, 1]] as const);
  const sizes = passes.map(([x, y, across, down]) => {
    const columns = Math.ceil(Math.max(0, width - x) / across);
    return columns === 0 ? 0 : rowBytes(columns) * Math.ceil(Math.max(0, height - y) / down);
  });
  const total = sizes.reduce((sum, size) => sum + size, 0);
  const inflated = await inflateAsFar(data, total);
  const isInterlaced = passes.length > 1;
  const rows = isInterlaced ? height : Math.floor(inflated.length / rowBytes(width));
  const grid = isInterlaced ? fullGrid(sizes, inflated.length) : 1;
  if (rows === 0 || grid === undefined) return undefined;
  // An incomplete last row would decode to garbage.
  const whole = isInterlaced ? inflated.length : rows * rowBytes(width);
  const padded = Buffer.concat([inflated.subarray(0, whole), Buffer.alloc(total - whole)]);
  const png = Buffer.concat([
    SIGNATURE,
    chunkOf('IHDR', header),
    ...chunks.filter(({ type }) => KEPT.has(type)).map(({ type, body }) => chunkOf(type, body)),
    chunkOf('IDAT', deflateSync(padded, { level: 1 })),
    chunkOf('IEND', Buffer.alloc(0)),
  ]);
  return { png, width, height, rows, grid };
}

/** The finest grid whose passes are complete; undefined if the first is not. */
function fullGrid(sizes: readonly number[], bytes: number): number | undefined {
  let left = bytes;
  let grid: number | undefined;
  for (const [i, size] of sizes.entries()) {
    left -= size;
    if (left < 0) break;
    // The grid is square after passes 1, 3, 5 and 7.
    if (i % 2 === 0) grid = PASSES[i]?.[4];
  }
  return grid;
}

interface Chunk {
  readonly type: string;
  readonly body: Buffer;
}

/** Chunks up to the end, checksums ignored, and the joined IDAT data. */
function split(bytes: Uint8Array): { chunks: Chunk[]; data: Buffer } {
  const all = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const chunks: Chunk[] = [];
  const data: Buffer[] = [];
  for (let at = 8; at + 8 <= all.length;) {
    const length = all.readUInt32BE(at);
    const type = all.toString('latin1', at + 4, at + 8);
    const body = all.subarray(at + 8, Math.min(all.length, at + 8 + length));
    if (type === 'IEND') break;
    if (type === 'IDAT') data.push(body);
    else if (body.length === length && data.length === 0) chunks.push({ type, body });
    at += 12 + length;
  }
  return { chunks, data: Buffer.concat(data) };
}

/** Up to `most` bytes before the first fault. */
function inflateAsFar(data: Buffer, most: number): Promise<Buffer> {
  return new Promise((resolve) => {
    const inflate = createInflate();
    const pieces: Buffer[] = [];
    let length = 0;
    let isOver = false;
    const finish = (): void => {
      if (isOver) return;
      isOver = true;
      inflate.destroy();
      resolve(Buffer.concat(pieces).subarray(0, most));
    };
    inflate.on('data', (piece: Buffer) => {
      pieces.push(piece);
      length += piece.length;
      if (length >= most) finish();
    });
    inflate.on('error', finish).on('end', finish);
    let at = 0;
    const feed = (): void => {
      if (isOver) return;
      if (at >= data.length) {
        // Not end(): a stream without an end would be an error.
        inflate.flush(finish);
        return;
      }
      const piece = data.subarray(at, at + PIECE);
      at += PIECE;
      inflate.write(piece, () => inflate.flush(feed));
    };
    feed();
  });
}

function chunkOf(type: string, body: Buffer): Buffer {
  const named = Buffer.concat([Buffer.from(type, 'latin1'), body]);
  const [length, sum] = [Buffer.alloc(4), Buffer.alloc(4)];
  length.writeUInt32BE(body.length);
  sum.writeUInt32BE(crc32(named));
  return Buffer.concat([length, named, sum]);
}
