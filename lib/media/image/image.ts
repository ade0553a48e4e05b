/** Pictures as the layers above ask for them: one pool of children per process, started when needed. */
import { availableParallelism } from 'node:os';
import path from 'node:path';
import { checkInteger } from '../../base/options';
import type { MediaLimits } from '../../base/types';
import { DecodePool } from './decode-pool';
import type { DecodedImage } from '../frame';
import { LIMITS } from '../limits';

/** A file on disk, or encoded bytes that came another way, for example by HTTP. */
export type ImageSource = { readonly absPath: string } | { readonly bytes: Uint8Array };

export interface DecodeImageOptions {
  /** Longest side of the frame in pixels, 1 to 8192; smaller pictures stay as they are. */
  readonly maxSize?: number;
  readonly limits?: MediaLimits;
  readonly signal?: AbortSignal;
}

export const DEFAULT_MAX_SIZE = 512;
const LARGEST_MAX_SIZE = 8192;
/** More children than this only compete with inference for the cores. */
const MOST_CHILDREN = 4;

let pool: DecodePool | undefined;

/** How many pictures are decoded at once. */
export function imageConcurrency(): number {
  return Math.min(MOST_CHILDREN, availableParallelism());
}

/**
 * Decodes a picture in a child process, by what its bytes are: upright, first page of an animation,
 * transparent parts white, tone-mapped to sRGB, as a JPEG. Of a picture whose end is missing, what is
 * there, as browsers do; `damaged` says so.
 *
 * @returns the frame, and the SHA-256 of the very bytes it was made from
 * @throws ERR_MEDIA_UNSUPPORTED (a healthy file we do not decode) | ERR_MEDIA_DECODE |
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

/** Ends the children. Optional before the process exits, which ends them too. Idempotent. */
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
