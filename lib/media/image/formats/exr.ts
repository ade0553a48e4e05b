/**
 * A picture to look at of an OpenEXR file, by ffmpeg. The header says which part and layer has colours; values are mapped from linear
 * light by the curve of sRGB at exposure 0, so that what is brighter than 1 is white. Alpha is left out: colours are premultiplied,
 * so the picture stands on black, as viewers show it.
 */
import { makeError } from '../../../base/errors';
import {
  blocksOf,
  parseExrHeader,
  singlePart,
  type ExrChannel,
  type ExrPayload,
} from '../../../exr';
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
  const picture = await decodeByFfmpeg(alone(bytes, facts, partIndex), {
    demuxer: 'exr_pipe',
    name: 'OpenEXR',
    maxSize,
    limits,
    decoder: [...['-apply_trc', 'iec61966_2_1'], ...(layer === '' ? [] : ['-layer', layer])],
    // Without alpha. From one float plane ffmpeg makes a green picture of three, so grey stays grey.
    filters: [isGray ? 'format=gray16le' : 'format=gbrpf32le'],
  });
  // ffmpeg leaves blocks black that it does not find, and says nothing.
  const damaged = picture.damaged ?? missingBlocks(bytes, facts, partIndex);
  return damaged === undefined ? picture : { ...picture, damaged };
}

/** What is lost of a file that ends early, as of renders that were stopped; undefined: nothing, or it cannot be told. */
function missingBlocks(
  bytes: Uint8Array,
  facts: ExrPayload,
  partIndex: number,
): string | undefined {
  const blocks = blocksOf(bytes, facts, partIndex) ?? [];
  const missing = blocks.filter(({ size }) => size === undefined).length;
  // A table of zeros is one that its writer left out: blocks are found without it.
  if (missing === 0 || blocks.every(({ at }) => at === 0)) return undefined;
  return `${missing} of ${blocks.length} blocks of pixels are missing`;
}

/** ffmpeg shows parts behind the first as black. @throws ERR_MEDIA_DECODE */
function alone(bytes: Uint8Array, facts: ExrPayload, partIndex: number): Uint8Array {
  if (partIndex === 0) return bytes;
  const part = singlePart(bytes, facts, partIndex);
  if (part !== undefined) return part;
  throw makeError('ERR_MEDIA_DECODE', 'this OpenEXR file ends before its pixels');
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
    // X and Y are a vector.
    else if (has('Y') && !has('X')) found.set(layer, true);
  }
  return found;
}
