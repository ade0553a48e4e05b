/**
 * Determines which inputs of a graph are fed and which output is the embedding. Pure; runs twice: when a
 * model is opened, from its file, so that a wrong export is refused before loading; and in the worker, from
 * the runtime.
 *
 * Exports differ in what they keep. Names are those of the Hugging Face exporters (Optimum,
 * transformers.js); what is pooled and how:
 *
 * | family     | output taken, first that is there                    | pooling                              |
 * | ---------- | ---------------------------------------------------- | ------------------------------------ |
 * | `clip`     | `image_embeds`, `text_embeds`                        | none: projected (arXiv:2103.00020)   |
 * | `siglip`   | the same, else `pooler_output`                       | none: its head pools (2303.15343)    |
 * | `sentence` | `last_hidden_state`, `token_embeddings`              | masked mean (1908.10084), or by file |
 * | `videomae` | `last_hidden_state`                                  | position 0 (spec 001)                |
 * | `wav2vec2` | `last_hidden_state`                                  | mean over time (spec 001)            |
 */
import { MAX_DIM } from '../base/limits';
import { makeError } from '../base/errors';
import type { Signature, TensorInfo } from '../models/onnx/onnx-signature';

export type Modality = 'image' | 'text' | 'video' | 'audio';
export type Family = 'clip' | 'siglip' | 'sentence' | 'videomae' | 'wav2vec2';
/** Pools [n, positions, dim] to [n, dim]: `mean` over the unmasked positions, `first` position. */
export type Pooling = 'none' | 'mean' | 'first';

export interface TowerWant {
  readonly modality: Modality;
  readonly family: Family;
  /** For messages. */
  readonly file: string;
  /** Pixels a side of pictures and frames. */
  readonly size?: number;
  /** Frames of a clip. */
  readonly frames?: number;
  /** Longest text in tokens. */
  readonly maxTokens?: number;
  /** How token states are pooled, where the model's files say so. */
  readonly pooling?: Pooling;
  /** Length of the embedding from the configuration, or from the first reading. */
  readonly dim?: number;
}

export interface TowerIo {
  readonly main: TensorInfo;
  /** `attention_mask` and the like, of the same shape as `main`. */
  readonly others: readonly TensorInfo[];
  /** Inputs of the other tower, in exports with both in one graph: fed one empty item. */
  readonly dummies: readonly TensorInfo[];
  readonly output: string;
  readonly pooling: Pooling;
  /** Length of the embedding. */
  readonly dim: number;
  /** Batch size fixed by the graph, 1 or undefined. */
  readonly fixedBatch: number | undefined;
  /** Second dimension of `main` fixed by the graph: tokens of a text, samples of a sound. */
  readonly fixedLength: number | undefined;
}

interface Rule {
  readonly main: string;
  readonly others: readonly string[];
  /** Inputs of the other tower. */
  readonly dummies: readonly string[];
  readonly outputs: readonly (readonly [name: string, pooling: Pooling])[];
}

const TEXT_INPUTS = ['input_ids', 'attention_mask'];
const image = (...outputs: string[]): Rule => ({
  main: 'pixel_values',
  others: [],
  dummies: TEXT_INPUTS,
  outputs: outputs.map((name) => [name, 'none'] as const),
});
const text = (...outputs: string[]): Rule => ({
  main: 'input_ids',
  others: ['attention_mask'],
  dummies: ['pixel_values'],
  outputs: outputs.map((name) => [name, 'none'] as const),
});

const RULES: Readonly<Record<string, Rule>> = {
  'clip image': image('image_embeds'),
  'clip text': text('text_embeds'),
  'siglip image': image('image_embeds', 'pooler_output'),
  'siglip text': text('text_embeds', 'pooler_output'),
  'sentence text': {
    main: 'input_ids',
    others: ['attention_mask', 'token_type_ids'],
    dummies: [],
    outputs: [
      ['last_hidden_state', 'mean'],
      ['token_embeddings', 'mean'],
      // Pooled by the exporter: used if the states were not exported.
      ['sentence_embedding', 'none'],
    ],
  },
  // VideoMAE has no CLS token: position 0 is the first patch of the first two frames, mixed with all others
  // by attention. Spec 001 calls it CLS and uses it, so we do too.
  'videomae video': {
    main: 'pixel_values',
    others: [],
    dummies: [],
    outputs: [['last_hidden_state', 'first']],
  },
  'wav2vec2 audio': {
    main: 'input_values',
    others: ['attention_mask'],
    dummies: [],
    outputs: [['last_hidden_state', 'mean']],
  },
};

/** Largest supported vector. */

