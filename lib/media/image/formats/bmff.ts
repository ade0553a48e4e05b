/**
 * Size and colour code points of the primary item of an ISO base media picture (AVIF, HEIC). A search for
 * the boxes would find those of thumbnails and gain maps too, so they are reached from the primary item.
 */
import type { ColorSignal } from '../../color/signal';

export interface PrimaryItem {
  readonly width: number | undefined;
  readonly height: number | undefined;
  readonly color: ColorSignal | undefined;
}

interface Box {
  readonly type: string;
  /** Of the payload. */
  readonly from: number;
  readonly to: number;
}

/** Bounds the work on hostile files. */
const MOST_BOXES = 4096;

export function primaryItem(bytes: Uint8Array): PrimaryItem | undefined {
  const reader = new Reader(bytes);
  const meta = reader.boxes(0, bytes.length).find((box) => box.type === 'meta');
  if (meta === undefined) return undefined;
  const inside = reader.boxes(meta.from + 4, meta.to);
  const named = (list: readonly Box[], type: string): Box | undefined =>
    list.find((box) => box.type === type);
  const [pitm, iprp] = [named(inside, 'pitm'), named(inside, 'iprp')];
  if (pitm === undefined || iprp === undefined) return undefined;
  const id = reader.u8(pitm.from) === 0 ? reader.u16(pitm.from + 4) : reader.u32(pitm.from + 4);
  const parts = reader.boxes(iprp.from, iprp.to);
  const ipco = named(parts, 'ipco');
  if (ipco === undefined) return undefined;
  const all = reader.boxes(ipco.from, ipco.to);
  const own = parts
    .filter((box) => box.type === 'ipma')
    .flatMap((box) => reader.associations(box, id))
    .flatMap((index) => all[index - 1] ?? []);
  const ispe = named(own, 'ispe');
  // An ICC profile is a `colr` box too.
  const nclx = own.find((box) => box.type === 'colr' && reader.text(box.from) === 'nclx');
  return {
    width: ispe && reader.u32(ispe.from + 4),
    height: ispe && reader.u32(ispe.from + 8),
    color: nclx && {
      primaries: reader.u16(nclx.from + 4),
      transfer: reader.u16(nclx.from + 6),
    },
  };
}

/** Reads zeros beyond the end. */
class Reader {
  constructor(private readonly bytes: Uint8Array) {}

  u8 = (at: number): number => this.bytes[at] ?? 0;
  u16 = (at: number): number => this.u8(at) * 256 + this.u8(at + 1);
  u32 = (at: number): number => this.u16(at) * 65_536 + this.u16(at + 2);
  text = (at: number): string => String.fromCharCode(...this.bytes.subarray(at, at + 4));

  boxes(from: number, to: number): Box[] {
    const found: Box[] = [];
    for (let at = from; at + 8 <= to && found.length < MOST_BOXES;) {
      const declared = this.u32(at);
      const isLarge = declared === 1;
      const size = isLarge
        ? this.u32(at + 8) * 2 ** 32 + this.u32(at + 12)
        : declared === 0
          ? to - at
          : declared;
      if (size < (isLarge ? 16 : 8)) break;
      const end = Math.min(to, at + size);
      found.push({ type: this.text(at + 4), from: at + (isLarge ? 16 : 8), to: end });
      at = end;
    }
    return found;
  }

  /** 1-based indices of one item's properties in an `ipma` box. */
  associations(box: Box, item: number): number[] {
    const version = this.u8(box.from);
    const isWide = (this.u8(box.from + 3) & 1) === 1;
    const entries = Math.min(this.u32(box.from + 4), MOST_BOXES);
    let at = box.from + 8;
    for (let i = 0; i < entries && at < box.to; i++) {
      const id = version === 0 ? this.u16(at) : this.u32(at);
      at += version === 0 ? 2 : 4;
      const count = this.u8(at++);
      const width = isWide ? 2 : 1;
      if (id === item)
        return Array.from({ length: count }, (_, n) =>
          isWide ? this.u16(at + 2 * n) & 0x7fff : this.u8(at + n) & 0x7f,
        );
      at += count * width;
    }
    return [];
  }
}
