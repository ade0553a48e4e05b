/** What a header must keep to before anything is made of it: the checks of the reference library that need no pixels. */
import type { ExrBox, ExrChannel, ExrPart } from '../payload';
import { damaged } from './cursor';
import type { Layout } from './layout';

/** Coordinates beyond this overflow when two are subtracted in 32 bits. */
const MAX_COORDINATE = 2 ** 30 - 1;

/** @throws ERR_MEDIA_DECODE */
export function checkPart(part: ExrPart, channels: readonly ExrChannel[], layout: Layout): void {
  checkBox('dataWindow', part.data_window);
  checkBox('displayWindow', part.display_window);
  const { pixel_aspect_ratio: ratio, screen_window_width: width } = part;
  if (!(ratio >= 1e-6 && ratio <= 1e6)) throw damaged(`pixelAspectRatio is ${ratio}`);
  if (!(width >= 0)) throw damaged(`screenWindowWidth is ${width}`);
  if (part.tiles !== null) checkTiles(part.tiles);
  if (part.chunk_count !== null && part.chunk_count < 1)
    throw damaged(`chunkCount is ${part.chunk_count}`);
  for (const channel of channels) checkSampling(part, channel);
  if (!layout.isMultipart) return;
  if (part.name === null || part.name === '')
    throw damaged(`part ${part.part_index} of several has no name`);
  if (part.chunk_count === null)
    throw damaged(`part ${part.part_index} of several has no chunkCount`);
}

function checkBox(name: string, box: ExrBox): void {
  const isOrdered = box.x_min <= box.x_max && box.y_min <= box.y_max;
  const isSmall = Object.values(box).every((value) => Math.abs(value as number) <= MAX_COORDINATE);
  if (isOrdered && isSmall) return;
  const text = `(${box.x_min} ${box.y_min}) - (${box.x_max} ${box.y_max})`;
  throw damaged(`${name} is ${text}`, { ...box });
}

function checkTiles({ width, height }: { width: number; height: number }): void {
  const isSize = (value: number): boolean => value >= 1 && value <= MAX_COORDINATE;
  if (!isSize(width) || !isSize(height)) throw damaged(`tiles of ${width} x ${height} pixels`);
}

/** Only flat scan lines may have channels of fewer pixels, and then the window must fit them. */
function checkSampling(part: ExrPart, { name, x_sampling: x, y_sampling: y }: ExrChannel): void {
  if (x === 1 && y === 1) return;
  const { x_min, x_max, y_min, y_max } = part.data_window;
  const fits = x_min % x === 0 && y_min % y === 0;
  const divides = (x_max - x_min + 1) % x === 0 && (y_max - y_min + 1) % y === 0;
  if (part.is_tiled || part.is_deep || !fits || !divides)
    throw damaged(`sampling ${x} ${y} of channel "${name}" does not fit the part`, { name });
}

/** Attributes of which one value holds for the whole file. */
const SHARED = ['timeCode', 'chromaticities'];

/** @throws ERR_MEDIA_DECODE */
export function checkParts(parts: readonly ExrPart[], layout: Layout): void {
  const [first] = parts;
  if (!layout.isMultipart || first === undefined) return;
  const names = new Set<string>();
  for (const part of parts) {
    const name = part.name ?? '';
    if (names.has(name)) throw damaged(`two parts are called "${name}"`, { name });
    names.add(name);
    const differs = [
      part.pixel_aspect_ratio !== first.pixel_aspect_ratio && 'pixelAspectRatio',
      !isSame(part.display_window, first.display_window) && 'displayWindow',
      ...SHARED.map((one) => !isSame(part.attributes[one], first.attributes[one]) && one),
    ].find((one) => one !== false);
    if (differs !== undefined)
      throw damaged(`part "${name}" has another ${differs} than the first`, { name, differs });
  }
}

const isSame = (a: unknown, b: unknown): boolean => JSON.stringify(a) === JSON.stringify(b);
