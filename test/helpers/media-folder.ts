/** Real media in temporary folders: drawn pictures and a short film, both from a seed. */
import { spawnSync } from 'node:child_process';
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

/** Makes a real H.264 film with a moving pattern; false where there is no ffmpeg. */
export function makeFilm(file: string, seconds = 3): boolean {
  const ffmpeg = process.env.SIGHTLINE_FFMPEG ?? process.env.FFMPEG_PATH ?? 'ffmpeg';
  const source = `testsrc=duration=${seconds}:size=160x120:rate=10`;
  const args = ['-v', 'error', '-f', 'lavfi', '-i', source, '-pix_fmt', 'yuv420p', '-y', file];
  return spawnSync(ffmpeg, args, { stdio: 'ignore' }).status === 0;
}
