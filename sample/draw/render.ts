/** Renders scenes to pixels or picture files by sharp. */
import sharp from 'sharp';
import { drawSvg } from './draw-svg';
import type { Scene } from '../scene';

/** RGB, 8 bit, top row first, no padding. */
export interface Pixels {
  readonly data: Uint8Array;
  readonly width: number;
  readonly height: number;
}

export type PictureFormat = 'jpeg' | 'png' | 'webp';

/** Width and height in pixels for a shorter side of `side`. */
export function sizeOf(scene: Scene, side: number): { width: number; height: number } {
  return {
    width: Math.round(side * Math.max(1, scene.aspect)),
    height: Math.round(side * Math.max(1, 1 / scene.aspect)),
  };
}

/**
 * @param side  pixels of the shorter side, 16..4096
 * @returns newly allocated pixels
 */
export async function renderPixels(scene: Scene, side = 240): Promise<Pixels> {
  const { width, height } = sizeOf(scene, side);
  const { data, info } = await fromSvg(scene, width, height)
    .raw()
    .toBuffer({ resolveWithObject: true });
  return { data, width: info.width, height: info.height };
}

/** The bytes of a picture file. `quality` applies to JPEG and WebP. */
export async function renderPicture(
  scene: Scene,
  side = 240,
  format: PictureFormat = 'jpeg',
  quality = 85,
): Promise<Uint8Array> {
  const { width, height } = sizeOf(scene, side);
  return fromSvg(scene, width, height)
    .toFormat(format, format === 'png' ? {} : { quality })
    .toBuffer();
}

function fromSvg(scene: Scene, width: number, height: number): sharp.Sharp {
  // SVG has alpha, JPEG has not.
  return sharp(Buffer.from(drawSvg(scene, width, height)))
    .flatten({ background: '#000' })
    .removeAlpha()
    .toColourspace('srgb');
}
