// Draws pictures for the other examples, so that they need no photos: a few shapes on a background.
import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import sharp from 'sharp';
import { randomOf } from './random.mjs';

const COLORS = ['red', 'green', 'blue', 'yellow', 'purple', 'orange', 'black', 'white'];
const SHAPES = {
  circle: (x, y, r) => `<circle cx="${x}" cy="${y}" r="${r}"`,
  square: (x, y, r) => `<rect x="${x - r}" y="${y - r}" width="${2 * r}" height="${2 * r}"`,
  triangle: (x, y, r) => `<polygon points="${x},${y - r} ${x - r},${y + r} ${x + r},${y + r}"`,
};

/** An SVG, and what it shows. */
export function drawScene(seed, size = 320) {
  const random = randomOf(seed);
  const pick = (values) => values[Math.floor(random() * values.length)];
  const background = pick(COLORS);
  const shapes = Array.from({ length: 1 + Math.floor(random() * 3) }, () => {
    const color = pick(COLORS.filter((one) => one !== background));
    const shape = pick(Object.keys(SHAPES));
    const radius = size * (0.1 + 0.15 * random());
    const place = () => radius + random() * (size - 2 * radius);
    return { caption: `${color} ${shape}`, svg: SHAPES[shape](place(), place(), radius), color };
  });
  const drawn = shapes.map(({ svg, color }) => `${svg} fill="${color}"/>`).join('');
  return {
    svg: `<svg xmlns="http://www.w3.org/2000/svg" width="${size}" height="${size}">
      <rect width="${size}" height="${size}" fill="${background}"/>${drawn}</svg>`,
    caption: `${shapes.map(({ caption }) => caption).join(', ')} on ${background}`,
  };
}

/** Fills a folder with `count` pictures. */
export async function drawPictures(folder, count, firstSeed = 1) {
  await mkdir(folder, { recursive: true });
  for (let i = 0; i < count; i++) {
    const { svg } = drawScene(firstSeed + i);
    const name = `picture-${String(i).padStart(3, '0')}.png`;
    await writeFile(path.join(folder, name), await sharp(Buffer.from(svg)).png().toBuffer());
  }
}
