/**
 * Encoded bytes -> upright sRGB JPEG of bounded size. Runs in a child only (`decode-child.ts`): this
 * is where hostile bytes meet native decoders. May not be imported by the parent.
 *
 * Three steps: `open` finds the decoder for the bytes and refuses what costs too much, the pixels are
 * brought into the size and the colours of a frame, and what came is judged (`damaged`, or nothing).
 */
import { createHash } from 'node:crypto';
import sharp from 'sharp';
import { isError, makeError, messageOf } from '../base/errors';
import { mapPixels } from './color/map';
import { needsMapping, signalOf, signalOfProfile, type ColorSignal } from './color/signal';
import type { DecodedPicture } from './decode-protocol';
import { exifDate } from './exif-date';
import { checkPicture, LIMITS, pictureLimits, type PictureLimits } from './limits';
import { primaryItem } from './picture/bmff';
import { bmpSize, decodeBmp } from './picture/bmp';
import { decodeByFfmpeg } from './picture/ffmpeg-picture';
import { decodeHeic } from './picture/heic';
import { largestOfIcon } from './picture/ico';
import { repairPng } from './picture/png-repair';
import { isRawTiff, largestPreview, tiffOrientation } from './picture/raw-preview';
import type { RawPicture } from './picture/raw-picture';
import { PIPE_DEMUXERS, sniff, SNIFF_BYTES, type ImageFormat, type PipeFormat } from './sniff';

/**
 * Every loader of libvips is switched off but these: even a verdict of `sniff` that is wrong cannot
 * wake another decoder. The gain-map loader (Uhdr) stays off, such files are plain JPEGs to the rest.
 */
const LOADERS = [
  'VipsForeignLoadJpegBuffer',
  'VipsForeignLoadPngBuffer',
  'VipsForeignLoadWebpBuffer',
  'VipsForeignLoadNsgifBuffer',
  'VipsForeignLoadHeifBuffer',
  'VipsForeignLoadTiffBuffer',
];

const JPEG_QUALITY = 90;
const WHITE = '#ffffff';

/** Sets the decoder up for one picture at a time. */
export function prepareDecoder(): void {
  sharp.block({ operation: ['VipsForeignLoad'] });
  sharp.unblock({ operation: LOADERS });
  // No cache: no picture comes twice. One thread: the pool has a child per core.
  sharp.cache(false);
  sharp.concurrency(1);
}

/** A picture that is about to be decoded. */
interface Opened {
  /** Pixels as they lie; `autoOrient` and everything behind it are still to come. */
  readonly picture: sharp.Sharp;
  /** Upright, as the file has it. */
  readonly sourceWidth: number;
  readonly sourceHeight: number;
  readonly exif: Uint8Array | undefined;
  /** Colours that are not those of sRGB. */
  readonly signal: ColorSignal | undefined;
  readonly bits: 8 | 16;
  readonly damaged: string | undefined;
}

interface Context {
  readonly maxSize: number;
  readonly limits: PictureLimits;
}

/**
 * Decodes one picture: first page, EXIF orientation applied, transparent parts white. What a browser
 * shows is taken: where the end is missing or the stream breaks off, what came before is the picture,
 * and `damaged` says so.
 *
 * @throws ERR_MEDIA_UNSUPPORTED | ERR_MEDIA_LIMIT | ERR_MEDIA_DECODE (nothing of it can be decoded)
 */
export async function decodePicture(
  bytes: Uint8Array,
  maxSize: number,
  limits: PictureLimits = pictureLimits(),
): Promise<DecodedPicture> {
  const format = imageFormatOf(bytes);
  const contentHash = createHash('sha256').update(bytes).digest('hex');
  try {
    const { opened, frame } = await decodeAsFar(format, bytes, { maxSize, limits });
    return {
      jpeg: frame.data,
      width: frame.info.width,
      height: frame.info.height,
      sourceWidth: opened.sourceWidth,
      sourceHeight: opened.sourceHeight,
      capturedAt: exifDate(opened.exif),
      contentHash,
      ...(opened.damaged === undefined ? {} : { damaged: opened.damaged }),
    };
  } catch (error) {
    throw asMediaError(error, format);
  }
}

