/**
 * The colour map as a table for ffmpeg's `lut3d`, which every build has, unlike zscale and libplacebo; so
 * videos and pictures use the same function.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { colorMap } from './map';
import type { ColorSignal } from './signal';

/** Points per axis; values in between are interpolated linearly. */
const SIZE = 65;

let folder: string | undefined;
const written = new Map<string, string>();

/**
 * Writes the table of a signal once per process.
 *
 * @returns a private folder, removed when this process ends, and the file's name
 */
export function cubeFile(signal: ColorSignal): { dir: string; name: string } {
  if (folder === undefined) {
    const made = mkdtempSync(path.join(tmpdir(), 'sightline-color-'));
    folder = made;
    process.on('exit', () => rmSync(made, { recursive: true, force: true }));
  }
  const name = `${signal.primaries}-${signal.transfer}.cube`;
  if (!written.has(name)) {
    writeFileSync(path.join(folder, name), cubeText(signal));
    written.set(name, name);
  }
  return { dir: folder, name };
}

/** The .cube format: red changes fastest. */
export function cubeText(signal: ColorSignal): string {
  const map = colorMap(signal);
  const rgb = new Float64Array(3);
  const lines = [`LUT_3D_SIZE ${SIZE}`];
  for (let b = 0; b < SIZE; b++)
    for (let g = 0; g < SIZE; g++)
      for (let r = 0; r < SIZE; r++) {
        rgb.set([r / (SIZE - 1), g / (SIZE - 1), b / (SIZE - 1)]);
        map(rgb);
        lines.push(Array.from(rgb, (value) => value.toFixed(5)).join(' '));
      }
  return `${lines.join('\n')}\n`;
}
