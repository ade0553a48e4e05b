/**
 * Parses ffmpeg's AU output as it arrives: a header of six numbers (magic, offset of the data, length,
 * encoding, rate, channels), then big-endian float32 frames, which are averaged to mono.
 */
import type { Readable } from 'node:stream';
import { makeError } from '../../base/errors';

const MAGIC = 0x2e736e64;
const HEADER_BYTES = 24;
const ENCODING_FLOAT32 = 6;
const MAX_HEADER_BYTES = 4096;
/** Each channel costs time, not memory. */
const MAX_CHANNELS = 1024;

/**
 * @param maxSamples  later samples are read and dropped
 * @returns mono samples, the mean of the channels; undefined if the stream ends before its header
 * @throws ERR_INTERNAL for a stream in another format than requested
 */
export async function readMono(
  stream: Readable,
  maxSamples: number,
): Promise<Float32Array | undefined> {
  let rest: Buffer = Buffer.alloc(0);
  let mono: MonoSamples | undefined;
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    if (mono === undefined) {
      const header = readHeader(rest);
      if (header === undefined) continue;
      mono = new MonoSamples(header.channels, maxSamples);
      rest = rest.subarray(header.bytes);
    }
    rest = rest.subarray(mono.take(rest));
  }
  return mono?.samples;
}

function readHeader(bytes: Buffer): { bytes: number; channels: number } | undefined {
  if (bytes.length < HEADER_BYTES) return undefined;
  const [magic, size, , encoding, , channels] = Array.from({ length: 6 }, (_, i) =>
    bytes.readUInt32BE(4 * i),
  ) as [number, number, number, number, number, number];
  const isOurs =
    magic === MAGIC &&
    size >= HEADER_BYTES &&
    size <= MAX_HEADER_BYTES &&
    encoding === ENCODING_FLOAT32 &&
    channels >= 1 &&
    channels <= MAX_CHANNELS;
  if (!isOurs) throw makeError('ERR_INTERNAL', 'ffmpeg returned audio in an unexpected format');
  return bytes.length < size ? undefined : { bytes: size, channels };
}

/** Grows by doubling: most files are short. */
class MonoSamples {
  private values = new Float32Array(1 << 16);
  private count = 0;

  constructor(
    private readonly channels: number,
    private readonly most: number,
  ) {}

  get samples(): Float32Array {
    return this.values.slice(0, this.count);
  }

  /** Consumes whole frames. @returns bytes used */
  take(bytes: Buffer): number {
    const { channels } = this;
    const frames = Math.floor(bytes.length / (4 * channels));
    const kept = Math.min(frames, this.most - this.count);
    this.reserve(this.count + kept);
    for (let frame = 0, at = 0; frame < kept; frame++) {
      let sum = 0;
      for (let channel = 0; channel < channels; channel++, at += 4) sum += bytes.readFloatBE(at);
      this.values[this.count++] = sum / channels;
    }
    return frames * 4 * channels;
  }

  private reserve(count: number): void {
    if (count <= this.values.length) return;
    const grown = new Float32Array(Math.max(count, 2 * this.values.length));
    grown.set(this.values);
    this.values = grown;
  }
}
