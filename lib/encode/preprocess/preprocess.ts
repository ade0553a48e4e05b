/**
 * Converts an RGB picture to the float tensor of a vision tower: resize, center crop, normalize. Equal to
 * the Python image processor with Pillow (test/golden/preprocess). Uses no image library.
 */
import { resizeRgb, type ResizeFilter } from './resize';

/** Increment whenever the tensors change: old and new vectors must not mix. */
export const PREPROCESS_VERSION = 1;

export interface PreprocessSpec {
  /** Width and height of the tensor in pixels. */
  readonly size: number;
  /** Resize the shorter side to this length and crop the center, or ... */
  readonly shortestEdge: number | undefined;
  /** ... resize to exactly this size, ignoring the aspect ratio. */
  readonly resizeTo: { readonly width: number; readonly height: number } | undefined;
  readonly filter: ResizeFilter;
  /** Factor that brings 0..255 to the range `mean` and `std` are stated for. */
  readonly rescale: number;
  readonly mean: readonly [number, number, number];
  readonly std: readonly [number, number, number];
}

export interface RgbImage {
  /** Shape [height, width, 3]. */
  readonly data: Uint8Array;
  readonly width: number;
  readonly height: number;
}

/**
 * Resized and cropped 8-bit picture, shape [size, size, 3].
 *
 * Crop offsets round down, as in the Hugging Face processor. (OpenAI's code rounds to nearest even: half a
 * pixel apart on odd margins.)
 */
export function resizeAndCrop(image: RgbImage, spec: PreprocessSpec): Uint8Array {
  const { size } = spec;
  let width: number;
  let height: number;
  if (spec.shortestEdge === undefined) {
    width = spec.resizeTo?.width ?? size;
    height = spec.resizeTo?.height ?? size;
  } else {
    const edge = spec.shortestEdge;
    const isWide = image.width > image.height;
    // The long side rounds down: int(size * long / short).
    width = isWide ? Math.floor((edge * image.width) / image.height) : edge;
    height = isWide ? edge : Math.floor((edge * image.height) / image.width);
  }
  return resizeRgb(
    image.data,
    image.width,
    image.height,
    width,
    height,
    {
      left: Math.floor((width - size) / 2),
      top: Math.floor((height - size) / 2),
      width: size,
      height: size,
    },
    spec.filter,
  );
}

/** Normalized value of each of the 256 levels per channel: one load instead of three operations. */
export function normalizeTable(spec: PreprocessSpec): Float32Array {
  const table = new Float32Array(3 * 256);
  for (let channel = 0; channel < 3; channel++) {
    const mean = spec.mean[channel] as number;
    const std = spec.std[channel] as number;
    for (let level = 0; level < 256; level++) {
      table[channel * 256 + level] = (level * spec.rescale - mean) / std;
    }
  }
  return table;
}

/**
 * Writes the tensor of one picture, shape [3, size, size], at `offset` of `out`.
 *
 * @param table from `normalizeTable` of the same spec
 */
export function preprocessInto(
  image: RgbImage,
  spec: PreprocessSpec,
  table: Float32Array,
  out: Float32Array,
  offset: number,
): void {
  const pixels = resizeAndCrop(image, spec);
  const plane = spec.size * spec.size;
  for (let i = 0, at = 0; i < plane; i++, at += 3) {
    out[offset + i] = table[pixels[at] as number] as number;
    out[offset + plane + i] = table[256 + (pixels[at + 1] as number)] as number;
    out[offset + 2 * plane + i] = table[512 + (pixels[at + 2] as number)] as number;
  }
}
