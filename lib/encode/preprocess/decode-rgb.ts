/**
 * Decodes picture bytes to upright 8-bit sRGB pixels, for the workers. Queries arrive here straight from
 * the network, so the type is sniffed and the pixel count bounded before a decoder runs.
 *
 * The only file of this folder that uses sharp; loaded only in worker threads.
 */
import sharp from 'sharp';
import { isLibraryError, makeError, messageOf } from '../../base/errors';
import type { RgbImage } from './preprocess';

/** 40 megapixels: larger than phone cameras make, small enough to decode in 120 MB. */
const MAX_PIXELS = 40_000_000;
/**
 * The longest side of a JPEG. Resizing buffers a line per input row, so a picture one pixel wide and
 * millions high would take gigabytes.
 */
const MAX_SIDE = 65_535;

const ascii = (bytes: Uint8Array, from: number, to: number): string =>
  String.fromCharCode(...bytes.subarray(from, to));

/** The picture format by its first bytes; undefined for one we do not decode. */
export function sniffPicture(bytes: Uint8Array): string | undefined {
  if (bytes[0] === 0xff && bytes[1] === 0xd8 && bytes[2] === 0xff) return 'jpeg';
  if (ascii(bytes, 0, 8) === '\x89PNG\r\n\x1a\n') return 'png';
  if (ascii(bytes, 0, 4) === 'RIFF' && ascii(bytes, 8, 12) === 'WEBP') return 'webp';
  if (/^GIF8[79]a$/.test(ascii(bytes, 0, 6))) return 'gif';
  if (ascii(bytes, 4, 8) === 'ftyp' && /^(avif|avis|heic|heix|mif1)$/.test(ascii(bytes, 8, 12)))
    return 'heif';
  return undefined;
}

/**
 * Decodes the first page, applies the EXIF orientation, puts transparency on white.
 *
 * @throws ERR_MEDIA_UNSUPPORTED for other formats; ERR_MEDIA_LIMIT above 40 megapixels or 65,535 a side;
 *   ERR_MEDIA_DECODE for damaged bytes
 */
export async function decodeRgb(bytes: Uint8Array): Promise<RgbImage> {
  if (sniffPicture(bytes) === undefined) {
    throw makeError(
      'ERR_MEDIA_UNSUPPORTED',
      `these ${bytes.length} bytes are not a JPEG, PNG, WebP, GIF or AVIF picture`,
      { details: { size: bytes.length } },
    );
  }
  try {
    const { data, info } = await sharp(bytes, { limitInputPixels: MAX_PIXELS, pages: 1 })
      .autoOrient()
      .flatten({ background: '#ffffff' })
      .toColourspace('srgb')
      .raw({ depth: 'uchar' })
      .toBuffer({ resolveWithObject: true });
    const { width, height, channels } = info;
    if (Math.max(width, height) > MAX_SIDE) {
      throw makeError(
        'ERR_MEDIA_LIMIT',
        `the picture is ${width}x${height} pixels, allowed are ${MAX_SIDE} a side`,
        { details: { width, height, maxSide: MAX_SIDE } },
      );
    }
    return { data: toThreeChannels(data, channels), width, height };
  } catch (cause) {
    if (isLibraryError(cause)) throw cause;
    const tooLarge = /exceeds pixel limit/i.test(messageOf(cause));
    throw makeError(
      tooLarge ? 'ERR_MEDIA_LIMIT' : 'ERR_MEDIA_DECODE',
      tooLarge
        ? `the picture has more than ${MAX_PIXELS / 1e6} megapixels`
        : `the picture cannot be decoded: ${messageOf(cause)}`,
      { details: { size: bytes.length }, cause },
    );
  }
}

/** Gray pictures come out of the decoder with one channel, whatever colour space was requested. */
function toThreeChannels(data: Uint8Array, channels: number): Uint8Array {
  if (channels === 3) return data;
  const pixels = data.length / channels;
  const out = new Uint8Array(pixels * 3);
  for (let i = 0; i < pixels; i++) {
    for (let c = 0; c < 3; c++) {
      out[i * 3 + c] = data[i * channels + (channels < 3 ? 0 : c)] as number;
    }
  }
  return out;
}
