/**
 * The largest picture of an icon or cursor. Icons hold PNG files, or bitmaps without a file header whose
 * height includes the mask.
 */
export type IconPicture =
  { readonly format: 'png' | 'bmp'; readonly bytes: Uint8Array } | undefined;

export function largestOfIcon(bytes: Uint8Array): IconPicture {
  const all = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (all.length < 22) return undefined;
  let best: { area: number; data: Buffer } | undefined;
  for (let i = 0; i < Math.min(all.readUInt16LE(4), 256); i++) {
    const at = 6 + 16 * i;
    if (at + 16 > all.length) break;
    // Zero stands for 256. Of equal sizes, more bytes mean more bits per pixel.
    const area = ((all[at] ?? 0) || 256) * ((all[at + 1] ?? 0) || 256);
    const [size, place] = [all.readUInt32LE(at + 8), all.readUInt32LE(at + 12)];
    if (place >= all.length || size < 40) continue;
    const data = all.subarray(place, Math.min(all.length, place + size));
    if (best === undefined || area > best.area || (area === best.area && size > best.data.length))
      best = { area, data };
  }
  if (best === undefined) return undefined;
  if (best.data.readUInt32BE(0) === 0x89504e47) return { format: 'png', bytes: best.data };
  return best.data.length < 40 ? undefined : { format: 'bmp', bytes: withFileHeader(best.data) };
}

function withFileHeader(bitmap: Buffer): Buffer {
  const header = Buffer.alloc(14);
  const copy = Buffer.from(bitmap);
  copy.writeInt32LE(Math.trunc(copy.readInt32LE(8) / 2), 8);
  const bits = copy.readUInt16LE(14);
  const used = copy.readUInt32LE(32);
  const colors = bits <= 8 ? (used > 0 && used <= 256 ? used : 2 ** bits) : 0;
  header.write('BM', 0, 'latin1');
  header.writeUInt32LE(14 + copy.length, 2);
  header.writeUInt32LE(14 + copy.readUInt32LE(0) + 4 * colors, 10);
  return Buffer.concat([header, copy]);
}
