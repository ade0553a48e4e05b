/** Decodes pictures in one pool of child processes per process, started on demand. */
import { availableParallelism } from 'node:os';
import path from 'node:path';
import { checkInteger } from '../../base/options';
import type { MediaLimits } from '../../base/types';
import { DecodePool } from './decode-pool';
import type { DecodedImage } from '../frame';
import { LIMITS } from '../limits';

/** A file, or encoded bytes, for example from HTTP. */
export type ImageSource = { readonly absPath: string } | { readonly bytes: Uint8Array };

export interface DecodeImageOptions {
  /** Longest side of the frame in pixels, 1 to 8192; smaller pictures stay as they are. */
  readonly maxSize?: number;
  readonly limits?: MediaLimits;
  readonly signal?: AbortSignal;
}

export const DEFAULT_MAX_SIZE = 512;
const LARGEST_MAX_SIZE = 8192;
/** More children would compete with inference for the cores. */
const MOST_CHILDREN = 4;

let pool: DecodePool | undefined;

/** Number of pictures decoded at once. */
export function imageConcurrency(): number {
  return Math.min(MOST_CHILDREN, availableParallelism());
}

/**
 * Decodes a picture in a child process to a JPEG: upright, first page, transparency white, tone-mapped to
 * sRGB. As in browsers, a truncated picture is decoded as far as it goes, and `damaged` says so.
 *
 * @returns the frame, and the SHA-256 of the bytes it was made from
 * @throws ERR_MEDIA_UNSUPPORTED (a valid file without a decoder) | ERR_MEDIA_DECODE |
 *   ERR_MEDIA_LIMIT | ERR_MEDIA_MISSING | ERR_MEDIA_CHANGED | ERR_TIMEOUT | ERR_ABORTED |
 *   ERR_ARG_RANGE
 */
export async function decodeImage(
  source: ImageSource,
  options: DecodeImageOptions = {},
): Promise<DecodedImage> {
  const maxSize = checkMaxSize(options.maxSize);
  pool ??= new DecodePool({
    script: path.join(__dirname, 'decode-child.js'),
    size: imageConcurrency(),
    timeoutMs: LIMITS.imageMs,
  });
  const request = 'bytes' in source ? { bytes: source.bytes } : { absPath: source.absPath };
  const { limits, signal } = options;
  const picture = await pool.decode({ ...request, maxSize, limits }, signal);
  return { ...picture, jpeg: asBuffer(picture.jpeg), timestamp: null };
}

/** Ends the children; not needed before the process exits. Idempotent. */
export function closeImageDecoder(): void {
  pool?.close();
  pool = undefined;
}

/** @throws ERR_ARG_RANGE */
export function checkMaxSize(maxSize: number = DEFAULT_MAX_SIZE): number {
  return checkInteger('maxSize', maxSize, 1, LARGEST_MAX_SIZE);
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
