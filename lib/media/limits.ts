/**
 * Limits per media file. A file over a limit is refused by its header if possible; else its decoder is
 * stopped. Limits that users may need to change are settings (`MediaLimits`).
 */
import { makeError } from '../base/errors';
import type { MediaLimits } from '../base/types';

export const LIMITS = {
  /** Encoded bytes of one picture; it is read whole. */
  imageBytes: 256 * 1024 * 1024,
  /** Pictures per file; the decoder skips all but the first. */
  imagePages: 1000,
  /** Longer side divided by shorter side. */
  aspectRatio: 200,
  /** Phones make 200 megapixels. Memory has a limit of its own. */
  imagePixels: 400_000_000,
  /** Wall time of one picture. */
  imageMs: 30_000,
  /** Resident memory of a picture child, which exits above it. */
  childRssBytes: 1024 * 1024 * 1024,
  /** Wall time without a new frame from ffmpeg; scaled if frames are far apart. */
  videoStallMs: 60_000,
  /** Wall time of one video. */
  videoMs: 6 * 3600_000,
  /** Base of the CPU seconds of one video; more by its size. Enforced by the kernel. */
  videoCpuSeconds: 600,
  videoCpuSecondsPerMegabyte: 20,
  /** Address space of ffmpeg. */
  videoAddressSpaceBytes: 4 * 1024 * 1024 * 1024,
  /** Frames of one video; fewer if its size makes that many implausible. */
  videoFrames: 200_000,
  videoFramesBase: 1000,
  videoBytesPerFrame: 64,
  /** JPEG bytes of one frame, and of all frames of one video. */
  frameBytes: 32 * 1024 * 1024,
  videoOutputBytes: 16 * 1024 * 1024 * 1024,
  /** Declared pixels of a video frame; 8K has 33 million. */
  videoPixels: 80_000_000,
} as const;

/** Limits of one picture, in the decoder's units. */
export interface PictureLimits {
  readonly pixels: number;
  readonly memoryBytes: number;
  readonly seconds: number;
}

export function pictureLimits(limits: MediaLimits = {}): PictureLimits {
  return {
    pixels: (limits.megapixels ?? LIMITS.imagePixels / 1e6) * 1e6,
    memoryBytes: (limits.memoryMb ?? LIMITS.childRssBytes / 1024 ** 2) * 1024 ** 2,
    seconds: limits.seconds ?? LIMITS.imageMs / 1000,
  };
}

/** Known before decoding. */
export interface PictureCost {
  readonly width: number;
  readonly height: number;
  readonly pages: number;
  /** Bytes per pixel in memory at once; 0 if decoded row by row. */
  readonly bytesPerPixel: number;
}

/** @throws ERR_MEDIA_LIMIT with value, bound and setting */
export function checkPicture(cost: PictureCost, limits: PictureLimits): void {
  const { width, height, pages, bytesPerPixel } = cost;
  const size = `${width} x ${height}`;
  const refuse = (message: string): never => {
    throw makeError('ERR_MEDIA_LIMIT', message, { details: { ...cost } });
  };
  if (width * height > limits.pixels)
    refuse(`${size} pixels are more than ${limits.pixels / 1e6} megapixels (--max-megapixels)`);
  const bytes = width * height * bytesPerPixel;
  const megabytes = (n: number): number => Math.round(n / 1024 ** 2);
  if (bytes > limits.memoryBytes)
    refuse(
      `${size} pixels of this kind need about ${megabytes(bytes)} MB, ` +
        `more than ${megabytes(limits.memoryBytes)} MB (--max-memory)`,
    );
  if (pages > LIMITS.imagePages)
    refuse(`${pages} pictures in one file are more than ${LIMITS.imagePages}`);
  const ratio = Math.max(width, height) / Math.max(1, Math.min(width, height));
  if (ratio > LIMITS.aspectRatio) refuse(`${size} is narrower than ${LIMITS.aspectRatio} to 1`);
}
