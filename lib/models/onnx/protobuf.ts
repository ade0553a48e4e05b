/** Reads protobuf messages from a file by seeking, without a schema. Every length is checked before use. */
import { readSync } from 'node:fs';

const WINDOW = 1 << 16;

/** The supported wire types. */
export const WIRE = { varint: 0, fixed64: 1, bytes: 2, fixed32: 5 } as const;

export interface ProtoField {
  readonly number: number;
  readonly wire: number;
  /** Of a varint, otherwise 0. Not exact above 2^53, which no field that is read exceeds. */
  readonly value: number;
  /** Content: bytes [from, to) of the file. */
  readonly from: number;
  readonly to: number;
}

/** Buffered reads at any offset of one open file. */
export class FileReader {
  private readonly window = Buffer.allocUnsafe(WINDOW);
  private start = 0;
  private length = 0;
  constructor(
    private readonly fd: number,
    readonly size: number,
  ) {}

  /** @throws RangeError beyond the end of the file */
  byte(at: number): number {
    if (at < this.start || at >= this.start + this.length) {
      this.start = at;
      this.length = readSync(this.fd, this.window, 0, WINDOW, at);
      if (this.length === 0) throw new RangeError(`the file ends at byte ${at}`);
    }
    return this.window[at - this.start] as number;
  }

  text(from: number, to: number): string {
    const bytes = Buffer.alloc(to - from);
    for (let i = from; i < to; i++) bytes[i - from] = this.byte(i);
    return bytes.toString('utf8');
  }
}

/**
 * The fields of the message in bytes [from, to).
 *
 * @throws RangeError if the bytes are no message
 */
export function* protoFields(reader: FileReader, from: number, to: number): Generator<ProtoField> {
  let at = from;
  while (at < to) {
    const tag = varint(reader, at, to);
    at = tag.end;
    const number = Math.floor(tag.value / 8);
    const wire = tag.value % 8;
    if (number === 0) throw new RangeError(`field number 0 at byte ${at}`);
    let value = 0;
    let end: number;
    if (wire === WIRE.varint) ({ value, end } = varint(reader, at, to));
    else if (wire === WIRE.fixed64) end = at + 8;
    else if (wire === WIRE.fixed32) end = at + 4;
    else if (wire === WIRE.bytes) {
      const length = varint(reader, at, to);
      at = length.end;
      if (length.value > to - at) {
        throw new RangeError(`field ${number} runs past the end at byte ${at}`);
      }
      end = at + length.value;
    } else throw new RangeError(`wire type ${wire} at byte ${at}`);
    if (end > to) throw new RangeError(`a field runs past the end at byte ${to}`);
    yield { number, wire, value, from: at, to: end };
    at = end;
  }
}

function varint(reader: FileReader, at: number, to: number): { value: number; end: number } {
  let value = 0;
  let scale = 1;
  for (let i = 0; i < 10 && at + i < to; i++, scale *= 128) {
    const byte = reader.byte(at + i);
    value += (byte & 127) * scale;
    if (byte < 128) return { value, end: at + i + 1 };
  }
  throw new RangeError(`unfinished number at byte ${at}`);
}
