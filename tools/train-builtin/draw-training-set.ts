/**
 * Draws one shard of the training set for the built-in model.
 *
 * node dist/tools/train-builtin/draw-training-set.js --out DIR --shard K --scenes N --split train
 *
 * Writes into DIR/shard-K:
 *   pictures.u8   N * 64 * 64 * 3 bytes RGB
 *   scenes.i8     N * 22: three groups of (colour, shape, pattern, size, count, column, row) as indices
 *                 of the vocabulary's lists, -2 for no group; then background
 *   cells.u8      N * 64: for each cell of an 8 x 8 grid, 0 or 1 + the group of the item centred there
 *   captions.txt  N * 9 lines: the canonical caption, 4 full ones, 4 short ones
 *   claims.i8     N * 9 * 22: the claim of each caption, -1 for nothing claimed
 * Scenes 2i and 2i + 1 are siblings: they differ in one respect.
 */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import sharp from 'sharp';
import * as scenes from '../../sample';

const SIDE = 64;
const VARIANTS = 4;
const CAPTIONS = 1 + 2 * VARIANTS;
const CLAIM_WIDTH = 22;

function indexOf<T>(list: readonly T[], value: T | undefined, absent: number): number {
  return value === undefined ? absent : list.indexOf(value);
}

function claimNumbers(claim: scenes.Claim, missingGroup: number): number[] {
  const numbers: number[] = [];
  for (let i = 0; i < 3; i++) {
    const group = claim.groups[i];
    const absent = group === undefined ? missingGroup : -1;
    numbers.push(
      indexOf(scenes.COLOURS, group?.colour, absent),
      indexOf(scenes.SHAPES, group?.shape, absent),
      indexOf(scenes.PATTERNS, group?.pattern, absent),
      indexOf(scenes.SIZES, group?.size, absent),
      indexOf(scenes.COUNTS, group?.count, absent),
      indexOf(scenes.COLUMNS, group?.column, absent),
      indexOf(scenes.ROWS, group?.row, absent),
    );
  }
  numbers.push(indexOf(scenes.BACKGROUNDS, claim.background, -1));
  return numbers;
}

function cellNumbers(scene: scenes.Scene): Uint8Array {
  const cells = new Uint8Array(64);
  scene.groups.forEach((group, index) => {
    for (const item of group.items) {
      const column = Math.min(7, Math.floor(item.x * 8));
      const row = Math.min(7, Math.floor(item.y * 8));
      cells[row * 8 + column] = index + 1;
    }
  });
  return cells;
}

/** 64 x 64 pixels, preprocessed as by the product, with varied resizing and compression. */
async function draw(random: scenes.Random, scene: scenes.Scene): Promise<Uint8Array> {
  const side = random.pick([96, 128, 160]);
  const { width, height } = scenes.sizeOf(scene, side);
  let source: Uint8Array = Buffer.from(scenes.drawSvg(scene, width, height));
  if (random.chance(0.3)) {
    const quality = 30 + random.int(60);
    source = await sharp(source).flatten({ background: '#000' }).jpeg({ quality }).toBuffer();
  }
  const kernel = random.weighted([['cubic', 6], ['mitchell', 1], ['lanczos3', 2], ['linear', 1]] as const); // prettier-ignore
  return sharp(source)
    .flatten({ background: '#000' })
    .resize(SIDE, SIDE, { fit: 'fill', kernel })
    .removeAlpha()
    .toColourspace('srgb')
    .raw()
    .toBuffer();
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      out: { type: 'string' },
      shard: { type: 'string', default: '0' },
      scenes: { type: 'string', default: '1000' },
      split: { type: 'string', default: 'train' },
    },
  });
  const { out, split } = values;
  if (out === undefined || (split !== 'train' && split !== 'held-out')) {
    throw new Error('usage: --out DIR [--shard K] [--scenes N] [--split train|held-out]');
  }
  sharp.concurrency(1);
  const total = Number(values.scenes);
  const shard = Number(values.shard);
  const pictures = new Uint8Array(total * SIDE * SIDE * 3);
  const labels = new Int8Array(total * CLAIM_WIDTH);
  const cells = new Uint8Array(total * 64);
  const claims = new Int8Array(total * CAPTIONS * CLAIM_WIDTH);
  const captions: string[] = [];
  const random = new scenes.Random(scenes.hashText(`${split} ${shard}`));
  let previous: scenes.Scene | null = null;
  for (let i = 0; i < total; i++) {
    const seed = random.int(2 ** 32);
    const scene: scenes.Scene =
      previous === null
        ? scenes.randomScene(seed, { split })
        : scenes.siblingScene(seed, previous, split);
    previous = previous === null && split === 'train' ? scene : null;
    pictures.set(await draw(random, scene), i * SIDE * SIDE * 3);
    const everything = { groups: scene.groups, background: scene.background };
    labels.set(claimNumbers(everything, -2), i * CLAIM_WIDTH);
    cells.set(cellNumbers(scene), i * 64);
    const said: scenes.Caption[] = [{ text: scenes.canonicalCaption(scene), claim: everything }];
    for (let v = 0; v < VARIANTS; v++) said.push(scenes.fullCaption(random.int(2 ** 32), scene));
    for (let v = 0; v < VARIANTS; v++) said.push(scenes.partialCaption(random.int(2 ** 32), scene));
    said.forEach((caption, c) => {
      captions.push(caption.text);
      claims.set(claimNumbers(caption.claim, -1), (i * CAPTIONS + c) * CLAIM_WIDTH);
    });
  }
  const folder = join(out, `shard-${String(shard).padStart(3, '0')}`);
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'pictures.u8'), pictures);
  writeFileSync(join(folder, 'scenes.i8'), new Uint8Array(labels.buffer));
  writeFileSync(join(folder, 'cells.u8'), cells);
  writeFileSync(join(folder, 'claims.i8'), new Uint8Array(claims.buffer));
  writeFileSync(join(folder, 'captions.txt'), `${captions.join('\n')}\n`);
}

void main();
