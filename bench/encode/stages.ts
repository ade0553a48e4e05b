/** Measures stages: decode, prepare, and a text in process, computed and cached. */
import { openClip } from '../../lib/encode';
import { decodeRgb } from '../../lib/encode/preprocess/decode-rgb';
import type { PreprocessSpec } from '../../lib/encode/preprocess/preprocess';
import { normalizeTable, preprocessInto } from '../../lib/encode/preprocess/preprocess';
import { openEmbeddingService } from '../../lib/service';
import { median } from './trials';

/** Preprocessing of the published CLIP models. */
const CLIP_SPEC: PreprocessSpec = {
  size: 224,
  shortestEdge: 224,
  resizeTo: undefined,
  filter: 'bicubic',
  rescale: 1 / 255,
  mean: [0.48145466, 0.4578275, 0.40821073],
  std: [0.26862954, 0.26130258, 0.27577711],
};

/** Milliseconds per item: median over rounds of the mean over `items`. */
async function msEach<T>(
  rounds: number,
  items: readonly T[],
  work: (item: T) => unknown,
): Promise<number> {
  const seen: number[] = [];
  for (let round = -1; round < rounds; round++) {
    const started = performance.now();
    for (const item of items) await work(item);
    if (round >= 0) seen.push((performance.now() - started) / items.length);
  }
  return median(seen);
}

export interface Stages {
  readonly decodeMs: number;
  /** Resize, crop and normalize to 224 x 224, on one core, without decoding. */
  readonly prepareMs: number;
  readonly textMs: number;
  readonly cachedTextMs: number;
}

export async function measureStages(
  pictures: readonly Buffer[],
  rounds: number,
  model: string,
): Promise<Stages> {
  const decodeMs = await msEach(rounds, pictures, decodeRgb);
  const decoded = await Promise.all(pictures.map((bytes) => decodeRgb(bytes)));
  const table = normalizeTable(CLIP_SPEC);
  const pixels = new Float32Array(3 * 224 * 224);
  // Synchronous: awaiting each would add overhead.
  const many = Array.from({ length: 20 }, () => decoded).flat();
  const prepareMs = await msEach(rounds, [many], () => {
    for (const image of many) preprocessInto(image, CLIP_SPEC, table, pixels, 0);
  });
  const clip = await openClip(model);
  const service = await openEmbeddingService({ clip, cache: 'memory' });
  const words = Array.from({ length: 200 }, (_, i) => `a red circle and ${i} green squares`);
  await clip.text.warm();
  const textMs = await msEach(rounds, words, (text) => clip.text.encode([text]));
  const cachedTextMs = await msEach(rounds, words, (text) => service.getInstructionEmbedding(text));
  await service.cleanup();
  await clip.close();
  return { decodeMs, prepareMs: prepareMs / many.length, textMs, cachedTextMs };
}
