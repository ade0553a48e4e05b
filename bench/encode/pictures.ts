/** Seeded JPEG pictures of waves and noise. */
import sharp from 'sharp';

export const SEED = 17;
export const WIDTH = 512;
export const HEIGHT = 384;

let state = SEED;

function random(): number {
  state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
  return state / 2 ** 32;
}

async function makePicture(): Promise<Buffer> {
  const [fx, fy, phase] = [random() * 0.05, random() * 0.05, random() * 6];
  const data = new Uint8Array(WIDTH * HEIGHT * 3);
  for (let i = 0; i < data.length; i++) {
    const pixel = Math.floor(i / 3);
    const wave = Math.sin((pixel % WIDTH) * fx + Math.floor(pixel / WIDTH) * fy + phase + (i % 3));
    data[i] = 128 + 90 * wave + 30 * random();
  }
  const raw = { width: WIDTH, height: HEIGHT, channels: 3 } as const;
  return sharp(data, { raw }).jpeg({ quality: 90 }).toBuffer();
}

/** `count` pictures of which `distinct` differ. */
export async function makePictures(count: number, distinct = 20): Promise<Buffer[]> {
  const made: Buffer[] = [];
  for (let n = 0; n < Math.min(count, distinct); n++) made.push(await makePicture());
  return Array.from({ length: count }, (_, i) => made[i % made.length] as Buffer);
}
