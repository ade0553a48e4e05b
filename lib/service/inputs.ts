/** Inputs of the service: texts and pictures, checked and copied, and their cache keys. */
import { types } from 'node:util';
import { MAX_TEXT } from '../base/limits';
import { checkPresent } from '../base/arrays';
import { makeError } from '../base/errors';
import { ANYTHING, type OptionRules } from '../base/options';
import { checkPixels, type RawPixels } from '../media';

export interface BatchInput {
  readonly texts?: readonly string[];
  readonly images?: readonly Picture[];
}

/** A picture file (JPEG, PNG, WebP, GIF or AVIF), or pixels. */
export type Picture = Uint8Array | RawPixels;

/** Each input is checked as text or picture. */
export const BATCH_INPUT: OptionRules<BatchInput> = { texts: ANYTHING, images: ANYTHING };

/** Inputs of one call. */
export const MAX_BATCH = 1024;

/** Checked copies: the caller may change the originals during the call. */
export type CheckedPicture = Uint8Array | Required<RawPixels>;
export type Input = string | CheckedPicture;

export function checkBatch<T>(name: string, values: readonly T[]): readonly T[] {
  if (!Array.isArray(values)) throw makeError('ERR_ARG_TYPE', `${name} must be an array`);
  if (values.length <= MAX_BATCH) return values;
  throw makeError(
    'ERR_ARG_RANGE',
    `${name} has ${values.length} items, at most ${MAX_BATCH} are allowed`,
  );
}

export function checkText(text: unknown): string {
  if (typeof text !== 'string' || text.trim() === '')
    throw makeError('ERR_ARG_TYPE', 'a text must be a non-empty string');
  if (text.length > MAX_TEXT)
    throw makeError(
      'ERR_ARG_RANGE',
      `a text has ${text.length} characters, at most ${MAX_TEXT} are allowed`,
    );
  return text;
}

export function checkImage(image: unknown): CheckedPicture {
  if (types.isUint8Array(image)) checkPresent('an image', image);
  if (types.isUint8Array(image) && image.length > 0) return image.slice();
  if (typeof image === 'object' && image !== null && 'data' in image) {
    const pixels = checkPixels(image as RawPixels);
    return { ...pixels, data: pixels.data.slice() };
  }
  throw makeError(
    'ERR_ARG_TYPE',
    'an image must be the bytes of a picture file, or pixels: { data, width, height }',
  );
}

/** The cache key's content: unique per input. */
export function bytesOf(input: Input): string | Uint8Array {
  if (typeof input === 'string' || types.isUint8Array(input)) return input;
  const { data, width, height, channels } = input;
  const head = Buffer.from(`pixels ${width} ${height} ${channels}\n`);
  return Buffer.concat([head, Buffer.from(data.buffer, data.byteOffset, data.length)]);
}
