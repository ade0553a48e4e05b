/** The CLIP of a few kilobytes in test/golden/models, what it must answer, and copies to damage. */
import { cpSync, readFileSync } from 'node:fs';
import path from 'node:path';
import * as assert from 'uvu/assert';
import { makeTempDir } from './temp';

const models = path.resolve(__dirname, '../../../test/golden/models');
export const TINY_CLIP = path.join(models, 'tiny-clip');
export const TINY_CLIP_EXTERNAL = path.join(models, 'tiny-clip-external');
export const TINY_DIM = 8;

interface Expected {
  pictures: { png: string; vector: number[] }[];
  texts: { text: string; ids: number[]; vector: number[] }[];
}
const expected = JSON.parse(
  readFileSync(path.join(TINY_CLIP, 'expected.json'), 'utf8'),
) as Expected;

export const pictures = expected.pictures.map((item) => ({
  bytes: new Uint8Array(Buffer.from(item.png, 'base64')),
  vector: item.vector,
}));
export const texts = expected.texts;

/** Row `index` of `vectors` is `vector`, to the precision of float32 sums. */
export function assertRow(vectors: Float32Array, index: number, vector: readonly number[]): void {
  vector.forEach((value, i) => {
    const difference = Math.abs((vectors[index * TINY_DIM + i] as number) - value);
    assert.ok(difference < 1e-6, `row ${index} value ${i} is off by ${difference}`);
  });
}

/** A copy of the model in a temporary folder. */
export function copyTinyClip(): string {
  const folder = path.join(makeTempDir('model'), 'tiny-clip');
  cpSync(TINY_CLIP, folder, { recursive: true });
  return folder;
}
