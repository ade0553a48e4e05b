/**
 * Pillow's antialiased resize of 8-bit RGB pictures, bit for bit (`native/image/resize.h`). Only the
 * window that a centre crop keeps is computed; Pillow computes all and cuts, the pixels kept are the
 * same.
 */
import { fromNative, native } from '../../native';

const FILTERS = { bilinear: 0, bicubic: 1 } as const;
export type ResizeFilter = keyof typeof FILTERS;

export interface Window {
  /** First column and row of the resized picture that are kept, and how many. */
  readonly left: number;
  readonly top: number;
  readonly width: number;
  readonly height: number;
}

/**
 * Resizes `rgb` (shape [height, width, 3]) to `outWidth` x `outHeight` and returns the window of it,
 * shape [window.height, window.width, 3], newly allocated.
 *
 * @throws ERR_ARG_RANGE when `rgb` has another size or the window leaves the output
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
  const out = new Uint8Array(window.width * window.height * 3);
  try {
    native().resizeRgb(
      rgb,
      width,
      height,
      outWidth,
      outHeight,
      window.left,
      window.top,
      window.width,
      window.height,
      FILTERS[filter],
      out,
    );
  } catch (error) {
    throw fromNative(error);
  }
  return out;
}
