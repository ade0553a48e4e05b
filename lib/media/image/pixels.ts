/** Pictures that are pixels already: from a camera, a canvas, an array. */
import { types } from 'node:util';
import { checkPresent } from '../../base/arrays';
import { makeError } from '../../base/errors';
import { LIMITS } from '../limits';

/** Rows from the top, pixels from the left, channels side by side: the shape [height, width, channels]. */
export interface RawPixels {
  /** One byte a value, 0..255. */
  readonly data: Uint8Array | Uint8ClampedArray;
  readonly width: number;
  readonly height: number;
  /** 1 gray, 2 gray and alpha, 3 RGB, 4 RGBA. Default: what the length says. */
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

/** As a PNG file, without loss. @throws ERR_MEDIA_DECODE */
export async function pngOf({ data, ...raw }: Required<RawPixels>): Promise<Buffer> {
  const { default: sharp } = await import('sharp');
  // Read within the call that copies it out; the caller may change it afterwards.
  const bytes = Buffer.from(data.buffer, data.byteOffset, data.length);
  return sharp(bytes, { raw, limitInputPixels: LIMITS.imagePixels })
    .png({ compressionLevel: 1 })
    .toBuffer()
    .catch((cause: unknown) => {
      throw makeError('ERR_MEDIA_DECODE', 'these pixels cannot be taken as a picture', { cause });
    });
}
