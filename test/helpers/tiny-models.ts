/**
 * The tiny sentence, SigLIP, video and audio models of test/golden/models, what they must answer, and
 * the formulas of their inputs, which tools/make-tiny-encoders.py has as well.
 */
import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import sharp from 'sharp';
import * as assert from 'uvu/assert';
import { makeTempDir } from './temp';

const models = path.resolve(__dirname, '../../../test/golden/models');
export const DIM = 8;
const SIDE = 16;

export const MINILM = path.join(models, 'tiny-minilm');
export const SIGLIP = path.join(models, 'tiny-siglip');
export const VIDEOMAE = path.join(models, 'tiny-videomae');
export const WAV2VEC2 = path.join(models, 'tiny-wav2vec2');
export const CLIP_SINGLE = path.join(models, 'tiny-clip-single');

interface ExpectedText {
  readonly text: string;
  readonly ids: number[];
  readonly vector: number[];
}
const expectedOf = <T>(folder: string): T =>
  JSON.parse(readFileSync(path.join(folder, 'expected.json'), 'utf8')) as T;

export const minilm = expectedOf<{
  texts: ExpectedText[];
  twoPart: { item: Record<string, string>; vector: number[] };
}>(MINILM);
export const siglip = expectedOf<{
  texts: ExpectedText[];
  pictures: { seed: number; vector: number[] }[];
}>(SIGLIP);
export const videomae = expectedOf<{
  clips: { seed: number; frames: number; vector: number[] }[];
}>(VIDEOMAE);
export const wav2vec2 = expectedOf<{
  minSamples: number;
  sounds: { seed: number; samples: number; vector: number[] }[];
  silence: { samples: number; vector: number[] };
}>(WAV2VEC2);

/** A picture by formula, as lossless PNG. */
export async function formulaPicture(seed: number, frame = 0): Promise<Uint8Array> {
  const pixels = Buffer.alloc(SIDE * SIDE * 3);
  for (let y = 0; y < SIDE; y++)
    for (let x = 0; x < SIDE; x++)
      for (let c = 0; c < 3; c++) {
        const value = x * 7 + y * 13 + c * 29 + frame * 31 + seed * 17 + ((x * y) % 11);
        pixels[(y * SIDE + x) * 3 + c] = value % 256;
      }
  return sharp(pixels, { raw: { width: SIDE, height: SIDE, channels: 3 } })
    .png()
    .toBuffer();
}

export function formulaClip(seed: number, frames: number): Promise<Uint8Array[]> {
  return Promise.all(Array.from({ length: frames }, (_, frame) => formulaPicture(seed, frame)));
}

export function formulaSound(seed: number, samples: number): Float32Array {
  return Float32Array.from(
    { length: samples },
    (_, i) => (((i * i * 31 + i * (17 + seed)) % 2001) - 1000) / 1000,
  );
}

/** Row `index` of `vectors` is `vector` to 1e-5, and of unit length to the precision of float32. */
export function assertUnitRow(
  vectors: Float32Array,
  index: number,
  vector: readonly number[],
  name = '',
): void {
  const row = vectors.subarray(index * vector.length, (index + 1) * vector.length);
  assert.is(row.length, vector.length, `${name}: row ${index} is there`);
  vector.forEach((value, i) => {
    const difference = Math.abs((row[i] as number) - value);
    // Written so that NaN fails too.
    assert.ok(difference < 1e-5, `${name}: row ${index} value ${i} is off by ${difference}`);
  });
  const squares = row.reduce((sum, value) => sum + value * value, 0);
  assert.ok(Math.abs(squares - 1) < 1e-5, `${name}: row ${index} is of unit length`);
}

/** Rows of one call are those of other calls to 1e-6: the batch did not change them. */
export function assertSameRows(a: Float32Array, b: Float32Array, name = ''): void {
  assert.is(a.length, b.length, name);
  a.forEach((value, i) => {
    const difference = Math.abs(value - (b[i] as number));
    assert.ok(difference < 1e-6, `${name}: value ${i} differs by ${difference}`);
  });
}

/** A copy of a model in a temporary folder. */
export function copyModel(folder: string): string {
  const copy = path.join(makeTempDir('model'), path.basename(folder));
  cpSync(folder, copy, { recursive: true });
  return copy;
}

/** Changes fields of a JSON file of a copy; undefined removes one. */
export function editJson(folder: string, file: string, fields: Record<string, unknown>): void {
  const full = path.join(folder, file);
  const value = JSON.parse(readFileSync(full, 'utf8')) as Record<string, unknown>;
  writeFileSync(full, JSON.stringify({ ...value, ...fields }));
}

/** `value`, or a failure that says what is missing. */
export function present<T>(value: T | undefined, what: string): T {
  assert.ok(value !== undefined, `${what} is there`);
  return value as T;
}
