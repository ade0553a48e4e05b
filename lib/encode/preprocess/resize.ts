/**
 * Pillow's antialiased resize of 8-bit RGB pictures, bit for bit, written from its description:
 * separable, horizontal pass first; the filter's support grows with the reduction ratio; weights are
 * rounded to 22 fractional bits; each pass rounds to 8 bits. Models were trained on pictures resized
 * so, and other resizers (sharp's included) differ by several grey levels at edges.
 *
 * Only the window that a centre crop keeps is computed; Pillow computes all and cuts, the pixels kept
 * are the same.
 */

import { loadPasses, resizeSimd, type Axis } from './resize-simd';

export type ResizeFilter = 'bicubic' | 'bilinear';

export interface Window {
  /** First column and row of the resized picture that are kept, and how many. */
  readonly left: number;
  readonly top: number;
  readonly width: number;
  readonly height: number;
}

/** 32 bits less 8 for the pixel and 2 spare: a sum of weights times pixels never leaves 32 bits. */
const PRECISION_BITS = 32 - 8 - 2;
const HALF = 1 << (PRECISION_BITS - 1);

const FILTERS: Record<ResizeFilter, { support: number; weight: (x: number) => number }> = {
  bicubic: { support: 2, weight: bicubic },
  bilinear: { support: 1, weight: (x) => Math.max(0, 1 - Math.abs(x)) },
};

/** Keys' cubic with a = -0.5. */
function bicubic(value: number): number {
  const a = -0.5;
  const x = Math.abs(value);
  if (x < 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
  if (x < 2) return (((x - 5) * x + 8) * x - 4) * a;
  return 0;
}

/** Weights for outputs [first, first + count) of an axis resized from `input` to `output` samples. */
function makeAxis(
  input: number,
  output: number,
  first: number,
  count: number,
  filter: ResizeFilter,
): Axis {
  const { support: baseSupport, weight } = FILTERS[filter];
  const scale = input / output;
  const filterScale = Math.max(scale, 1);
  const support = baseSupport * filterScale;
  const stride = Math.ceil(support) * 2 + 1;
  const start = new Int32Array(count);
  const size = new Int32Array(count);
  const weights = new Int32Array(count * stride);
  const row = new Float64Array(stride);
  for (let i = 0; i < count; i++) {
    const center = (first + i + 0.5) * scale;
    const low = Math.max(0, Math.trunc(center - support + 0.5));
    const taps = Math.min(input, Math.trunc(center + support + 0.5)) - low;
    let sum = 0;
    for (let t = 0; t < taps; t++) {
      // Multiplying by the inverse, not dividing: Pillow does, and the last bit can differ.
      const w = weight((t + low - center + 0.5) * (1 / filterScale));
      row[t] = w;
      sum += w;
    }
    for (let t = 0; t < taps; t++) {
      const w = (row[t] as number) / (sum === 0 ? 1 : sum);
      weights[i * stride + t] = Math.trunc(w * (1 << PRECISION_BITS) + (w < 0 ? -0.5 : 0.5));
    }
    start[i] = low;
    size[i] = taps;
  }
  return { start, size, weights, stride };
}

/**
 * Resizes `rgb` (shape [height, width, 3]) to `outWidth` x `outHeight` and returns the window of it,
 * shape [window.height, window.width, 3], newly allocated.
 *
 * The window must lie inside the output. Cost: about (window.width * height + window pixels) * taps.
 */
export function resizeRgb(
  rgb: Uint8Array,
  width: number,
  height: number,
  outWidth: number,
  outHeight: number,
  window: Window,
  filter: ResizeFilter,
): Uint8Array {
  const across = makeAxis(width, outWidth, window.left, window.width, filter);
  const down = makeAxis(height, outHeight, window.top, window.height, filter);
  const last = window.height - 1;
  const firstRow = down.start[0] as number;
  const endRow = (down.start[last] as number) + (down.size[last] as number);
  const needed = rgb.subarray(firstRow * width * 3, endRow * width * 3);
  const downStart = down.start.map((row) => row - firstRow);
  if (usesSimd) {
    simd ??= loadPasses(HALF, PRECISION_BITS) ?? null;
    const rows = endRow - firstRow;
    const out = simd && resizeSimd(simd, needed, width, rows, across, down, downStart);
    if (out) return out;
  }
  const middle = horizontal(needed, width, across);
  return vertical(middle, downStart, down, window.width);
}

/** Built with the first picture; null where the engine has no SIMD. */
let simd: ReturnType<typeof loadPasses> | null;
let usesSimd = true;

/** For tests and measurements: false takes the plain passes, whose bytes are the same. */
export function setSimd(isOn: boolean): void {
  usesSimd = isOn;
}

function clip8(sum: number): number {
  const value = sum >> PRECISION_BITS;
  return value < 0 ? 0 : value > 255 ? 255 : value;
}

function horizontal(rgb: Uint8Array, width: number, axis: Axis): Uint8Array {
  const { start, size, weights, stride } = axis;
  const count = start.length;
  const rows = rgb.length / (width * 3);
  const out = new Uint8Array(rows * count * 3);
  let to = 0;
  for (let y = 0; y < rows; y++) {
    const line = y * width * 3;
    for (let x = 0; x < count; x++) {
      let at = line + (start[x] as number) * 3;
      let w = x * stride;
      const end = w + (size[x] as number);
      let r = HALF;
      let g = HALF;
      let b = HALF;
      for (; w < end; w++, at += 3) {
        const weight = weights[w] as number;
        r = (r + Math.imul(rgb[at] as number, weight)) | 0;
        g = (g + Math.imul(rgb[at + 1] as number, weight)) | 0;
        b = (b + Math.imul(rgb[at + 2] as number, weight)) | 0;
      }
      out[to] = clip8(r);
      out[to + 1] = clip8(g);
      out[to + 2] = clip8(b);
      to += 3;
    }
  }
  return out;
}

/** Rows are summed into one accumulator line: inputs are then read in memory order. */
function vertical(
  middle: Uint8Array,
  downStart: Int32Array,
  axis: Axis,
  width: number,
): Uint8Array {
  const { size, weights, stride } = axis;
  const line = width * 3;
  const height = downStart.length;
  const out = new Uint8Array(line * height);
  const sums = new Int32Array(line);
  for (let y = 0; y < height; y++) {
    sums.fill(HALF);
    const from = downStart[y] as number;
    const taps = size[y] as number;
    for (let t = 0; t < taps; t++) {
      const weight = weights[y * stride + t] as number;
      const base = (from + t) * line;
      for (let x = 0; x < line; x++) {
        sums[x] = ((sums[x] as number) + Math.imul(middle[base + x] as number, weight)) | 0;
      }
    }
    const base = y * line;
    for (let x = 0; x < line; x++) out[base + x] = clip8(sums[x] as number);
  }
  return out;
}