interface Decoded {
  readonly opened: Opened;
  readonly frame: { data: Buffer; info: sharp.OutputInfo };
}

/** Strictly first: only what a decoder complains about is decoded again with what is missing left out. */
async function decodeAsFar(
  format: ImageFormat,
  bytes: Uint8Array,
  context: Context,
): Promise<Decoded> {
  let complaint: unknown;
  try {
    const opened = await open(format, bytes, context, 'error');
    const frame = await toFrame(opened, context.maxSize);
    if (opened.damaged !== undefined) await assertSomething(frame.data, opened.damaged);
    return { opened, frame };
  } catch (error) {
    if (isError(error) && 'code' in error) throw error;
    complaint = error;
  }
  const damaged = wordsOf(complaint);
  try {
    const opened =
      format === 'png'
        ? await openRepairedPng(bytes, context)
        : await open(format, format === 'webp' ? padWebp(bytes) : bytes, context, 'none');
    const frame = await toFrame(opened, context.maxSize);
    // How many rows of a PNG came is known; they may well be of one colour.
    if (format !== 'png') await assertSomething(frame.data, damaged);
    return { opened: { ...opened, damaged: `not all of it is there: ${damaged}` }, frame };
  } catch (error) {
    // A preview lies in many a TIFF that cannot be decoded itself.
    const preview = format === 'tiff' ? largestPreview(bytes) : undefined;
    if (preview !== undefined) return decodeAsFar('raw', bytes, context);
    if (isError(error) && 'code' in error) throw error;
    throw complaint;
  }
}

async function open(
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
  // 'error' refuses truncated data and broken streams, and forgives what cameras get wrong in
  // their metadata ('warning' would not).
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

/** What the file's outer structure says of orientation, for a JPEG inside that does not. */
function turn(picture: sharp.Sharp, orientation: number): sharp.Sharp {
  const mirrored = [2, 4, 5, 7].includes(orientation);
  const degrees = { 3: 180, 4: 180, 5: 270, 6: 90, 7: 90, 8: 270 }[orientation] ?? 0;
  return (mirrored ? picture.flop() : picture).rotate(degrees);
}

/**
 * Bytes for each pixel that a decoder holds at once. A JPEG is decoded in rows and at an eighth, unless
 * it is progressive: then libjpeg keeps two bytes for each coefficient. PNG and TIFF come row by row.
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
  // Planes of the codec and the pixels made of them.
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
    // Orientation is not read from there: the decoder has turned the picture as the boxes ask.
    exif: exifOfHeic(bytes),
    signal: signal !== undefined && needsMapping(signal) ? signal : undefined,
  };
}

function openBmp(bytes: Uint8Array, { limits }: Context, isIcon = false): Opened {
  checkPicture({ ...bmpSize(bytes), pages: 1, bytesPerPixel: 4 }, limits);
  return ofRaw(decodeBmp(bytes, isIcon));
}

/** Most files have the block near their beginning; what looks like one and is none has no date. */
function exifOfHeic(bytes: Uint8Array): Uint8Array | undefined {
  const all = Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(bytes.byteLength, 1 << 20));
  const starts = ['MM\0*', 'II*\0'].map((magic) => all.indexOf(magic, 0, 'latin1'));
  const [start] = starts.filter((at) => at >= 0).sort((a, b) => a - b);
  return start === undefined ? undefined : bytes.subarray(start);
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

/** The file as long as it says it is: libwebp decodes as far as it goes once nothing seems missing. */
function padWebp(bytes: Uint8Array): Uint8Array {
  const declared =
    Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).readUInt32LE(4) + 8;
  if (declared <= bytes.length || declared > LIMITS.imageBytes) return bytes;
  return Buffer.concat([bytes, Buffer.alloc(declared - bytes.length)]);
}

