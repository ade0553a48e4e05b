/** Pictures given as pixels, for example from a canvas. */
import { types } from 'node:util';
import { checkPresent } from '../../base/arrays';
import { makeError } from '../../base/errors';
import { LIMITS } from '../limits';

/** Shape [height, width, channels], top row first. */
export interface RawPixels {
  /** 0..255. */
  readonly data: Uint8Array | Uint8ClampedArray;
  readonly width: number;
  readonly height: number;
  /** 1 gray, 2 gray and alpha, 3 RGB, 4 RGBA. Default: by the length of `data`. */
  readonly channels?: 1 | 2 | 3 | 4;
}

/**
 * @returns the same, with `channels`
 * @throws ERR_ARG_TYPE | ERR_ARG_RANGE | ERR_MEDIA_LIMIT
 */
export function checkPixels(pixels: RawPixels): Required<RawPixels> {
  const { data, width, height } = pixels;
  if (!(types.isUint8Array(data) || types.isUint8ClampedArray(data)))
    throw makeError(
      'ERR_ARG_TYPE',
      'data of raw pixels must be a Uint8Array of values from 0 to 255; scale values from 0 to 1 by 255',
    );
  checkPresent('data of raw pixels', data);
  for (const [name, value] of Object.entries({ width, height }))
    if (!Number.isSafeInteger(value) || value < 1)
      throw makeError('ERR_ARG_RANGE', `${name} of raw pixels must be a whole number from 1`);
  const count = width * height;
  if (count > LIMITS.imagePixels)
    throw makeError(
      'ERR_MEDIA_LIMIT',
      `${width} x ${height} pixels are more than ${LIMITS.imagePixels / 1e6} megapixels`,
    );
  const channels = pixels.channels ?? data.length / count;
  if (![1, 2, 3, 4].includes(channels) || data.length !== count * channels)
    throw makeError(
      'ERR_ARG_RANGE',
      `${data.length} values are not ${width} x ${height} pixels of ${pixels.channels ?? '1 to 4'} channels`,
    );
  return { data, width, height, channels: channels as 1 | 2 | 3 | 4 };
}

/** Encodes pixels as PNG. @throws ERR_MEDIA_DECODE */
export async function pngOf({ data, ...raw }: Required<RawPixels>): Promise<Buffer> {
  const { default: sharp } = await import('sharp');
  // Read synchronously; the caller may change it afterwards.
  const bytes = Buffer.from(data.buffer, data.byteOffset, data.length);
  return sharp(bytes, { raw, limitInputPixels: LIMITS.imagePixels })
    .png({ compressionLevel: 1 })
    .toBuffer()
    .catch((cause: unknown) => {
      throw makeError('ERR_MEDIA_DECODE', 'these pixels cannot be taken as a picture', { cause });
    });
}