/** @throws ERR_MODEL_INVALID with the actual and the expected inputs or outputs */
export function fitTower({ inputs, outputs }: Signature, want: TowerWant): TowerIo {
  const rule = RULES[`${want.family} ${want.modality}`];
  if (rule === undefined) throw makeError('ERR_INTERNAL', `no rule for ${want.family}`);
  const main = inputs.find(({ name }) => name === rule.main);
  const known = [rule.main, ...rule.others, ...rule.dummies];
  if (main === undefined || inputs.some(({ name }) => !known.includes(name))) {
    const expected = [rule.main, ...rule.others].join(', ');
    throw invalid(want, `inputs are ${namesOf(inputs)}, expected ${expected}`);
  }
  const isText = want.modality === 'text';
  requireType(want, main, isText ? ['int64', 'int32'] : ['float32']);
  const named = (names: readonly string[]): TensorInfo[] =>
    inputs.filter(({ name }) => names.includes(name));
  const others = named(rule.others);
  const dummies = named(rule.dummies);
  for (const input of [...others, ...dummies]) {
    requireType(want, input, input.name === 'pixel_values' ? ['float32'] : ['int64', 'int32']);
  }
  return { main, others, dummies, ...fixedSizes(want, main), ...takeOutput(want, rule, outputs) };
}

function fixedSizes(
  want: TowerWant,
  main: TensorInfo,
): Pick<TowerIo, 'fixedBatch' | 'fixedLength'> {
  const { size = 0, frames = 0 } = want;
  const expected = {
    image: ['n', 3, size, size],
    video: ['n', frames, 3, size, size],
    text: ['n', 'length'],
    audio: ['n', 'samples'],
  }[want.modality];
  const shape = main.shape ?? expected;
  if (!fits(shape, expected)) {
    throw invalid(want, `${main.name} is ${show(shape)}, expected ${show(expected)}`);
  }
  const numberAt = (i: number): number | undefined =>
    typeof shape[i] === 'number' ? shape[i] : undefined;
  const fixedBatch = numberAt(0);
  const hasLength = want.modality === 'text' || want.modality === 'audio';
  const fixedLength = hasLength ? numberAt(1) : undefined;
  const isShort = want.modality === 'text' && (fixedLength ?? Infinity) < (want.maxTokens ?? 0);
  if (isShort || (fixedBatch ?? 1) !== 1) {
    throw invalid(want, `${main.name} is ${show(shape)}, which cannot hold any text or batch`);
  }
  return { fixedBatch, fixedLength };
}

function takeOutput(
  want: TowerWant,
  rule: Rule,
  outputs: readonly TensorInfo[],
): Pick<TowerIo, 'output' | 'pooling' | 'dim'> {
  const { name, pooling } = chooseOutput(want, rule, outputs);
  const { shape, type } = outputs.find((output) => output.name === name) as TensorInfo;
  const expected = [...(pooling === 'none' ? ['n'] : ['n', 'positions']), want.dim ?? 'dim'];
  const isRight = type === 'float32' && (shape === undefined || fits(shape, expected));
  if (!isRight) {
    throw invalid(
      want,
      `expected ${name} of shape ${show(expected)} in float32, received ${show(shape ?? ['?'])} in ${type}`,
    );
  }
  const last = shape?.[shape.length - 1];
  const dim = typeof last === 'number' ? last : want.dim;
  if (dim === undefined || dim > MAX_DIM) {
    throw invalid(
      want,
      `${name} is ${show(shape ?? ['?'])}: neither it nor config.json states a length up to ${MAX_DIM}`,
    );
  }
  return { output: name, pooling, dim };
}

function chooseOutput(
  want: TowerWant,
  rule: Rule,
  outputs: readonly TensorInfo[],
): { name: string; pooling: Pooling } {
  for (const [name, pooling] of rule.outputs) {
    if (!outputs.some((output) => output.name === name)) continue;
    return { name, pooling: pooling === 'none' ? pooling : (want.pooling ?? pooling) };
  }
  const only = outputs.length === 1 ? outputs[0] : undefined;
  const isEmbedding = want.family === 'clip' || want.family === 'siglip';
  // A single matrix must be the embedding, whatever its name.
  if (isEmbedding && only?.shape?.length === 2) return { name: only.name, pooling: 'none' };
  const expected = rule.outputs.map(([name]) => name).join(' or ');
  const isRecogniser = outputs.some(({ name }) => name === 'logits');
  throw invalid(
    want,
    `outputs are ${namesOf(outputs)}, expected ${expected}` +
      (isRecogniser
        ? ': this export classifies or transcribes; take one for the task feature-extraction'
        : ''),
  );
}

function requireType(want: TowerWant, input: TensorInfo, types: readonly string[]): void {
  if (types.includes(input.type)) return;
  throw invalid(want, `${input.name} is ${input.type}, expected ${types.join(' or ')}`);
}

type Shape = readonly (number | string)[];

function fits(shape: Shape, expected: Shape): boolean {
  return (
    shape.length === expected.length &&
    shape.every((size, i) => {
      const wanted = expected[i];
      return typeof size !== 'number' || typeof wanted !== 'number' || size === wanted;
    })
  );
}

const show = (shape: Shape): string => `[${shape.join(', ')}]`;
const namesOf = (tensors: readonly TensorInfo[]): string =>
  tensors.length === 0 ? 'none' : tensors.map(({ name }) => name).join(', ');

function invalid(want: TowerWant, why: string): Error {
  return makeError('ERR_MODEL_INVALID', `${want.file}: ${why}`, { details: { file: want.file } });
}