async function openRepairedPng(bytes: Uint8Array, context: Context): Promise<Opened> {
  const repaired = await repairPng(bytes);
  if (repaired === undefined)
    throw makeError('ERR_MEDIA_DECODE', 'nothing of this png file can be decoded');
  const opened = await openByVips('png', repaired.png, context, 'none');
  const { width, height, rows, grid } = repaired;
  const options = { limitInputPixels: false, failOn: 'none' } as const;
  if (grid > 1) {
    // Only every grid-th pixel is there: those alone, as a smaller picture.
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
  // As on a white page: the rows that are missing show what lies behind.
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

/** Size, colours and form of a frame. */
async function toFrame(
  { picture, signal, bits }: Opened,
  maxSize: number,
): Promise<{ data: Buffer; info: sharp.OutputInfo }> {
  const sized = picture.resize({
    width: maxSize,
    height: maxSize,
    fit: 'inside',
    withoutEnlargement: true,
  });
  const colored = signal === undefined ? sized : await mapped(sized, signal, bits);
  return colored
    .flatten({ background: WHITE })
    .toColourspace('srgb')
    .jpeg({ quality: JPEG_QUALITY })
    .toBuffer({ resolveWithObject: true });
}

/** The small picture is enough: resizing in coded values is what sRGB pictures get as well. */
async function mapped(
  picture: sharp.Sharp,
  signal: ColorSignal,
  bits: 8 | 16,
): Promise<sharp.Sharp> {
  const { data, info } = await picture
    .toColourspace(bits === 16 ? 'rgb16' : 'srgb')
    .raw({ depth: bits === 16 ? 'ushort' : 'uchar' })
    .toBuffer({ resolveWithObject: true });
  const { width, height, channels } = info;
  if (channels < 3) return sharp(data, { raw: { width, height, channels } });
  const pixels =
    bits === 16 ? new Uint16Array(data.buffer, data.byteOffset, data.length / 2) : data;
  return sharp(mapPixels(pixels, channels, signal), { raw: { width, height, channels } });
}

/**
 * A decoder fills what is missing with one colour. Where there is nothing but one colour, nothing came.
 *
 * @throws ERR_MEDIA_DECODE
 */
async function assertSomething(jpeg: Buffer, complaint: string): Promise<void> {
  const { channels } = await sharp(jpeg).stats();
  // Noise of the JPEG that was just written: two steps at this quality.
  if (channels.some(({ min, max }) => max - min > 4)) return;
  throw makeError('ERR_MEDIA_DECODE', `nothing of it can be decoded: ${complaint}`);
}

function imageFormatOf(bytes: Uint8Array): ImageFormat {
  const sniffed = sniff(bytes.subarray(0, SNIFF_BYTES));
  switch (sniffed.type) {
    case 'image':
      return sniffed.format;
    case 'video':
      throw makeError('ERR_MEDIA_UNSUPPORTED', 'the file is a video, not a picture');
    case 'unsupported':
      throw makeError('ERR_MEDIA_UNSUPPORTED', sniffed.reason, {
        details: { format: sniffed.name },
      });
    case 'unknown':
      if (bytes.length === 0) throw makeError('ERR_MEDIA_DECODE', 'the file is empty');
      throw makeError('ERR_MEDIA_UNSUPPORTED', 'the bytes are those of no picture format we know');
  }
}

const wordsOf = (error: unknown): string => messageOf(error).split('\n').join('; ');

function asMediaError(error: unknown, format: ImageFormat): Error {
  if (isError(error) && 'code' in error) return error;
  const message = wordsOf(error);
  return makeError('ERR_MEDIA_DECODE', `this ${format} file cannot be decoded: ${message}`, {
    cause: error,
  });
}
