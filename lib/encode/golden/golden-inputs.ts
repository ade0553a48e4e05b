/**
 * The golden inputs: a few fixed texts, pictures, clips and sounds, generated here so that every machine
 * has the same bytes. A change invalidates every golden vector of that input: add, never edit.
 */
import { crc32, deflateSync } from 'node:zlib';
import type { VideoClip } from '../encoder';

/** By name, which is the key of the golden vector. */
export const GOLDEN_TEXTS: ReadonlyMap<string, string> = new Map([
  ['text-short', 'a red circle'],
  ['text-caption', 'a photo of two cats lying on a pink couch'],
  ['text-marks', 'Déjà vu: 3 blue squares, one (1) star & a heart?'],
]);

const WIDTH = 96;
const HEIGHT = 64;

type Draw = (x: number, y: number) => readonly [number, number, number];

const DRAWINGS: ReadonlyMap<string, Draw> = new Map<string, Draw>([
  // Smooth: tests colour order and scaling.
  ['image-gradient', (x, y) => [Math.floor((x * 255) / (WIDTH - 1)), y * 4, 255 - y * 4]],
  // Edges at positions that no resizing hides.
  ['image-disc', (x, y) => ((x - 40) ** 2 + (y - 30) ** 2 < 400 ? [220, 30, 30] : [240, 240, 240])],
  // Fine structure: tests the resize filter.
  ['image-checks', (x, y) => (((x >> 2) + (y >> 2)) % 2 === 0 ? [20, 60, 160] : [250, 220, 40])],
]);

/** PNG files by name, 96 x 64 pixels, RGB. */
export function goldenPictures(): ReadonlyMap<string, Uint8Array> {
  return new Map([...DRAWINGS].map(([name, draw]) => [name, png(draw)]));
}

/** Frames of the long clip: as many as published video models read. */
const CLIP_FRAMES = 16;

/** Clips by name, made of the pictures. */
export function goldenClips(): ReadonlyMap<string, VideoClip> {
  const pictures = [...goldenPictures().values()];
  const cycle = (frames: number): VideoClip =>
    Array.from({ length: frames }, (_, i) => pictures[i % pictures.length] as Uint8Array);
  return new Map([
    // Adjacent frames differ, and reversed it is another clip: tests the order.
    ['video-cycle', cycle(CLIP_FRAMES)],
    // Fewer frames than any model reads: tests the padding.
    ['video-short', cycle(pictures.length)],
  ]);
}

/**
 * Sounds by name: samples of -1 to 1, for 16,000 Hz; a model of another rate hears them at another speed.
 * Only whole numbers and powers of two, because sines differ between machines.
 */
export function goldenSounds(): ReadonlyMap<string, Float32Array> {
  const [hiss, rustle] = [makeNoise(), makeNoise()];
  return new Map([
    // Two seconds of a triangle that rises from 62 to 2,992 Hz, with a little noise.
    ['audio-chirp', sound(32_000, (i) => triangle(i) + hiss())],
    // Half a second with an offset: tests that the mean is removed where the model asks for it.
    ['audio-noise', sound(8_000, () => 4 * rustle() + 4096)],
  ]);
}

/** @param sample gives whole numbers from -32768 to 32767 */
function sound(length: number, sample: (i: number) => number): Float32Array {
  return Float32Array.from({ length }, (_, i) => sample(i) / 32_768);
}

/**
 * -16384 to 16383 at sample `i` of the chirp. A turn is 2^32: the phase advances by 2^24 first (62.5 Hz)
 * and by 24,576 more each time, so that all products stay below 2^53.
 */
function triangle(i: number): number {
  const phase = (i * 2 ** 24 + ((i * (i - 1)) / 2) * 24_576) % 2 ** 32;
  const turn = Math.floor(phase / 2 ** 16);
  return (turn < 32_768 ? turn : 65_535 - turn) - 16_384;
}

/** Pseudo-random whole numbers from -2048 to 2047, deterministic. Source: xorshift32, Marsaglia 2003. */
function makeNoise(): () => number {
  let state = 0x2545f491;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return state >> 20;
  };
}

/** Minimal PNG writer: one IDAT, no row filter. Decoders return exactly these pixels. */
function png(draw: Draw): Uint8Array {
  const rows = Buffer.alloc(HEIGHT * (1 + WIDTH * 3));
  for (let y = 0; y < HEIGHT; y++) {
    for (let x = 0; x < WIDTH; x++) rows.set(draw(x, y), y * (1 + WIDTH * 3) + 1 + x * 3);
  }
  const header = Buffer.alloc(13);
  header.writeUInt32BE(WIDTH, 0);
  header.writeUInt32BE(HEIGHT, 4);
  // 8 bits, RGB.
  header.set([8, 2, 0, 0, 0], 8);
  const signature = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
  const parts = [chunk('IHDR', header), chunk('IDAT', deflateSync(rows)), chunk('IEND')];
  return new Uint8Array(Buffer.concat([signature, ...parts]));
}

function chunk(type: string, data: Buffer = Buffer.alloc(0)): Buffer {
  const body = Buffer.concat([Buffer.from(type, 'latin1'), data]);
  const length = Buffer.alloc(4);
  length.writeUInt32BE(data.length);
  const sum = Buffer.alloc(4);
  sum.writeUInt32BE(crc32(body));
  return Buffer.concat([length, body, sum]);
}
