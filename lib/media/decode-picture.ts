/**
 * Encoded bytes -> upright sRGB JPEG of bounded size. Runs in a child only (`decode-child.ts`): this
 * is where hostile bytes meet native decoders. May not be imported by the parent.
 */
import { createHash } from 'node:crypto';
import sharp from 'sharp';
import { makeError, messageOf } from '../errors';
import type { DecodedPicture } from './decode-protocol';
import { exifDate } from './exif-date';
import { LIMITS } from './limits';
import { sniff, SNIFF_BYTES, type ImageFormat } from './sniff';

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
];

const JPEG_QUALITY = 90;

/** Sets the decoder up for one picture at a time. */
export function prepareDecoder(): void {
  sharp.block({ operation: ['VipsForeignLoad'] });
  sharp.unblock({ operation: LOADERS });
  // No cache: no picture comes twice. One thread: the pool has a child per core.
  sharp.cache(false);
  sharp.concurrency(1);
}

/**
 * Decodes one picture: first page, EXIF orientation applied, transparent parts white.
 *
 * @throws ERR_MEDIA_UNSUPPORTED | ERR_MEDIA_LIMIT | ERR_MEDIA_DECODE
 */
export async function decodePicture(bytes: Uint8Array, maxSize: number): Promise<DecodedPicture> {
  const format = imageFormatOf(bytes);
  const contentHash = createHash('sha256').update(bytes).digest('hex');
  try {
    // 'error' refuses truncated data and broken streams, and forgives what cameras get wrong in
    // their metadata ('warning' would not).
    const options = { failOn: 'error', pages: 1 } as const;
    // The header alone, without libvips' own limit: its message would not say the size.
    const header = await sharp(bytes, { ...options, limitInputPixels: false }).metadata();
    checkLimits(header, format);
    const upright = header.autoOrient;
    const { data, info } = await sharp(bytes, { ...options, limitInputPixels: LIMITS.jpegPixels })
      .autoOrient()
      .resize({ width: maxSize, height: maxSize, fit: 'inside', withoutEnlargement: true })
      .flatten({ background: '#ffffff' })
      .toColourspace('srgb')
      .jpeg({ quality: JPEG_QUALITY })
      .toBuffer({ resolveWithObject: true });
    return {
      jpeg: data,
      width: info.width,
      height: info.height,
      sourceWidth: upright.width,
      sourceHeight: upright.height,
      capturedAt: exifDate(header.exif),
      contentHash,
    };
  } catch (error) {
    if (error instanceof Error && 'code' in error) throw error;
    const message = messageOf(error).split('\n').join('; ');
    const isLimit = /pixel limit/i.test(message);
    throw makeError(
      isLimit ? 'ERR_MEDIA_LIMIT' : 'ERR_MEDIA_DECODE',
      `this ${format} file cannot be decoded: ${message}`,
      { cause: error },
    );
  }
}

function imageFormatOf(bytes: Uint8Array): ImageFormat {
  const sniffed = sniff(bytes.subarray(0, SNIFF_BYTES));
  switch (sniffed.type) {
    case 'image':
      return sniffed.format;
    case 'video':
      throw makeError('ERR_MEDIA_UNSUPPORTED', 'the file is a video under the name of a picture');
    case 'unsupported':
      throw makeError('ERR_MEDIA_UNSUPPORTED', sniffed.reason, {
        details: { format: sniffed.name },
      });
    case 'unknown':
      if (bytes.length === 0) throw makeError('ERR_MEDIA_DECODE', 'the file is empty');
      throw makeError('ERR_MEDIA_UNSUPPORTED', 'the bytes are those of no picture format we know');
  }
}

function checkLimits(header: sharp.Metadata, format: ImageFormat): void {
  const { width, height } = header;
  const pixels = width * height;
  const mostPixels = format === 'jpeg' ? LIMITS.jpegPixels : LIMITS.imagePixels;
  if (pixels > mostPixels)
    throw limit(`${width} x ${height} pixels are more than ${mostPixels / 1e6} megapixels`, {
      width,
      height,
      mostPixels,
    });
  const pages = header.pages ?? 1;
  if (pages > LIMITS.imagePages)
    throw limit(`${pages} pictures in one file are more than ${LIMITS.imagePages}`, { pages });
  const ratio = Math.max(width, height) / Math.max(1, Math.min(width, height));
  if (ratio > LIMITS.aspectRatio)
    throw limit(`${width} x ${height} is narrower than ${LIMITS.aspectRatio} to 1`, {
      width,
      height,
    });
}

function limit(message: string, details: Record<string, unknown>): Error {
  return makeError('ERR_MEDIA_LIMIT', message, { details });
}
