/**
 * Decodes picture bytes to an upright sRGB JPEG of bounded size. Runs only in a child (`decode-child.ts`),
 * because hostile bytes meet native decoders here. The parent must not import it.
 *
 * Three steps: `openPicture` selects the decoder and refuses what costs too much; the pixels are converted
 * to a frame's size and colours; the result is checked (`damaged`, or nothing).
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

/** Sets the decoder up for one picture at a time. */
export function prepareDecoder(): void {
  sharp.block({ operation: ['VipsForeignLoad'] });
  sharp.unblock({ operation: LOADERS });
  // No cache: no picture is decoded twice. One thread: the pool has a child per core.
  sharp.cache(false);
  sharp.concurrency(1);
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

/** Strict first: only on an error, decode again and tolerate missing data. */
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

/** The file as long as it says it is: libwebp decodes as far as it goes once nothing seems missing. */
function padWebp(bytes: Uint8Array): Uint8Array {
  const declared =
    Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).readUInt32LE(4) + 8;
  if (declared <= bytes.length || declared > LIMITS.imageBytes) return bytes;
  return Buffer.concat([bytes, Buffer.alloc(declared - bytes.length)]);
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
 * Decoders fill missing data with one colour: if there is only one colour, nothing was decoded.
 *
 * @throws ERR_MEDIA_DECODE
 */
async function assertSomething(jpeg: Buffer, complaint: string): Promise<void> {
  const { channels } = await sharp(jpeg).stats();
  // Noise of the JPEG that was just written: two steps at this quality.
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
