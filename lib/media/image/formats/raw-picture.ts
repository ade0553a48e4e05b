/** Output of the decoders other than libvips. */
export interface RawPicture {
  /** 8 bit, interleaved, sRGB unless the file says otherwise; alpha not premultiplied. */
  readonly data: Buffer;
  readonly width: number;
  readonly height: number;
  readonly channels: 3 | 4;
  /** Size of the source, where `data` is smaller. */
  readonly sourceWidth?: number;
  readonly sourceHeight?: number;
  /** What is missing, if the file is damaged. */
  readonly damaged?: string;
}
