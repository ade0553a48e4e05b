/**
 * Reads little-endian values out of bytes that may end anywhere. Where more bytes could help it throws `EndsEarly`, which says how
 * many; every other trouble is a typed error.
 */
import { makeError, type LibraryError } from '../../base/errors';
import type { ExrNumber } from '../payload';
import { MAX_NAME_BYTES } from './limits';

/** Not for callers: whoever has the rest of the file reads on, whoever has not turns it into ERR_MEDIA_DECODE. */
export class EndsEarly extends Error {
  /** @param needed  bytes from the start of the file, at least */
  constructor(readonly needed: number) {
    super(`the file ends before byte ${needed}`);
  }
}

export function damaged(message: string, details: Record<string, unknown> = {}): LibraryError {
  return makeError('ERR_MEDIA_DECODE', `OpenEXR header: ${message}`, { details });
}

export function overLimit(message: string, details: Record<string, unknown> = {}): LibraryError {
  return makeError('ERR_MEDIA_LIMIT', `OpenEXR header: ${message}`, { details });
}

export class Cursor {
  readonly #view: DataView;
  readonly #bytes: Buffer;
  at: number;

  /** Shares the bytes. @param end  one past the last byte this cursor may read */
  constructor(
    bytes: Uint8Array,
    at = 0,
    readonly end = bytes.byteLength,
  ) {
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.at = at;
  }

  get left(): number {
    return this.end - this.at;
  }

  #take(size: number): number {
    if (size > this.left) throw new EndsEarly(this.at + size);
    const { at } = this;
    this.at += size;
    return at;
  }

  skip(size: number): void {
    this.#take(size);
  }

  /** The next byte, which stays. */
  peek(): number {
    if (this.left < 1) throw new EndsEarly(this.at + 1);
    return this.#view.getUint8(this.at);
  }

  u8(): number {
    return this.#view.getUint8(this.#take(1));
  }

  i32(): number {
    return this.#view.getInt32(this.#take(4), true);
  }

  u32(): number {
    return this.#view.getUint32(this.#take(4), true);
  }

  f32(): ExrNumber {
    return shortFloat(this.#view.getFloat32(this.#take(4), true));
  }

  f64(): ExrNumber {
    return named(this.#view.getFloat64(this.#take(8), true));
  }

  text(size: number): string {
    const at = this.#take(size);
    return textOf(this.#bytes.subarray(at, at + size));
  }

  /** A name that a NUL ends. @param what  for messages @throws ERR_MEDIA_DECODE when it is too long */
  name(what: string): string {
    const stop = Math.min(this.end, this.at + MAX_NAME_BYTES + 1);
    const found = this.#bytes.subarray(this.at, stop).indexOf(0);
    if (found >= 0) {
      const name = this.text(found);
      this.at++;
      return name;
    }
    if (stop - this.at > MAX_NAME_BYTES)
      throw damaged(`${what} at byte ${this.at} is longer than ${MAX_NAME_BYTES} bytes`);
    throw new EndsEarly(stop + 1);
  }
}

/** UTF-8 where it is that, else Latin-1: older tools wrote what their system used, and two names must not become one. */
function textOf(bytes: Buffer): string {
  const text = bytes.toString('utf8');
  return text.includes('\uFFFD') && !Buffer.from(text, 'utf8').equals(bytes)
    ? bytes.toString('latin1')
    : text;
}

/** JSON has no word for these. */
function named(value: number): ExrNumber {
  if (Number.isFinite(value)) return value;
  return Number.isNaN(value) ? 'NaN' : value > 0 ? 'Infinity' : '-Infinity';
}

/** The shortest decimal that reads back as the same float32: 0.989017, not 0.9890170097351074. */
function shortFloat(value: number): ExrNumber {
  if (Number.isInteger(value) || !Number.isFinite(value)) return named(value);
  for (let digits = 6; digits < 9; digits++) {
    const short = Number(value.toPrecision(digits));
    if (Math.fround(short) === value) return short;
  }
  return Number(value.toPrecision(9));
}
