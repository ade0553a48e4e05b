/**
 * Converts colours to sRGB: linear light, gamut, tone, sRGB. Used per pixel for pictures, and as a table for
 * videos. Pure.
 *
 * Reference white, 203 cd/m2 (ITU-R BT.2408), becomes sRGB's white. Light below `KNEE` is kept, brighter
 * light is compressed towards 1 with its hue. The curve ignores the file's MaxCLL, which is often missing or
 * wrong, and would give one scene different embeddings.
 *
 * Source: ITU-R BT.2100 (PQ and HLG), BT.2408 (reference white), IEC 61966-2-1 (sRGB), BT.2020 and
 * SMPTE EG 432-1 (primaries).
 */
import { types } from 'node:util';
import { isHdr, PRIMARIES, TRANSFER, type ColorSignal } from './signal';

/** Maps coded values to sRGB in place, both 0 to 1. */
export type ColorMap = (rgb: Float64Array) => void;

const REFERENCE_WHITE = 203;
/** Nominal peak of an HLG display, with system gamma 1.2. */
const HLG_PEAK = 1000;
const KNEE = 0.93;

/** Matrices from linear light to the primaries of sRGB, by rows. */
const TO_BT709: Readonly<Record<number, readonly number[]>> = {
  [PRIMARIES.bt2020]: [
    1.660491, -0.587641, -0.07285, -0.12455, 1.1329, -0.008349, -0.018151, -0.100579, 1.11873,
  ],
  [PRIMARIES.displayP3]: [
    1.2249402, -0.2249404, 0, -0.0420569, 1.0420571, 0, -0.0196376, -0.0786361, 1.0982735,
  ],
};

/** Unknown code points count as those of sRGB. */
export function colorMap(signal: ColorSignal): ColorMap {
  const primaries = signal.primaries === PRIMARIES.dciP3 ? PRIMARIES.displayP3 : signal.primaries;
  const matrix = TO_BT709[primaries];
  const toLight = lightOf(signal.transfer);
  const bends = isHdr(signal);
  return (rgb) => {
    toLight(rgb);
    if (matrix !== undefined) multiply(matrix, rgb);
    const [r = 0, g = 0, b = 0] = rgb;
    const peak = Math.max(r, g, b);
    const scale = bends && peak > KNEE ? bend(peak) / peak : 1;
    for (let i = 0; i < 3; i++) rgb[i] = encodeSrgb((rgb[i] as number) * scale);
  };
}

/** Slope 1 at the knee, 1 at infinity. */
function bend(light: number): number {
  const above = (light - KNEE) / (1 - KNEE);
  return KNEE + (1 - KNEE) * (above / (1 + above));
}

function multiply(m: readonly number[], rgb: Float64Array): void {
  const [r = 0, g = 0, b = 0] = rgb;
  for (let i = 0; i < 3; i++)
    rgb[i] = (m[3 * i] as number) * r + (m[3 * i + 1] as number) * g + (m[3 * i + 2] as number) * b;
}

function lightOf(transfer: number): ColorMap {
  if (transfer === TRANSFER.hlg) return hlgLight;
  const curve =
    transfer === TRANSFER.pq
      ? pqLight
      : transfer === TRANSFER.linear
        ? (v: number): number => v
        : transfer === TRANSFER.gamma22
          ? (v: number): number => v ** 2.2
          : decodeSrgb;
  return (rgb) => {
    for (let i = 0; i < 3; i++) rgb[i] = curve(rgb[i] as number);
  };
}

/** Constants and names of BT.2100. */
function pqLight(value: number): number {
  const [m1, m2, c1, c2, c3] = [0.1593017578125, 78.84375, 0.8359375, 18.8515625, 18.6875];
  const power = value ** (1 / m2);
  const light = (Math.max(power - c1, 0) / (c2 - c3 * power)) ** (1 / m1);
  return (light * 10_000) / REFERENCE_WHITE;
}

/** Scene light to display light: the gamma applies to luminance, so channels mix. */
function hlgLight(rgb: Float64Array): void {
  const [a, b, c] = [0.17883277, 0.28466892, 0.55991073];
  for (let i = 0; i < 3; i++) {
    const value = rgb[i] as number;
    rgb[i] = value <= 0.5 ? value ** 2 / 3 : (Math.exp((value - c) / a) + b) / 12;
  }
  const luminance =
    0.2627 * (rgb[0] as number) + 0.678 * (rgb[1] as number) + 0.0593 * (rgb[2] as number);
  const gain = (HLG_PEAK / REFERENCE_WHITE) * luminance ** 0.2;
  for (let i = 0; i < 3; i++) rgb[i] = (rgb[i] as number) * gain;
}

const decodeSrgb = (value: number): number =>
  value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;

function encodeSrgb(light: number): number {
  if (!(light > 0)) return 0;
  if (light >= 1) return 1;
  return light <= 0.0031308 ? 12.92 * light : 1.055 * light ** (1 / 2.4) - 0.055;
}

/**
 * Converts pixels to 8-bit sRGB.
 *
 * @param pixels  interleaved, 8 or 16 bit; the first three channels are colour
 * @returns 8 bit, with the same channels; alpha is kept
 */
export function mapPixels(
  pixels: Uint8Array | Uint16Array,
  channels: number,
  signal: ColorSignal,
): Buffer {
  const map = colorMap(signal);
  const most = types.isUint16Array(pixels) ? 65_535 : 255;
  const out = Buffer.alloc(pixels.length);
  const rgb = new Float64Array(3);
  for (let at = 0; at + channels <= pixels.length; at += channels) {
    for (let i = 0; i < 3; i++) rgb[i] = (pixels[at + i] as number) / most;
    map(rgb);
    for (let i = 0; i < 3; i++) out[at + i] = Math.round((rgb[i] as number) * 255);
    for (let i = 3; i < channels; i++)
      out[at + i] = Math.round(((pixels[at + i] as number) / most) * 255);
  }
  return out;
}
