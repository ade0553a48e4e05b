/**
 * The colour map as a table for ffmpeg's `lut3d`: every ffmpeg has that filter, while zscale and libplacebo
 * depend on the build; and videos get exactly the function that pictures get.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { colorMap } from './map';
import type { ColorSignal } from './signal';

/** Points per axis: values in between are interpolated linearly, and the curve has a knee. */
const SIZE = 65;

let folder: string | undefined;
const written = new Map<string, string>();

/**
 * Writes the table of a signal once per process.
 *
 * @returns a private folder, gone when this process ends, and the file's name in it
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

/** In the format of .cube files: red changes fastest. */
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
