/** Reads a file front to back, for records of variable length. */
import type { ByteFile } from './byte-file';

const WINDOW_BYTES = 1024 * 1024;

export class Cursor {
  private window: Uint8Array = new Uint8Array(0);
  /** Offset of the window in the file. */
  private start: number;
  private position: number;

  constructor(
    private readonly file: ByteFile,
    offset: number,
  ) {
    this.start = offset;
    this.position = offset;
  }

  /** Offset of the next byte in the file. */
  get offset(): number {
    return this.position;
  }

  /**
   * A view of the next bytes, valid for good.
   *
   * @param length  at most WINDOW_BYTES, or bounded by the caller
   * @throws ERR_FILE_CORRUPT if the file ends earlier | ERR_IO
   */
  async take(length: number): Promise<DataView> {
    let at = this.position - this.start;
    if (at > this.window.length || length > this.window.length - at) {
      const left = this.file.size - this.position;
      this.window = await this.file.read(
        this.position,
        Math.max(length, Math.min(WINDOW_BYTES, Math.max(left, 0))),
      );
      this.start = this.position;
      at = 0;
    }
    this.position += length;
    return new DataView(this.window.buffer, at, length);
  }

  /** Skips bytes; skipping past the end fails only at the next `take`. */
  skip(length: number): void {
    this.position += length;
  }
}
