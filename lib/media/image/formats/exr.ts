/**
 * A picture to look at of an OpenEXR file, by ffmpeg. The header says which part and layer has colours; values are mapped from linear
 * light by the curve of sRGB at exposure 0, so that what is brighter than 1 is white. Alpha is left out: colours are premultiplied,
 * so the picture stands on black, as viewers show it.
 */
import { makeError } from '../../../base/errors';
import { parseExrHeader, type ExrChannel, type ExrPart, type ExrPayload } from '../../../exr';
import { checkPicture, type PictureLimits } from '../../limits';
import { decodeByFfmpeg } from './ffmpeg-picture';
import type { RawPicture } from './raw-picture';

/** Four float planes, and what is made of them. */
const BYTES_PER_PIXEL = 24;

/**
 * @throws ERR_MEDIA_UNSUPPORTED for deep data, for files without colours, and for kinds that ffmpeg does not know;
 * ERR_MEDIA_LIMIT | ERR_MEDIA_DECODE | ERR_FFMPEG_MISSING
 */
export async function decodeExr(
  bytes: Uint8Array,
  maxSize: number,
  limits: PictureLimits,
): Promise<RawPicture> {
  const facts = parseExrHeader(bytes);
  const { partIndex, layer, isGray } = pictureOf(facts, limits);
  const picture = await decodeByFfmpeg(withTableFirst(bytes, facts, partIndex), {
    demuxer: 'exr_pipe',
    name: 'OpenEXR',
    maxSize,
    limits,
    decoder: [
      ...['-apply_trc', 'iec61966_2_1'],
      ...(partIndex === 0 ? [] : ['-part', String(partIndex)]),
      ...(layer === '' ? [] : ['-layer', layer]),
    ],
    // Without alpha. From one float plane ffmpeg makes a green picture of three, so grey stays grey.
    filters: [isGray ? 'format=gray16le' : 'format=gbrpf32le'],
  });
  // ffmpeg leaves blocks black that it does not find, and says nothing.
  const damaged = picture.damaged ?? missingBlocks(bytes, facts, partIndex);
  return damaged === undefined ? picture : { ...picture, damaged };
}

/** ffmpeg looks for every part's blocks in the first table, and shows black where they belong to another part. */
function withTableFirst(
  bytes: Uint8Array,
  { file, parts }: ExrPayload,
  partIndex: number,
): Uint8Array {
  const counts = parts.slice(0, partIndex + 1).map(blocksOf);
  const count = counts.at(-1);
  if (partIndex === 0 || count === undefined || counts.includes(undefined)) return bytes;
  const before = counts.slice(0, -1).reduce((sum: number, one) => sum + (one ?? 0), 0);
  const table = file.header_bytes + 8 * before;
  return Uint8Array.from(bytes).copyWithin(file.header_bytes, table, table + 8 * count);
}

/** Rows of pixels that a block holds, where it is more than one. */
const BLOCK_ROWS: Readonly<Record<string, number>> = {
  zip: 16,
  pxr24: 16,
  piz: 32,
  b44: 32,
  b44a: 32,
  dwaa: 32,
  dwab: 256,
  htj2k256: 256,
  htj2k32: 32,
};

/** What is lost of a part whose file ends early, as renders do that were stopped; undefined: nothing, or it cannot be told. */
function missingBlocks(
  bytes: Uint8Array,
  { file, parts }: ExrPayload,
  partIndex: number,
): string | undefined {
  const counts = parts.slice(0, partIndex + 1).map(blocksOf);
  const count = counts.at(-1);
  if (count === undefined || counts.includes(undefined)) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  // The tables of all parts stand behind the headers, in their order.
  const before = counts.slice(0, -1).reduce((sum: number, one) => sum + (one ?? 0), 0);
  const table = file.header_bytes + 8 * before;
  const hasTable = table + 8 * count <= bytes.length;
  const sizeAt = (file.is_multipart ? 4 : 0) + (parts[partIndex]?.is_tiled === true ? 16 : 4);
  let present = 0;
  let known = 0;
  for (let i = 0; hasTable && i < count; i++) {
    const offset = Number(view.getBigUint64(table + 8 * i, true));
    if (offset !== 0) known++;
    const start = offset + sizeAt + 4;
    if (offset === 0 || start > bytes.length) continue;
    if (start + view.getUint32(start - 4, true) <= bytes.length) present++;
  }
  // A table of zeros is one that its writer left out: blocks are found without it.
  if (present === count || (hasTable && known === 0)) return undefined;
  return `${count - present} of ${count} blocks of pixels are missing`;
}

/** Undefined for tiles of a file that does not count them. */
function blocksOf({
  chunk_count,
  is_tiled,
  compression,
  data_window: box,
}: ExrPart): number | undefined {
  if (chunk_count !== null) return chunk_count;
  if (is_tiled) return undefined;
  return Math.ceil((box.y_max - box.y_min + 1) / (BLOCK_ROWS[compression] ?? 1));
}

/** The first part with colours; in it the channels without a layer, else the first layer. */
function pictureOf(
  { parts, channels }: ExrPayload,
  limits: PictureLimits,
): { partIndex: number; layer: string; isGray: boolean } {
  for (const { part_index, is_deep, display_window: box } of parts) {
    if (is_deep) continue;
    const layers = layersWithColor(channels.filter((one) => one.part_index === part_index));
    const chosen = layers.has('') ? '' : layers.keys().next().value;
    if (chosen === undefined) continue;
    const [width, height] = [box.x_max - box.x_min + 1, box.y_max - box.y_min + 1];
    checkPicture({ width, height, pages: 1, bytesPerPixel: BYTES_PER_PIXEL }, limits);
    return { partIndex: part_index, layer: chosen, isGray: layers.get(chosen) === true };
  }
  const why = parts.every((part) => part.is_deep)
    ? 'has deep data only'
    : 'has no part with the channels R, G and B or Y';
  throw makeError('ERR_MEDIA_UNSUPPORTED', `this OpenEXR file ${why}: there is no flat picture`);
}

/** Layers that hold R, G and B (false), or Y alone (true: grey), in the order of the file. */
function layersWithColor(channels: readonly ExrChannel[]): Map<string, boolean> {
  const names = new Set(channels.map(({ name }) => name));
  const found = new Map<string, boolean>();
  for (const { layer } of channels) {
    const has = (name: string): boolean => names.has(layer === '' ? name : `${layer}.${name}`);
    if (has('R') && has('G') && has('B')) found.set(layer, false);
    else if (has('Y')) found.set(layer, true);
  }
  return found;
}
