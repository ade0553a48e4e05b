/**
 * Decodes picture bytes to an upright sRGB JPEG of bounded size: opens (`openPicture`), converts size and
 * colours, checks the result. Runs only in a child (`decode-child.ts`), because native decoders process
 * hostile bytes here.
 */
import { createHash } from 'node:crypto';
import sharp from 'sharp';
import { isError, makeError, messageOf } from '../../base/errors';
import { mapPixels } from '../color/map';
import type { ColorSignal } from '../color/signal';
import type { DecodedPicture } from './decode-protocol';
import { exifDate } from './exif-date';
import { LIMITS, pictureLimits, type PictureLimits } from '../limits';
import { openPicture, openRepairedPng, WHITE, type Context, type Opened } from './open-picture';
import { largestPreview } from './formats/raw-preview';
import { sniff, SNIFF_BYTES, type ImageFormat } from '../sniff';

/**
 * All other loaders of libvips are disabled, so that a wrong result of `sniff` cannot reach them. The
 * gain-map loader (Uhdr) stays disabled: such files are plain JPEGs to the others.
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

/** Configures the decoder for one picture at a time. */
export function prepareDecoder(): void {
  sharp.block({ operation: ['VipsForeignLoad'] });
  sharp.unblock({ operation: LOADERS });
  // No picture is decoded twice, and the pool has a child per core.
  sharp.cache(false);
  sharp.concurrency(1);
}

/**
 * Decodes the first page, applies the EXIF orientation, and makes transparency white. As in browsers, a
 * truncated picture is decoded as far as it goes, and `damaged` says so.
 *
 * @throws ERR_MEDIA_UNSUPPORTED | ERR_MEDIA_LIMIT | ERR_MEDIA_DECODE (no part can be decoded)
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
      damaged: opened.damaged,
    };
  } catch (error) {
    throw asMediaError(error, format);
  }
}

interface Decoded {
  readonly opened: Opened;
  readonly frame: { data: Buffer; info: sharp.OutputInfo };
}

/** Decodes strictly first, and only on an error again with tolerance for missing data. */
async function decodeAsFar(
  format: ImageFormat,
  bytes: Uint8Array,
  context: Context,
): Promise<Decoded> {
  let complaint: unknown;
  try {
    const opened = await openPicture(format, bytes, context, 'error');
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
        : await openPicture(format, format === 'webp' ? padWebp(bytes) : bytes, context, 'none');
    const frame = await toFrame(opened, context.maxSize);
    // For PNG the number of rows is known; they may well have one colour.
    if (format !== 'png') await assertSomething(frame.data, damaged);
    return { opened: { ...opened, damaged: `not all of it is there: ${damaged}` }, frame };
  } catch (error) {
    // Many a TIFF that cannot be decoded contains a preview.
    const preview = format === 'tiff' ? largestPreview(bytes) : undefined;
    if (preview !== undefined) return decodeAsFar('raw', bytes, context);
    if (isError(error) && 'code' in error) throw error;
    throw complaint;
  }
}

/** Pads the file to its declared length: libwebp then decodes as far as it can. */
function padWebp(bytes: Uint8Array): Uint8Array {
  const declared =
    Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).readUInt32LE(4) + 8;
  if (declared <= bytes.length || declared > LIMITS.imageBytes) return bytes;
  return Buffer.concat([bytes, Buffer.alloc(declared - bytes.length)]);
}

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

/** Maps the colours after resizing, which uses coded values for sRGB pictures too. */
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
 * Decoders fill missing data with one colour: if there is only one colour, nothing was decoded.
 *
 * @throws ERR_MEDIA_DECODE
 */
async function assertSomething(jpeg: Buffer, complaint: string): Promise<void> {
  const { channels } = await sharp(jpeg).stats();
  // JPEG noise is two steps at this quality.
  if (channels.some(({ min, max }) => max - min > 4)) return;
  throw makeError('ERR_MEDIA_DECODE', `no part of the picture can be decoded: ${complaint}`);
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
      throw makeError('ERR_MEDIA_UNSUPPORTED', 'unknown picture format');
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
