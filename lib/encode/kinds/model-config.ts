/**
 * Reads the few values we need from `config.json` of a CLIP or SigLIP folder (Hugging Face layout). Every
 * number is bounded, because sizes from outside decide allocations later.
 */
import path from 'node:path';
import { makeError } from '../../base/errors';
import { isObject, numberField, readJsonFile, type JsonObject } from '../../models/json-file';
import type { ModelKind } from '../../models/store/model-files';
import type { PreprocessSpec } from '../preprocess/preprocess';
import { readPreprocess, SIDE_RANGE } from '../preprocess/preprocess-config';
import type { TextRule } from '../preprocess/tokenizer';

/** CLIP clamps its trained scale at 100, which OpenAI's models reached. */
const PUBLISHED_LOGIT_SCALE = 100;

export interface ClipConfig {
  readonly family: 'clip' | 'siglip';
  /** Length of the shared embedding if the file states it; the graph is checked in any case. */
  readonly dim: number | undefined;
  readonly text: TextRule;
  readonly logitScale: number;
  /** Undefined in a folder without image tower and processor. */
  readonly preprocess: PreprocessSpec | undefined;
}

/** `model_type` values accepted for this kind of folder. */
export const MODEL_TYPES: Readonly<Record<Exclude<ModelKind, 'any'>, readonly string[]>> = {
  clip: ['clip', 'siglip'],
  sentence: ['bert', 'mpnet', 'roberta', 'xlm-roberta', 'distilbert', 'nomic_bert'],
  video: ['videomae'],
  audio: ['wav2vec2', 'hubert', 'wavlm'],
};

/** The parsed object, and its path for messages. */
export interface ConfigFile {
  readonly file: string;
  readonly config: JsonObject;
}

/**
 * `config.json` of a folder whose `model_type` is one of `types`.
 *
 * @throws ERR_MODEL_MISSING | ERR_MODEL_INVALID
 */
export async function readConfig(folder: string, types: readonly string[]): Promise<ConfigFile> {
  const file = path.join(folder, 'config.json');
  const config = await readJsonFile(file);
  const type = config['model_type'];
  if (typeof type === 'string' && types.includes(type)) return { file, config };
  const expected = types.map((name) => `"${name}"`).join(' or ');
  throw makeError(
    'ERR_MODEL_INVALID',
    `${file}: model_type is ${JSON.stringify(type) ?? 'absent'}, expected ${expected}`,
    { details: { file, modelType: type } },
  );
}

/** A length from the file; undefined if absent. */
export function optionalLength(object: JsonObject, name: string, file: string): number | undefined {
  if (object[name] === undefined) return undefined;
  return numberField(object, name, file, { low: 1, high: 8192, integer: true });
}

/**
 * @param hasVision the folder holds an image tower, so it must describe the preprocessing. @throws
 * ERR_MODEL_MISSING | ERR_MODEL_INVALID
 */
export async function readClipConfig(folder: string, hasVision = true): Promise<ClipConfig> {
  const { file, config } = await readConfig(folder, MODEL_TYPES.clip);
  const family = config['model_type'] === 'siglip' ? 'siglip' : 'clip';
  const text = objectField(config, 'text_config', file);
  const vision = objectField(config, 'vision_config', file);
  const imageSize =
    vision['image_size'] === undefined
      ? undefined
      : numberField(vision, 'image_size', file, SIDE_RANGE);
  return {
    family,
    dim:
      family === 'clip'
        ? optionalLength(config, 'projection_dim', file)
        : optionalLength(vision, 'hidden_size', file),
    text: textRule(family, text, file),
    logitScale: logitScale(config, file),
    preprocess: hasVision ? await readPreprocess(folder, imageSize, { resample: 3 }) : undefined,
  };
}

/**
 * How texts are padded. Every CLIP was trained on texts padded to one length (77, SigLIP 64). In OpenAI's
 * causal text tower, tokens after the end token change nothing, so short batches may stay short; this is
 * only known of `clip_text_model`. All others get their training length: MobileCLIP, whose attention is
 * bidirectional, and SigLIP, which was trained without a mask and attends to its padding (transformers,
 * SiglipProcessor).
 */
function textRule(family: ClipConfig['family'], text: JsonObject, file: string): TextRule {
  const maxTokens = numberField(text, 'max_position_embeddings', file, {
    low: 3,
    high: 4096,
    integer: true,
    fallback: family === 'siglip' ? 64 : 77,
  });
  const looksBack = family === 'clip' && text['model_type'] === 'clip_text_model';
  return {
    maxTokens,
    padTo: looksBack ? 'longest' : 'max',
    masksPadding: family === 'clip',
  };
}

function objectField(object: JsonObject, name: string, file: string): JsonObject {
  const value = object[name] ?? {};
  if (isObject(value)) return value;
  throw makeError('ERR_MODEL_INVALID', `${file}: ${name} is not an object`, {
    details: { file, name },
  });
}

/**
 * The trained scale, if the file has it as `logit_scale`, a logarithm as in CLIP's weights.
 * `logit_scale_init_value` is the start of training (14.3 for OpenAI's models, which ended at 100) and says
 * nothing about the weights.
 */
function logitScale(config: JsonObject, file: string): number {
  if (config['logit_scale'] === undefined) return PUBLISHED_LOGIT_SCALE;
  return Math.exp(numberField(config, 'logit_scale', file, { low: -10, high: 10 }));
}
