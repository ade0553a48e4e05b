/** Pixels as decoders beside libvips give them. */
export interface RawPicture {
  /** 8 bit, interleaved, sRGB unless the file says otherwise; alpha not multiplied in. */
  readonly data: Buffer;
  readonly width: number;
  readonly height: number;
  readonly channels: 3 | 4;
  /** Size of the source, where `data` is smaller. */
  readonly sourceWidth?: number;
  readonly sourceHeight?: number;
  /** What is wrong with it, when not all of it came. */
  readonly damaged?: string;
}
