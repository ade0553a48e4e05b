/**
 * The evaluation of the built-in model: fixed pictures, queries and right answers, for the test and for
 * `evaluate.ts`. The caller encodes and searches.
 */
import sharp from 'sharp';
import {
  canonicalCaption,
  drawRaster,
  Random,
  randomScene,
  renderPicture,
  sizeOf,
  type Scene,
} from '../../sample';

export interface Examinee {
  /** Shape [pictures.length, dim], unit rows. */
  embedPictures(pictures: readonly Uint8Array[]): Promise<Float32Array>;
  embedTexts(texts: readonly string[]): Promise<Float32Array>;
  /** The k nearest rows to each query, best first, shape [queries, k]: a linear scan. */
  nearest(rows: Float32Array, queries: Float32Array, k: number): Promise<Uint32Array>;
}

export interface RecallReport {
  readonly pictures: number;
  /** Share of captions whose picture is first, and among the first ten. */
  readonly recallAt1: number;
  readonly recallAt10: number;
}

export interface StyleReport {
  readonly pictures: number;
  readonly queries: number;
  /** Queries whose first hit has the right colour and shape. */
  readonly hits: number;
  /** Each miss: the query and the first hit. */
  readonly misses: readonly string[];
}

const HELD_OUT_SEED = 910_000_000;
const STYLE_SEED = 920_000_000;

/** 1,000 scenes of combinations that training does not contain, each with its caption. */
export async function examineHeldOut(examinee: Examinee, total = 1000): Promise<RecallReport> {
  const scenes = Array.from({ length: total }, (_, i) =>
    randomScene(HELD_OUT_SEED + i, { split: 'held-out' }),
  );
  const rows = await embedAll(examinee, scenes, (scene) => renderPicture(scene, 240));
  const queries = await examinee.embedTexts(scenes.map(canonicalCaption));
  const found = await examinee.nearest(rows, queries, 10);
  let first = 0;
  let ten = 0;
  for (let i = 0; i < total; i++) {
    const place = found.subarray(i * 10, i * 10 + 10).indexOf(i);
    if (place === 0) first++;
    if (place >= 0) ten++;
  }
  return { pictures: total, recallAt1: first / total, recallAt10: ten / total };
}

/** 100 queries such as "a red circle" on 300 pictures of single items by the other renderer, with noise. */
export async function examineOtherStyle(examinee: Examinee): Promise<StyleReport> {
  const scenes = Array.from({ length: 300 }, (_, i) =>
    randomScene(STYLE_SEED + i, { groups: 1, count: 1 }),
  );
  const rows = await embedAll(examinee, scenes, otherStylePicture);
  const kinds = [...new Set(scenes.map(kindOf))].slice(0, 100);
  const queries = await examinee.embedTexts(kinds.map((kind) => `a ${kind}`));
  const found = await examinee.nearest(rows, queries, 1);
  const misses: string[] = [];
  kinds.forEach((kind, i) => {
    const got = kindOf(scenes[found[i] as number] as Scene);
    if (got !== kind) misses.push(`${kind}: ${got}`);
  });
  return {
    pictures: scenes.length,
    queries: kinds.length,
    hits: kinds.length - misses.length,
    misses,
  };
}

/** A JPEG of a scene by the other renderer, with noise and blur by its seed. */
export async function otherStylePicture(scene: Scene): Promise<Uint8Array> {
  const random = new Random(scene.seed ^ 0x0ddba11);
  const { width, height } = sizeOf(scene, 216);
  const noise = random.range(3, 14);
  const blur = random.pick([0, 1, 2]);
  const { data } = drawRaster(scene, width, height, { noise, blur });
  const quality = 45 + random.int(45);
  return sharp(data, { raw: { width, height, channels: 3 } })
    .jpeg({ quality })
    .toBuffer();
}

function kindOf(scene: Scene): string {
  return scene.groups.map((group) => `${group.colour} ${group.shape}`).join(' and ');
}

async function embedAll(
  examinee: Examinee,
  scenes: readonly Scene[],
  draw: (scene: Scene) => Promise<Uint8Array>,
): Promise<Float32Array> {
  const parts: Float32Array[] = [];
  const batch = 50;
  for (let start = 0; start < scenes.length; start += batch) {
    const pictures: Uint8Array[] = [];
    for (const scene of scenes.slice(start, start + batch)) pictures.push(await draw(scene));
    parts.push(await examinee.embedPictures(pictures));
  }
  const all = new Float32Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}
