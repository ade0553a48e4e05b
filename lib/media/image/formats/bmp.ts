/**
 * Decodes Windows bitmaps: 1 to 32 bits, palettes, bit fields, run lengths, both row orders, icon masks.
 * In JavaScript, because libvips has no reader and that of ffmpeg refuses most bit fields.
 */
import { makeError } from '../../../base/errors';
import type { RawPicture } from './raw-picture';

export interface BmpHeader {
  readonly width: number;
  readonly height: number;
}

interface Layout extends BmpHeader {
  readonly isTopDown: boolean;
  readonly bits: number;
  readonly compression: number;
  /** Offset of the pixels. */
  readonly pixels: number;
  readonly palette: readonly (readonly number[])[];
  /** Of red, green, blue, alpha; an alpha of zero means opaque. */
  readonly masks: readonly number[];
}

const RGB = 0;
const RLE8 = 1;
const RLE4 = 2;
const BITFIELDS = 3;
const ALPHA_BITFIELDS = 6;
const CORE_HEADER = 12;

/** @throws ERR_MEDIA_DECODE */
export const bmpSize = (bytes: Uint8Array): BmpHeader => layoutOf(asBuffer(bytes), false);

/**
 * @param isIcon  in an icon, 32-bit pixels have alpha and others are followed by a mask
 * @throws ERR_MEDIA_DECODE if there is no whole row
 */
export function decodeBmp(bytes: Uint8Array, isIcon = false): RawPicture {
  const all = asBuffer(bytes);
  const layout = layoutOf(all, isIcon);
  const { width, height, compression } = layout;
  // Missing pixels stay transparent.
  const data = Buffer.alloc(width * height * 4);
  const rows =
    compression === RLE8 || compression === RLE4
      ? runLengths(all, layout, data)
      : plainRows(all, layout, data);
  if (rows === 0) throw makeError('ERR_MEDIA_DECODE', 'this bmp file has no whole row of pixels');
  if (isIcon && layout.bits < 32) applyMask(all, layout, data);
  const damaged = rows < height ? { damaged: `only ${rows} of ${height} rows are there` } : {};
  return { data, width, height, channels: 4, ...damaged };
}

const asBuffer = (bytes: Uint8Array): Buffer =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);

function layoutOf(all: Buffer, isIcon: boolean): Layout {
  const fail = (what: string): never => {
    throw makeError('ERR_MEDIA_DECODE', `this bmp file cannot be decoded: ${what}`);
  };
  if (all.length < 54 && !(all.length >= 26 && all.readUInt32LE(14) === CORE_HEADER))
    fail('its header is cut');
  const size = all.readUInt32LE(14);
  const isCore = size === CORE_HEADER;
  const width = isCore ? all.readUInt16LE(18) : all.readInt32LE(18);
  const signed = isCore ? all.readInt16LE(20) : all.readInt32LE(22);
  const height = Math.abs(signed);
  const bits = all.readUInt16LE(isCore ? 24 : 28);
  const compression = isCore ? RGB : all.readUInt32LE(30);
  if (width <= 0 || height === 0) fail(`its size is ${width} x ${signed}`);
  if (![1, 2, 4, 8, 16, 24, 32].includes(bits)) fail(`${bits} bits for a pixel`);
  const isKnown = [RGB, RLE8, RLE4, BITFIELDS, ALPHA_BITFIELDS].includes(compression);
  const fits = compression === RLE8 ? bits === 8 : compression === RLE4 ? bits === 4 : true;
  if (!isKnown || !fits) fail(`compression ${compression} with ${bits} bits`);
  const hasFields = compression === BITFIELDS || compression === ALPHA_BITFIELDS;
  const behind = hasFields && size === 40 ? (compression === BITFIELDS ? 12 : 16) : 0;
  return {
    ...{ width, height, isTopDown: signed < 0, bits, compression },
    pixels: all.readUInt32LE(10),
    palette: bits <= 8 ? paletteOf(all, 14 + size + behind, bits, isCore) : [],
    masks: masksOf(all, size, bits, compression, isIcon),
  };
}

function paletteOf(all: Buffer, from: number, bits: number, isCore: boolean): number[][] {
  const step = isCore ? 3 : 4;
  const used = isCore ? 0 : all.readUInt32LE(46);
  const count = used > 0 && used <= 256 ? used : 2 ** bits;
  return Array.from({ length: count }, (_, i) => {
    const at = from + step * i;
    return [all[at + 2] ?? 0, all[at + 1] ?? 0, all[at] ?? 0];
  });
}

