/** Pictures that have what tells photographs from drawn ones. */
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import sharp from 'sharp';

/** Light that falls off, and the noise of a sensor. */
export async function writeNoisy(file: string, seed: number): Promise<void> {
  const side = 128;
  const pixels = Buffer.alloc(side * side * 3);
  let state = seed + 1;
  for (let i = 0; i < pixels.length; i++) {
    state = (state * 1_103_515_245 + 12_345) % 2_147_483_648;
    const x = (i / 3) % side;
    pixels[i] = 40 + x + (seed % 30) + ((state >> 16) % 60);
  }
  mkdirSync(path.dirname(file), { recursive: true });
  writeFileSync(
    file,
    await sharp(pixels, { raw: { width: side, height: side, channels: 3 } })
      .jpeg()
      .toBuffer(),
  );
}
