/** Drawn pictures in temporary folders, from a seed. */
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { randomScene, renderPicture } from '../../sample';

/** Printed by the tests that use it. */
export const MEDIA_SEED = 7;

/** Writes `count` different pictures `NAME-000.jpg`, ... and returns their names. */
export async function drawPictures(
  dir: string,
  count: number,
  name = 'picture',
): Promise<string[]> {
  mkdirSync(dir, { recursive: true });
  const names: string[] = [];
  for (let i = 0; i < count; i++) {
    const file = `${name}-${String(i).padStart(3, '0')}.jpg`;
    writeFileSync(path.join(dir, file), await drawing(i));
    names.push(file);
  }
  return names;
}

/** One drawn picture as JPEG bytes. */
export function drawing(number: number): Promise<Uint8Array> {
  return renderPicture(randomScene(MEDIA_SEED * 1_000_003 + number), 96);
}
