/** A decoded frame of a picture or video. */

export interface DecodedFrame {
  /** Baseline JPEG, sRGB, upright. */
  readonly jpeg: Buffer;
  /** Size of the JPEG in pixels. */
  readonly width: number;
  readonly height: number;
  /** Size of the source in pixels, upright, pixels made square. */
  readonly sourceWidth: number;
  readonly sourceHeight: number;
  /** Seconds from the start of the media; null for pictures. */
  readonly timestamp: number | null;
  /** Time of capture, ISO 8601, if known. */
  readonly capturedAt: string | null;
  /** What is missing of a partly decoded file, for example its end. */
  readonly damaged?: string;
}

export interface DecodedImage extends DecodedFrame {
  readonly timestamp: null;
  /** SHA-256 of the bytes the picture was decoded from, lower-case hex. */
  readonly contentHash: string;
}
