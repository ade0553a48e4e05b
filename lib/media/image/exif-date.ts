/** Reads the time a picture was taken from its EXIF block. Every offset is checked. */

const TAG_EXIF_FOLDER = 0x8769;
const TAG_DATE_TIME_ORIGINAL = 0x9003;
const TAG_OFFSET_TIME_ORIGINAL = 0x9011;
const TYPE_ASCII = 2;
/** Bounds the work on a hostile block. */
const MAX_ENTRIES = 512;

/**
 * @param block  the EXIF block, with or without the leading `Exif\0\0`
 * @returns ISO 8601 in local time, with the offset if the camera recorded it; or null
 */
export function exifDate(block: Uint8Array | undefined): string | null {
  if (block === undefined) return null;
  const start = block[0] === 0x45 && block[1] === 0x78 ? 6 : 0;
  const view = new DataView(block.buffer, block.byteOffset + start, block.byteLength - start);
  if (view.byteLength < 8) return null;
  const order = view.getUint16(0);
  if (order !== 0x4949 && order !== 0x4d4d) return null;
  const tiff = new Tiff(view, order === 0x4949);
  const exif = tiff.entry(tiff.uint32(4), TAG_EXIF_FOLDER);
  const folder = exif === undefined ? undefined : tiff.uint32(exif + 8);
  const date = tiff.text(folder, TAG_DATE_TIME_ORIGINAL);
  const match = /^(\d{4}):(\d\d):(\d\d) (\d\d):(\d\d):(\d\d)/.exec(date ?? '');
  if (match === null) return null;
  const [, year, month, day, hour, minute, second] = match;
  const iso = `${year}-${month}-${day}T${hour}:${minute}:${second}`;
  // Cameras without a clock write zeros.
  if (Number.isNaN(Date.parse(`${iso}Z`))) return null;
  const offset = /^[+-]\d\d:\d\d/.exec(tiff.text(folder, TAG_OFFSET_TIME_ORIGINAL) ?? '');
  return iso + (offset?.[0] ?? '');
}

/** A bounded reader: values outside the block are undefined. */
class Tiff {
  constructor(
    private readonly view: DataView,
    private readonly littleEndian: boolean,
  ) {}

  uint32(at: number): number | undefined {
    return this.has(at, 4) ? this.view.getUint32(at, this.littleEndian) : undefined;
  }

  /** Offset of the 12-byte entry with this tag in the directory at `folder`. */
  entry(folder: number | undefined, tag: number): number | undefined {
    if (folder === undefined || !this.has(folder, 2)) return undefined;
    const count = Math.min(this.view.getUint16(folder, this.littleEndian), MAX_ENTRIES);
    for (let i = 0; i < count; i++) {
      const at = folder + 2 + 12 * i;
      if (!this.has(at, 12)) return undefined;
      if (this.view.getUint16(at, this.littleEndian) === tag) return at;
    }
    return undefined;
  }

  text(folder: number | undefined, tag: number): string | undefined {
    const at = this.entry(folder, tag);
    if (at === undefined || this.view.getUint16(at + 2, this.littleEndian) !== TYPE_ASCII)
      return undefined;
    const length = this.view.getUint32(at + 4, this.littleEndian);
    const place = length <= 4 ? at + 8 : this.uint32(at + 8);
    if (place === undefined || length > 64 || !this.has(place, length)) return undefined;
    let text = '';
    for (let i = 0; i < length; i++) text += String.fromCharCode(this.view.getUint8(place + i));
    return text;
  }

  private has(at: number, bytes: number): boolean {
    return at <= this.view.byteLength && bytes <= this.view.byteLength - at;
  }
}
