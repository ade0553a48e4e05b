/**
 * The JPEG preview in a camera's raw file, at or near full size. It is found by its markers: the makers'
 * directories are many and undocumented.
 */
export interface Preview {
  readonly jpeg: Uint8Array;
  readonly width: number;
  readonly height: number;
}

/** Random sensor data contains the three bytes once in 2^24 bytes. */
const MOST_CANDIDATES = 4096;
/** Segments read before the frame header. */
const MOST_SEGMENTS = 64;

/** The decodable JPEG with the most pixels. */
export function largestPreview(bytes: Uint8Array): Preview | undefined {
  const all = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let best: Preview | undefined;
  let at = all.indexOf('ffd8ff', 0, 'hex');
  for (let i = 0; at >= 0 && i < MOST_CANDIDATES; i++) {
    const size = sizeOfJpeg(all, at);
    if (size !== undefined && size.width * size.height > (best?.width ?? 0) * (best?.height ?? 0))
      best = { jpeg: all.subarray(at), ...size };
    at = all.indexOf('ffd8ff', at + 3, 'hex');
  }
  return best;
}

/** Size from the frame header; undefined unless it is 8 bit and lossy, which every decoder reads. */
function sizeOfJpeg(all: Buffer, start: number): { width: number; height: number } | undefined {
  let at = start + 2;
  for (let i = 0; i < MOST_SEGMENTS && at + 10 <= all.length; i++) {
    if (all[at] !== 0xff) return undefined;
    const marker = all[at + 1] ?? 0;
    if (marker === 0xff) {
      at += 1;
      continue;
    }
    const length = all.readUInt16BE(at + 2);
    if (length < 2) return undefined;
    if (marker >= 0xc0 && marker <= 0xc2) {
      const [bits, components] = [all[at + 4], all[at + 9]];
      const [height, width] = [all.readUInt16BE(at + 5), all.readUInt16BE(at + 7)];
      const isPlain = bits === 8 && (components === 3 || components === 1);
      return isPlain && width > 0 && height > 0 ? { width, height } : undefined;
    }
    // Start of scan, end of image, or another kind of frame.
    const isOtherFrame = marker >= 0xc3 && marker <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(marker);
    if (isOtherFrame || marker === 0xd9 || marker === 0xda || marker < 0xc0) return undefined;
    at += 2 + length;
  }
  return undefined;
}

/** Orientation (1 to 8) in the first directory of a TIFF; default 1. */
export function tiffOrientation(bytes: Uint8Array): number {
  const first = firstFolder(bytes);
  const value = first?.get(0x0112) ?? 1;
  return value >= 1 && value <= 8 ? value : 1;
}

/** True if the first directory of a TIFF holds sensor data or a thumbnail, as in raw files. */
export function isRawTiff(bytes: Uint8Array): boolean {
  const first = firstFolder(bytes);
  if (first === undefined) return false;
  const CFA = 32_803;
  const LINEAR_RAW = 34_892;
  return (
    first.has(0xc612) || [CFA, LINEAR_RAW].includes(first.get(0x0106) ?? 0) || first.get(0xfe) === 1
  );
}

/** Short and long values in the first directory, by tag. */
function firstFolder(bytes: Uint8Array): Map<number, number> | undefined {
  if (bytes.length < 16) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const little = view.getUint16(0) === 0x4949;
  const folder = view.getUint32(4, little);
  if (folder > bytes.length - 2) return undefined;
  const count = Math.min(view.getUint16(folder, little), 512);
  const values = new Map<number, number>();
  for (let i = 0; i < count; i++) {
    const at = folder + 2 + 12 * i;
    if (at + 12 > bytes.length) break;
    const isShort = view.getUint16(at + 2, little) === 3;
    const value = isShort ? view.getUint16(at + 8, little) : view.getUint32(at + 8, little);
    values.set(view.getUint16(at, little), value);
  }
  return values;
}
