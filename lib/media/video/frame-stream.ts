/**
 * Parses ffmpeg's two outputs: an index with one line per frame (time and size), and the concatenated
 * frames. Frame lengths come from the index; the JPEG markers at both ends are checked as well.
 */
import type { Readable } from 'node:stream';
import { makeError } from '../../base/errors';
import { LIMITS } from '../limits';

export interface IndexedFrame {
  /** A JPEG, or pixels of three bytes where those were asked for. */
  readonly bytes: Buffer;
  /** Seconds, in the time base of the encoder, which is that of the stream. */
  readonly seconds: number;
}

/** Reads a stream in pieces of a given length, without taking more than it needs to. */
class ByteReader {
  private readonly source: AsyncIterator<Buffer>;
  private chunks: Buffer[] = [];
  private buffered = 0;

  constructor(stream: Readable) {
    this.source = stream[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
  }

  /** Exactly `length` bytes; undefined when the stream ends before. */
  async take(length: number): Promise<Buffer | undefined> {
    while (this.buffered < length) {
      const next = await this.source.next();
      if (next.done === true) return undefined;
      this.chunks.push(next.value);
      this.buffered += next.value.length;
    }
    const all = this.chunks.length === 1 ? (this.chunks[0] as Buffer) : Buffer.concat(this.chunks);
    this.chunks = length < all.length ? [all.subarray(length)] : [];
    this.buffered = all.length - length;
    return all.subarray(0, length);
  }
}

/**
 * Keeps unread data: when a child ends, Node drains outputs without a listener, and a short video may end
 * before its first frame is requested.
 */
function keep(stream: Readable): Readable {
  return stream.on('readable', () => undefined);
}

/** Lines of the index have fewer than a hundred bytes. */
const MOST_LINE_BYTES = 65_536;

class LineReader {
  private readonly source: AsyncIterator<Buffer>;
  private lines: string[] = [];
  private rest = '';

  constructor(stream: Readable) {
    this.source = stream[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
  }

  async next(): Promise<string | undefined> {
    while (this.lines.length === 0) {
      const chunk = await this.source.next();
      if (chunk.done === true) return undefined;
      const lines = (this.rest + chunk.value.toString('latin1')).split('\n');
      this.rest = lines.pop() ?? '';
      if (this.rest.length > MOST_LINE_BYTES)
        throw makeError('ERR_INTERNAL', "ffmpeg's frame index has a line without end");
      this.lines = lines;
    }
    return this.lines.shift();
  }
}

/** The frames of one run, in order. */
export class FrameStream {
  private readonly frames: ByteReader;
  private readonly index: LineReader;
  private timeBase: number | undefined;

  /**
   * @param frames  JPEGs, or pixels, one after the other
   * @param index  output of the `framecrc` muxer
   */
  constructor(
    frames: Readable,
    index: Readable,
    private readonly isRaw = false,
  ) {
    this.frames = new ByteReader(keep(frames));
    this.index = new LineReader(keep(index));
  }

  /**
   * The next frame; undefined at the end, or if the child died within one.
   *
   * @throws ERR_MEDIA_LIMIT for a frame that is too large; ERR_INTERNAL if index and bytes disagree
   */
  async next(): Promise<IndexedFrame | undefined> {
    for (;;) {
      const line = await this.index.next();
      if (line === undefined) return undefined;
      if (line.startsWith('#')) {
        this.readHeader(line);
        continue;
      }
      // stream, dts, pts, duration, size, checksum
      const [, , pts, , size] = line.split(',').map((field) => Number(field));
      if (this.timeBase === undefined || !isCount(size) || !Number.isFinite(pts))
        throw makeError('ERR_INTERNAL', `ffmpeg's frame index has an unexpected line: ${line}`);
      if (size > LIMITS.frameBytes)
        throw makeError('ERR_MEDIA_LIMIT', `a frame of ${size} bytes exceeds the limit`);
      const bytes = await this.frames.take(size);
      if (bytes === undefined) return undefined;
      if (!this.isRaw && !isJpeg(bytes))
        throw makeError('ERR_INTERNAL', 'ffmpeg returned a frame that is not a JPEG');
      return {
        // A copy: the slice would keep the whole chunk alive.
        bytes: Buffer.from(bytes),
        seconds: (pts as number) * this.timeBase,
      };
    }
  }

  private readHeader(line: string): void {
    const timeBase = /^#tb 0: (\d+)\/(\d+)$/.exec(line.trim());
    if (timeBase !== null) this.timeBase = Number(timeBase[1]) / Number(timeBase[2]);
  }
}

const isCount = (value: number | undefined): value is number =>
  value !== undefined && Number.isInteger(value) && value >= 3;

function isJpeg(bytes: Buffer): boolean {
  const end = bytes.length;
  return (
    bytes[0] === 0xff && bytes[1] === 0xd8 && bytes[end - 2] === 0xff && bytes[end - 1] === 0xd9
  );
}