function masksOf(
  all: Buffer,
  size: number,
  bits: number,
  compression: number,
  isIcon: boolean,
): number[] {
  const hasFields = compression === BITFIELDS || compression === ALPHA_BITFIELDS;
  if (!hasFields || all.length < 70)
    return bits === 16
      ? [0x7c00, 0x03e0, 0x001f, 0]
      : [0xff0000, 0xff00, 0xff, isIcon && bits === 32 ? 0xff000000 : 0];
  const hasAlpha = size >= 56 || compression === ALPHA_BITFIELDS;
  return [54, 58, 62, 66].map((at, i) => (i < 3 || hasAlpha ? all.readUInt32LE(at) : 0));
}

/** Extracts a channel by its mask and scales it to 8 bits. */
function channelReader(mask: number, absent: number): (pixel: number) => number {
  if (mask === 0) return () => absent;
  const shift = Math.log2((mask & -mask) >>> 0);
  const most = mask >>> shift;
  return (pixel) => Math.round((((pixel & mask) >>> shift) / most) * 255);
}

/** @returns number of whole rows */
function plainRows(all: Buffer, layout: Layout, out: Buffer): number {
  const { width, height, bits, pixels, palette } = layout;
  const stride = 4 * Math.ceil((width * bits) / 32);
  const rows = Math.max(0, Math.min(height, Math.floor((all.length - pixels) / stride)));
  const [red, green, blue] = [0, 1, 2].map((i) => channelReader(layout.masks[i] ?? 0, 0));
  const alpha = channelReader(layout.masks[3] ?? 0, 255);
  for (let row = 0; row < rows; row++) {
    const from = pixels + row * stride;
    let at = placeOf(layout, row, 0);
    for (let x = 0; x < width; x++, at += 4) {
      if (bits <= 8) {
        const perByte = 8 / bits;
        const byte = all[from + Math.floor(x / perByte)] ?? 0;
        const index = (byte >> (bits * (perByte - 1 - (x % perByte)))) & (2 ** bits - 1);
        paint(out, at, palette[index]);
      } else if (bits === 24) {
        const place = from + 3 * x;
        out[at] = all[place + 2] ?? 0;
        out[at + 1] = all[place + 1] ?? 0;
        out[at + 2] = all[place] ?? 0;
        out[at + 3] = 255;
      } else {
        const pixel = bits === 16 ? all.readUInt16LE(from + 2 * x) : all.readUInt32LE(from + 4 * x);
        out[at] = red?.(pixel) ?? 0;
        out[at + 1] = green?.(pixel) ?? 0;
        out[at + 2] = blue?.(pixel) ?? 0;
        out[at + 3] = alpha(pixel);
      }
    }
  }
  return rows;
}

const placeOf = ({ width, height, isTopDown }: Layout, row: number, x: number): number =>
  4 * ((isTopDown ? row : height - 1 - row) * width + x);

function paint(out: Buffer, at: number, color: readonly number[] | undefined): void {
  out[at] = color?.[0] ?? 0;
  out[at + 1] = color?.[1] ?? 0;
  out[at + 2] = color?.[2] ?? 0;
  out[at + 3] = 255;
}

/** @returns number of rows begun; the last may be incomplete */
function runLengths(all: Buffer, layout: Layout, out: Buffer): number {
  const { width, height, bits, palette } = layout;
  let [at, x, row] = [layout.pixels, 0, 0];
  const put = (index: number): void => {
    if (x < width && row < height) paint(out, placeOf(layout, row, x), palette[index]);
    x++;
  };
  const indexOf = (byte: number, i: number): number =>
    bits === 8 ? byte : i % 2 === 0 ? byte >> 4 : byte & 15;
  while (at + 1 < all.length && row < height) {
    const [count, value] = [all[at] as number, all[at + 1] as number];
    at += 2;
    if (count > 0) {
      for (let i = 0; i < count; i++) put(indexOf(value, i));
    } else if (value === 0) {
      [x, row] = [0, row + 1];
    } else if (value === 1) {
      return height;
    } else if (value === 2) {
      x += all[at] ?? 0;
      row += all[at + 1] ?? 0;
      at += 2;
    } else {
      const length = Math.ceil((value * bits) / 8);
      for (let i = 0; i < value; i++) put(indexOf(all[at + Math.floor((i * bits) / 8)] ?? 0, i));
      // Literal runs are padded to 16 bits.
      at += length + (length % 2);
    }
  }
  return row;
}

/** The mask follows the pixels, one bit each; 1 is transparent. */
function applyMask(all: Buffer, layout: Layout, out: Buffer): void {
  const { width, height, bits, pixels } = layout;
  const from = pixels + 4 * Math.ceil((width * bits) / 32) * height;
  const stride = 4 * Math.ceil(width / 32);
  for (let row = 0; row < height; row++)
    for (let x = 0; x < width; x++) {
      const byte = all[from + row * stride + (x >> 3)] ?? 0;
      if (((byte >> (7 - (x & 7))) & 1) === 1) out[placeOf(layout, row, x) + 3] = 0;
    }
}
