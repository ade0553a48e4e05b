/** Our tensors against Pillow's, from committed fixtures and, where Python is at hand, live. */
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { gunzipSync } from 'node:zlib';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { decodeRgb } from '../../lib/encode/preprocess/decode-rgb';
import {
  normalizeTable,
  preprocessInto,
  resizeAndCrop,
  type PreprocessSpec,
  type RgbImage,
} from '../../lib/encode/preprocess/preprocess';
import { sharedData } from '../helpers/shared-data';
import { skip } from '../helpers/skip';

const folder = path.resolve(__dirname, '../../../test/golden/preprocess');

interface Case {
  source: string;
  size: number;
  mode: 'crop' | 'stretch';
  filter: 'bicubic' | 'bilinear';
  expected: string;
  tensorAt: number[];
  tensor: number[];
}
interface Golden {
  pillow: string;
  mean: [number, number, number];
  std: [number, number, number];
  cases: Case[];
}
const golden = JSON.parse(readFileSync(path.join(folder, 'cases.json'), 'utf8')) as Golden;

function specOf(size: number, mode: string, filter: Case['filter'] = 'bicubic'): PreprocessSpec {
  return {
    size,
    shortestEdge: mode === 'crop' ? size : undefined,
    resizeTo: mode === 'crop' ? undefined : { width: size, height: size },
    filter,
    rescale: 1 / 255,
    mean: golden.mean,
    std: golden.std,
  };
}

function compare(ours: Uint8Array, theirs: Uint8Array): { max: number; mean: number } {
  assert.is(ours.length, theirs.length);
  let max = 0;
  let sum = 0;
  for (let i = 0; i < ours.length; i++) {
    const difference = Math.abs((ours[i] as number) - (theirs[i] as number));
    max = Math.max(max, difference);
    sum += difference;
  }
  return { max, mean: sum / ours.length };
}

test(`the resized pictures equal those of Pillow ${golden.pillow} in every byte`, async () => {
  let worst = 0;
  for (const item of golden.cases) {
    const image = await decodeRgb(readFileSync(path.join(folder, item.source)));
    const expected = gunzipSync(readFileSync(path.join(folder, item.expected)));
    const { max, mean } = compare(
      resizeAndCrop(image, specOf(item.size, item.mode, item.filter)),
      expected,
    );
    assert.is(max, 0, `${item.expected}: largest difference ${max}/255, mean ${mean}/255`);
    worst = Math.max(worst, max);
  }
  assert.ok(golden.cases.length >= 15);
  console.log(`${golden.cases.length} cases, largest difference ${worst}/255`);
});

test('the normalised tensors equal numpy to float precision', async () => {
  for (const item of golden.cases) {
    const image = await decodeRgb(readFileSync(path.join(folder, item.source)));
    const spec = specOf(item.size, item.mode, item.filter);
    const out = new Float32Array(3 * item.size * item.size + 2).fill(-99);
    preprocessInto(image, spec, normalizeTable(spec), out, 1);
    item.tensorAt.forEach((at, i) => {
      const difference = Math.abs((out[at + 1] as number) - (item.tensor[i] as number));
      assert.ok(difference < 1e-6, `${item.expected} [${at}]: off by ${difference}`);
    });
    assert.is(out[0], -99, 'nothing is written before the offset');
    assert.is(out[out.length - 1], -99, 'nothing is written behind the tensor');
  }
});

/** Decodes with Pillow and resizes with it: [width, height] as two int32, RGB bytes, 224x224 bytes. */
const LIVE = `
import struct, sys
from PIL import Image
import numpy as np
image = Image.open(sys.argv[1]).convert('RGB')
w, h = image.size
short, long = min(w, h), max(w, h)
n = int(224 * long / short)
size = (224, n) if w <= h else (n, 224)
out = np.asarray(image.resize(size, Image.BICUBIC))
top, left = (size[1] - 224) // 2, (size[0] - 224) // 2
sys.stdout.buffer.write(struct.pack('<ii', w, h) + image.tobytes())
sys.stdout.buffer.write(out[top:top + 224, left:left + 224].tobytes())
`;

function hasPillow(): boolean {
  try {
    execFileSync('/usr/bin/python3', ['-c', 'import PIL, numpy'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

test('all sample photos equal a live Pillow, given the same pixels and given the same file', async () => {
  const photos = sharedData('media', 'photos');
  if (photos === undefined) return skip('no shared media');
  if (!hasPillow()) return skip('no Pillow for /usr/bin/python3');
  const spec = specOf(224, 'crop');
  let worst = 0;
  let compared = 0;
  let wideGamut = 0;
  for (const name of readdirSync(photos)) {
    const file = path.join(photos, name);
    const bytes = readFileSync(file);
    const raw = execFileSync('/usr/bin/python3', ['-c', LIVE, file], { maxBuffer: 1 << 27 });
    const width = raw.readInt32LE(0);
    const height = raw.readInt32LE(4);
    const expected = raw.subarray(8 + width * height * 3);
    const same: RgbImage = { data: raw.subarray(8, 8 + width * height * 3), width, height };
    const resized = compare(resizeAndCrop(same, spec), expected);
    assert.is(resized.max, 0, `${name}: resize differs by up to ${resized.max}/255`);
    compared++;
    // Pillow ignores colour profiles, we convert to sRGB: such files look right only here.
    if (bytes.includes('Adobe RGB (1998)')) {
      wideGamut++;
      continue;
    }
    const whole = compare(resizeAndCrop(await decodeRgb(bytes), spec), expected);
    worst = Math.max(worst, whole.max);
    // Two JPEG decoders of other versions may round a level apart; here they agree exactly.
    assert.ok(whole.max <= 2, `${name}: file to tensor differs by ${whole.max}/255`);
  }
  console.log(
    `${compared} photos: resize exact; from the file itself at most ${worst}/255 ` +
      `(${wideGamut} with an Adobe RGB profile left out of the second figure)`,
  );
  assert.ok(compared > 20 && wideGamut < 10);
});

test.run();
