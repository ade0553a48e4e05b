/**
 * A second renderer, by signed distance functions, with proportions, textures, lighting, grain and blur of
 * its own. It shares no drawing code with the SVG renderer and is never used in training: tests use it to
 * measure how a model generalizes to another style.
 */
import { Random } from '../random';
import { backgroundPainter } from './raster-backgrounds';
import { signedDistance } from './raster-shapes';
import type { Pixels } from './render';
import type { Item, ObjectGroup, Scene } from '../scene';
import { COLOUR_RGB, SECOND_RGB, type Pattern, type Rgb } from '../vocabulary';

export interface RasterStyle {
  /** Standard deviation of the grain, in 1/255; default 0. */
  readonly noise?: number;
  /** Radius of the blur in pixels; default 0. */
  readonly blur?: number;
}

/**
 * @param width, height  pixels; the picture is stretched to their aspect ratio
 * @returns newly allocated RGB pixels
 */
export function drawRaster(
  scene: Scene,
  width: number,
  height: number,
  style: RasterStyle = {},
): Pixels {
  const random = new Random(scene.seed ^ 0x7a57e5);
  const paint = backgroundPainter(random.fork(), scene.background);
  const things = scene.groups.flatMap((group) => {
    const look = lookOf(random.fork(), group);
    return group.items.map((item) => thing(item, look, scene.aspect));
  });
  const colour: [number, number, number] = [0, 0, 0];
  const data = new Uint8Array(width * height * 3);
  const wide = Math.max(1, scene.aspect);
  const tall = Math.max(1, 1 / scene.aspect);
  const pixel = tall / height;
  for (let row = 0; row < height; row++) {
    for (let column = 0; column < width; column++) {
      const x = ((column + 0.5) / width) * wide;
      const y = ((row + 0.5) / height) * tall;
      paint(x, y, colour);
      for (const one of things) one(x, y, pixel, colour);
      const at = (row * width + column) * 3;
      for (let c = 0; c < 3; c++) data[at + c] = clampByte(colour[c] as number);
    }
  }
  const blurred = boxBlur({ data, width, height }, Math.round(style.blur ?? 0));
  return addNoise(blurred, style.noise ?? 0, random);
}

interface Look {
  readonly group: ObjectGroup;
  readonly main: Rgb;
  readonly second: Rgb;
  readonly angle: number;
  readonly frequency: number;
}

function lookOf(random: Random, group: ObjectGroup): Look {
  const shade = (rgb: Rgb): Rgb => {
    const shift = random.range(-10, 10);
    return [rgb[0] + shift, rgb[1] + shift, rgb[2] + shift];
  };
  const isSmall = (group.items[0]?.radius ?? 1) < 0.13;
  return {
    group,
    main: shade(COLOUR_RGB[group.colour]),
    second: shade(SECOND_RGB[group.colour]),
    angle: random.range(0, Math.PI),
    frequency: (isSmall ? 1.5 : group.size === 'large' ? 2.4 : 2) * random.range(0.95, 1.1),
  };
}

/** A painter of one item; it changes only pixels inside the item. */
function thing(
  item: Item,
  look: Look,
  aspect: number,
): (x: number, y: number, pixel: number, colour: [number, number, number]) => void {
  const centreX = item.x * Math.max(1, aspect);
  const centreY = item.y * Math.max(1, 1 / aspect);
  const turn = (-item.rotation * Math.PI) / 180;
  const cos = Math.cos(turn);
  const sin = Math.sin(turn);
  return (x, y, pixel, colour) => {
    const dx = (x - centreX) / item.radius;
    const dy = (y - centreY) / item.radius;
    if (dx * dx + dy * dy > 1.6) return;
    const u = dx * cos - dy * sin;
    const v = dx * sin + dy * cos;
    const distance = signedDistance(look.group.shape, u, v) * item.radius;
    const cover = Math.min(1, Math.max(0, 0.5 - distance / pixel));
    if (cover === 0) return;
    const isSecond = hasSecondColour(look.group.pattern, u, v, look);
    const source = isSecond ? look.second : look.main;
    // Light from the upper left; the centre keeps its colour.
    const light = 1 - 0.1 * (u + v);
    for (let c = 0; c < 3; c++) {
      const lit = Math.min(255, Math.max(0, (source[c] as number) * light));
      colour[c] = (colour[c] as number) * (1 - cover) + lit * cover;
    }
  };
}

function hasSecondColour(pattern: Pattern, u: number, v: number, look: Look): boolean {
  const along = u * Math.cos(look.angle) + v * Math.sin(look.angle);
  const across = v * Math.cos(look.angle) - u * Math.sin(look.angle);
  const wave = (value: number): number => value - Math.floor(value);
  switch (pattern) {
    case 'striped':
      return wave(along * look.frequency + 0.3) < 0.42;
    case 'spotted': {
      const row = Math.floor(across * look.frequency);
      const du = wave(along * look.frequency + (row % 2 === 0 ? 0 : 0.5)) - 0.5;
      const dv = wave(across * look.frequency) - 0.5;
      return du * du + dv * dv < 0.085;
    }
    case 'checkered':
      return (Math.floor(u * look.frequency * 2) + Math.floor(v * look.frequency * 2)) % 2 !== 0;
    default:
      return false;
  }
}

function boxBlur(pixels: Pixels, radius: number): Pixels {
  if (radius < 1) return pixels;
  const { width, height } = pixels;
  const pass = (source: Uint8Array, stepX: number, stepY: number): Uint8Array => {
    const out = new Uint8Array(source.length);
    for (let row = 0; row < height; row++) {
      for (let column = 0; column < width; column++) {
        for (let c = 0; c < 3; c++) {
          let sum = 0;
          for (let k = -radius; k <= radius; k++) {
            const x = Math.min(width - 1, Math.max(0, column + k * stepX));
            const y = Math.min(height - 1, Math.max(0, row + k * stepY));
            sum += source[(y * width + x) * 3 + c] as number;
          }
          out[(row * width + column) * 3 + c] = Math.round(sum / (2 * radius + 1));
        }
      }
    }
    return out;
  };
  return { data: pass(pass(pixels.data, 1, 0), 0, 1), width, height };
}

function addNoise(pixels: Pixels, deviation: number, random: Random): Pixels {
  if (deviation <= 0) return pixels;
  const data = new Uint8Array(pixels.data.length);
  for (let i = 0; i < data.length; i++) {
    // The sum of three uniforms approximates a normal distribution.
    const bell = (random.next() + random.next() + random.next() - 1.5) * 2;
    data[i] = clampByte((pixels.data[i] as number) + bell * deviation);
  }
  return { ...pixels, data };
}

function clampByte(value: number): number {
  return Math.min(255, Math.max(0, Math.round(value)));
}
