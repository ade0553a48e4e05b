/** Backgrounds of the raster renderer, from smooth noise. The shorter side is 1 unit. */
import type { Random } from '../random';
import { scramble } from '../random';
import { BACKGROUND_RGB, type Background, type Rgb } from '../vocabulary';

/** Writes the colour at (x, y) into `out`. */
export type Painter = (x: number, y: number, out: [number, number, number]) => void;

export function backgroundPainter(random: Random, background: Background): Painter {
  const base = BACKGROUND_RGB[background];
  const shift = random.range(-6, 6);
  const salt = random.int(1 << 30);
  const noise = (x: number, y: number): number => smoothNoise(x, y, salt);
  const set = (out: [number, number, number], rgb: Rgb, add: number): void => {
    for (let c = 0; c < 3; c++) out[c] = (rgb[c] as number) + add + shift;
  };
  switch (background) {
    case 'grass':
      return (x, y, out) => {
        set(out, base, 52 * (noise(x * 70, y * 26) - 0.5) + 18 * (noise(x * 9, y * 9) - 0.5));
      };
    case 'sky':
      return (x, y, out) => {
        const cloud = Math.max(0, noise(x * 3, y * 7) * 0.7 + noise(x * 8, y * 16) * 0.3 - 0.52);
        set(out, base, 34 * y - 22);
        for (let c = 0; c < 3; c++) {
          out[c] = (out[c] as number) + (246 - (out[c] as number)) * Math.min(0.85, cloud * 3.2);
        }
      };
    case 'night':
      return (x, y, out) => {
        set(out, base, 12 * y);
        const cell = 24;
        const column = Math.floor(x * cell);
        const row = Math.floor(y * cell);
        if (speck(column, row, salt) > 0.1) return;
        const away = Math.hypot(x * cell - column - 0.5, y * cell - row - 0.5);
        if (away < 0.22) set(out, [236, 236, 222], 0);
      };
    case 'sand':
      return (x, y, out) => {
        set(out, base, 30 * (noise(x * 110, y * 110) - 0.5) + 14 * (noise(x * 6, y * 22) - 0.5));
      };
    case 'wood':
      return (x, y, out) => {
        const plank = Math.floor(y * 5.2);
        const grain = Math.sin((y * 60 + 3 * noise(x * 4, plank * 9)) * 2);
        const isGap = y * 5.2 - plank < 0.05;
        set(out, base, isGap ? -58 : 9 * grain + 26 * (speck(plank, 3, salt) - 0.5));
      };
    case 'snow':
      return (x, y, out) => {
        const flake = noise(x * 34, y * 34);
        set(out, base, flake > 0.78 ? 18 : flake < 0.2 ? -24 : 8 * (y - 0.5));
      };
    case 'water':
      return (x, y, out) => {
        const wave = Math.sin(y * 62 + 2.6 * Math.sin(x * 24 + salt) + 3 * noise(x * 3, y * 3));
        set(out, base, wave > 0.72 ? 58 : 7 * wave);
      };
    case 'brick':
      return (x, y, out) => {
        const row = Math.floor(y * 10.5);
        const along = x * 4.8 + (row % 2 === 0 ? 0 : 0.5);
        const column = Math.floor(along);
        const isMortar = y * 10.5 - row < 0.13 || along - column < 0.06;
        if (isMortar) set(out, [200, 190, 180], 0);
        else set(out, base, 26 * (speck(column, row, salt) - 0.5));
      };
    default:
      // Vignetting.
      return (x, y, out) => {
        set(out, base, -14 * Math.min(1, (x - 0.5) ** 2 + (y - 0.5) ** 2));
      };
  }
}

/** A hash of a grid cell, in [0, 1). */
function speck(column: number, row: number, salt: number): number {
  return scramble(Math.imul(column, 0x1f1f1f1f) ^ Math.imul(row, 0x2c9277b5) ^ salt) / 4294967296;
}

/** Value noise in [0, 1]: random at grid points, interpolated between them. */
function smoothNoise(x: number, y: number, salt: number): number {
  const column = Math.floor(x);
  const row = Math.floor(y);
  const ease = (t: number): number => t * t * (3 - 2 * t);
  const s = ease(x - column);
  const t = ease(y - row);
  const top = speck(column, row, salt) * (1 - s) + speck(column + 1, row, salt) * s;
  const low = speck(column, row + 1, salt) * (1 - s) + speck(column + 1, row + 1, salt) * s;
  return top * (1 - t) + low * t;
}
