/** Selects the decoder of a picture and checks its cost before decoding. Runs in a child only. */
import sharp from 'sharp';
import { makeError } from '../../base/errors';
import { needsMapping, type ColorSignal } from '../color/signal';
import { checkPicture, type PictureLimits } from '../limits';
import { primaryItem } from './formats/bmff';
import { bmpSize, decodeBmp } from './formats/bmp';
import { decodeExr } from './formats/exr';
import { decodeByFfmpeg } from './formats/ffmpeg-picture';
import { decodeHeic } from './formats/heic';
import { largestOfIcon } from './formats/ico';
import { repairPng } from './formats/png-repair';
import type { RawPicture } from './formats/raw-picture';
import { isRawTiff, largestPreview, tiffOrientation } from './formats/raw-preview';
import { signalOf, signalOfProfile } from './formats/signal';
import { PIPE_DEMUXERS, sniff, type ImageFormat, type PipeFormat } from '../sniff';

/** Shown for transparent or missing pixels. */
export const WHITE = '#ffffff';

export interface Opened {
  /** Before `autoOrient` and all later steps. */
  readonly picture: sharp.Sharp;
  /** Upright. */
  readonly sourceWidth: number;
  readonly sourceHeight: number;
  readonly exif: Uint8Array | undefined;
  /** Undefined for sRGB. */
  readonly signal: ColorSignal | undefined;
  readonly bits: 8 | 16;
  readonly damaged: string | undefined;
}

export interface Context {
  readonly maxSize: number;
  readonly limits: PictureLimits;
}

/** @throws ERR_MEDIA_LIMIT for a picture that costs too much, and what the decoder throws */
export async function openPicture(
  format: ImageFormat,
  bytes: Uint8Array,
  context: Context,
  failOn: 'error' | 'none',
): Promise<Opened> {
  switch (format) {
    case 'raw':
      return openRaw(bytes, context, failOn);
    case 'tiff':
      return isRawTiff(bytes)
        ? openRaw(bytes, context, failOn)
        : openByVips(format, bytes, context, failOn);
    case 'heic':
      return openHeic(bytes, context);
    case 'bmp':
      return openBmp(bytes, context);
    case 'ico': {
      const inside = largestOfIcon(bytes);
      if (inside === undefined)
        throw makeError('ERR_MEDIA_DECODE', 'no picture can be found in this icon');
      return inside.format === 'png'
        ? openByVips('png', inside.bytes, context, failOn)
        : openBmp(inside.bytes, context, true);
    }
    case 'exr':
      return openExr(bytes, context);
    case 'jpeg':
    case 'png':
    case 'webp':
    case 'gif':
    case 'avif':
      return openByVips(format, bytes, context, failOn);
    default:
      return openByFfmpeg(format, bytes, context);
  }
}

async function openByVips(
  format: ImageFormat,
  bytes: Uint8Array,
  { limits }: Context,
  failOn: 'error' | 'none',
  orientation?: number,
): Promise<Opened> {
  // 'error' refuses truncated data and broken streams; 'warning' would also refuse the common mistakes of
  // cameras in metadata.
  const options = { failOn, pages: 1, limitInputPixels: false } as const;
  const header = await sharp(bytes, options).metadata();
  checkPicture(
    { ...header, pages: header.pages ?? 1, bytesPerPixel: costOf(format, header) },
    limits,
  );
  const signal = signalOf(format, bytes) ?? signalOfProfile(header.icc);
  const isMapped = signal !== undefined && needsMapping(signal);
  const turned = header.orientation === undefined && orientation !== undefined && orientation > 1;
  const isSideways = turned && orientation >= 5;
  const { width, height } = header.autoOrient;
  const picture = sharp(bytes, { ...options, ignoreIcc: isMapped });
  return {
    picture: turned ? turn(picture, orientation) : picture.autoOrient(),
    sourceWidth: isSideways ? height : width,
    sourceHeight: isSideways ? width : height,
    exif: header.exif,
    signal: isMapped ? signal : undefined,
    bits: header.depth === 'ushort' ? 16 : 8,
    damaged: undefined,
  };
}

/** Applies the orientation of the container to an embedded JPEG that has none. */
function turn(picture: sharp.Sharp, orientation: number): sharp.Sharp {
  const mirrored = [2, 4, 5, 7].includes(orientation);
  const degrees = { 3: 180, 4: 180, 5: 270, 6: 90, 7: 90, 8: 270 }[orientation] ?? 0;
  return (mirrored ? picture.flop() : picture).rotate(degrees);
}

/**
 * Bytes per pixel that a decoder holds at once. A JPEG is decoded by rows at an eighth of its size, unless
 * it is progressive: then libjpeg keeps two bytes per coefficient. PNG and TIFF are decoded by rows.
 */
function costOf(format: ImageFormat, header: sharp.Metadata): number {
  const samples = header.channels ?? 3;
  const bytes = header.depth === 'ushort' ? 2 : 1;
  if (format === 'jpeg')
    return header.isProgressive === true
      ? header.chromaSubsampling === '4:2:0'
        ? 3
        : 2 * samples
      : 0;
  if (format === 'png') return header.isProgressive === true ? samples * bytes : 0;
  if (format === 'tiff') return 0;
  // The codec's planes and the pixels converted from them.
  return 2 * (samples + 1) * bytes;
}

