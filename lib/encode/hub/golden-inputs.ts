/**
 * The golden inputs: a few texts and pictures that never change, made here so that every machine has
 * the same bytes. Changing one of them makes every golden vector of it worthless: add, never edit.
 */
import { crc32, deflateSync } from 'node:zlib';

/** By name; the names are the keys of golden vectors. */
export const GOLDEN_TEXTS: ReadonlyMap<string, string> = new Map([
  ['text-short', 'a red circle'],
  ['text-caption', 'a photo of two cats lying on a pink couch'],
  ['text-marks', 'Déjà vu: 3 blue squares, one (1) star & a heart?'],
]);

const WIDTH = 96;
const HEIGHT = 64;

type Draw = (x: number, y: number) => readonly [number, number, number];

const DRAWINGS: ReadonlyMap<string, Draw> = new Map<string, Draw>([
  // Smooth: says whether colour order and scaling are right.
  ['image-gradient', (x, y) => [Math.floor((x * 255) / (WIDTH - 1)), y * 4, 255 - y * 4]],
  // Edges at places that no resizing hides.
  ['image-disc', (x, y) => ((x - 40) ** 2 + (y - 30) ** 2 < 400 ? [220, 30, 30] : [240, 240, 240])],
  // Fine structure: says whether the resize filter is right.
  ['image-checks', (x, y) => (((x >> 2) + (y >> 2)) % 2 === 0 ? [20, 60, 160] : [250, 220, 40])],
]);

/** PNG files by name, 96 x 64 pixels, RGB. */
export function goldenPictures(): ReadonlyMap<string, Uint8Array> {
  return new Map([...DRAWINGS].map(([name, draw]) => [name, png(draw)]));
}

/** The smallest PNG writer: one IDAT, no row filter. Decoders return exactly these pixels. */
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
