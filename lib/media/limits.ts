/**
 * What one media file may cost. A file over a limit is refused by its header where that is possible,
 * and the child that decodes it is stopped where it is not. RELIABILITY 2.C gives the reasons.
 */
export const LIMITS = {
  /** Encoded bytes of one picture; it is read whole. */
  imageBytes: 256 * 1024 * 1024,
  /**
   * Pixels of a picture that has to be decoded at full size. Phones make 12 to 50 megapixel
   * pictures, but those are JPEG, see `jpegPixels`.
   */
  imagePixels: 40_000_000,
  /**
   * Pixels of a JPEG: libjpeg decodes at a half, a quarter or an eighth, so 108 megapixels of a phone
   * cost 60 MB. A progressive one keeps its coefficients: 430 MB at this limit, 4:2:0.
   */
  jpegPixels: 120_000_000,
  /** Pictures in one file; only the first is taken, but the decoder has to walk past the others. */
  imagePages: 1000,
  /** Longer side by shorter side. */
  aspectRatio: 200,
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
