/**
 * Limits per media file. A file over a limit is refused by its header where possible; otherwise its decoder
 * child is stopped. RELIABILITY 2.C gives the reasons.
 *
 * Limits that users may need to change are settings (`MediaLimits`); the rest is fixed.
 */
import { makeError } from '../base/errors';
import type { MediaLimits } from '../base/types';

export const LIMITS = {
  /** Encoded bytes of one picture; it is read whole. */
  imageBytes: 256 * 1024 * 1024,
  /** Pictures per file; only the first is decoded, but the decoder has to skip the others. */
  imagePages: 1000,
  /** Longer side by shorter side. */
  aspectRatio: 200,
  /**
   * Pixels of a picture, whatever it costs: phones make 200 megapixels. What a picture costs is
   * another matter, see `pictureBytes`: libjpeg decodes at an eighth, a PNG comes row by row.
   */
  imagePixels: 400_000_000,
  /** Wall time of one picture in a child. */
  imageMs: 30_000,
  /** Resident memory of a picture child; it gives up by itself above. */
  childRssBytes: 1024 * 1024 * 1024,
  /** Wall time without a new frame from ffmpeg; more when frames are asked for rarely. */
  videoStallMs: 60_000,
  /** Wall time of one video whatever happens. */
  videoMs: 6 * 3600_000,
  /** Processor seconds of one video, enforced by the kernel: a base and an allowance by size. */
  videoCpuSeconds: 600,
  videoCpuSecondsPerMegabyte: 20,
  /** Address space of ffmpeg. */
  videoAddressSpaceBytes: 4 * 1024 * 1024 * 1024,
  /** Frames of one video: never more than this, and never more than its bytes make credible. */
  videoFrames: 200_000,
  videoFramesBase: 1000,
  videoBytesPerFrame: 64,
  /** JPEG bytes of one frame, and of all frames of one video. */
  frameBytes: 32 * 1024 * 1024,
  videoOutputBytes: 16 * 1024 * 1024 * 1024,
  /** Pixels of one video frame as the container declares them: 8K with room. */
  videoPixels: 80_000_000,
} as const;

/** Cost limits of one picture, in the decoder's units. */
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

/** What the decoder knows of a picture before it decodes it. */
export interface PictureCost {
  readonly width: number;
  readonly height: number;
  readonly pages: number;
  /** Bytes for each pixel that are in memory at once; 0 when it comes row by row. */
  readonly bytesPerPixel: number;
}

/** @throws ERR_MEDIA_LIMIT naming the measure, the bound and the setting */
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