async function openHeic(bytes: Uint8Array, context: Context): Promise<Opened> {
  const item = primaryItem(bytes);
  const [width, height] = [item?.width ?? 0, item?.height ?? 0];
  checkPicture({ width, height, pages: 1, bytesPerPixel: 10 }, context.limits);
  const raw = await decodeHeic(bytes);
  const signal = item?.color;
  return {
    ...ofRaw(raw),
    // For the date only: the decoder has applied the rotation of the boxes.
    exif: exifOfHeic(bytes),
    signal: signal !== undefined && needsMapping(signal) ? signal : undefined,
  };
}

function openBmp(bytes: Uint8Array, { limits }: Context, isIcon = false): Opened {
  checkPicture({ ...bmpSize(bytes), pages: 1, bytesPerPixel: 4 }, limits);
  return ofRaw(decodeBmp(bytes, isIcon));
}

/** The block is usually near the beginning; a false match has no date. */
function exifOfHeic(bytes: Uint8Array): Uint8Array | undefined {
  const all = Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(bytes.byteLength, 1 << 20));
  const starts = ['MM\0*', 'II*\0'].map((magic) => all.indexOf(magic, 0, 'latin1'));
  const [start] = starts.filter((at) => at >= 0).sort((a, b) => a - b);
  return start === undefined ? undefined : bytes.subarray(start);
}

async function openExr(bytes: Uint8Array, { maxSize, limits }: Context): Promise<Opened> {
  return ofRaw(await decodeExr(bytes, maxSize, limits));
}

async function openByFfmpeg(
  format: PipeFormat,
  bytes: Uint8Array,
  { maxSize, limits }: Context,
): Promise<Opened> {
  const demuxer = PIPE_DEMUXERS[format];
  return ofRaw(await decodeByFfmpeg(bytes, { demuxer, name: format, maxSize, limits }));
}

function ofRaw(raw: RawPicture): Opened {
  const { data, width, height, channels } = raw;
  return {
    picture: sharp(data, { raw: { width, height, channels } }),
    sourceWidth: raw.sourceWidth ?? width,
    sourceHeight: raw.sourceHeight ?? height,
    exif: undefined,
    signal: undefined,
    bits: 8,
    damaged: raw.damaged,
  };
}

async function openRaw(
  bytes: Uint8Array,
  context: Context,
  failOn: 'error' | 'none',
): Promise<Opened> {
  const preview = largestPreview(bytes);
  if (preview === undefined)
    throw makeError(
      'ERR_MEDIA_UNSUPPORTED',
      'a camera raw file without a preview: convert it to JPEG or TIFF',
    );
  const isTiff = sniff(bytes.subarray(0, 16)).type === 'image' && /^(II|MM)/.test(latin1(bytes, 2));
  const orientation = isTiff ? tiffOrientation(bytes) : undefined;
  const opened = await openByVips('jpeg', preview.jpeg, context, failOn, orientation);
  return { ...opened, exif: opened.exif ?? (isTiff ? bytes : undefined) };
}

const latin1 = (bytes: Uint8Array, length: number): string =>
  String.fromCharCode(...bytes.subarray(0, length));

export async function openRepairedPng(bytes: Uint8Array, context: Context): Promise<Opened> {
  const repaired = await repairPng(bytes);
  if (repaired === undefined)
    throw makeError('ERR_MEDIA_DECODE', 'nothing of this png file can be decoded');
  const opened = await openByVips('png', repaired.png, context, 'none');
  const { width, height, rows, grid } = repaired;
  const options = { limitInputPixels: false, failOn: 'none' } as const;
  if (grid > 1) {
    // Only every grid-th pixel is present: they make a smaller picture.
    const { data, info } = await sharp(repaired.png, options)
      .ensureAlpha()
      .raw()
      .toBuffer({ resolveWithObject: true });
    const small = everyNth(data, info.width, info.height, grid);
    return { ...opened, picture: sharp(small.data, { raw: small.size }) };
  }
  if (rows === height) return opened;
  const { data, info } = await sharp(repaired.png, options)
    .extract({ left: 0, top: 0, width, height: rows })
    .ensureAlpha()
    .raw()
    .toBuffer({ resolveWithObject: true });
  const picture = sharp(data, { raw: { width, height: rows, channels: info.channels } });
  return {
    ...opened,
    picture: sharp(
      await picture
        .extend({ bottom: height - rows, background: WHITE })
        .png({ compressionLevel: 1 })
        .toBuffer(),
    ),
  };
}

function everyNth(
  data: Buffer,
  width: number,
  height: number,
  step: number,
): { data: Buffer; size: sharp.CreateRaw } {
  const size = {
    width: Math.ceil(width / step),
    height: Math.ceil(height / step),
    channels: 4,
  } as const;
  const out = Buffer.alloc(size.width * size.height * 4);
  for (let y = 0; y < size.height; y++)
    for (let x = 0; x < size.width; x++)
      out.writeUInt32LE(
        data.readUInt32LE(4 * (y * step * width + x * step)),
        4 * (y * size.width + x),
      );
  return { data: out, size };
}
