/**
 * Sentence encoders of the MiniLM class (sentence-transformers models): the mean of a text's token states,
 * as a unit vector.
 */
import path from 'node:path';
import { makeError } from '../../base/errors';
import type { SentenceEncoder } from '../encoder';
import { TEXT } from './input-kinds';
import { isObject, numberField, readJsonFile, type JsonObject } from '../../models/json-file';
import { MODEL_TYPES, optionalLength, readConfig } from './model-config';
import { openSingle, openTower, type EncoderOptions, type TowerRecipe } from './open-model';
import { encoderOptions, towerSettings } from '../settings';
import type { TextRule } from '../preprocess/tokenizer';
import { fitTower, type Pooling } from '../tower-io';

export const DEFAULT_SENTENCE_MODEL = 'Xenova/all-MiniLM-L6-v2';
/** Increment whenever tokens, truncation or pooling change: old and new vectors must not mix. */
export const SENTENCE_VERSION = 1;

/** The limit of sentence-transformers for all-MiniLM-L6-v2; the default for folders without one. */
const DEFAULT_MAX_TOKENS = 256;

/**
 * Opens a sentence encoder without loading it.
 *
 * Texts are truncated to `max_seq_length` tokens of `sentence_bert_config.json`, 256 without that file,
 * including start and end token. Neither the limit saved in `tokenizer.json` (128 for all-MiniLM-L6-v2) nor
 * the size of the position table (512) is used, because the model was not trained with them. Pooling
 * follows `1_Pooling/config.json`; default is the masked mean.
 *
 * @param model  a folder in the Hugging Face layout, or a repository id in the local hub cache
 * @throws ERR_MODEL_MISSING with the remedy | ERR_MODEL_INVALID | ERR_ARG_RANGE
 */
export async function openSentenceEncoder(
  model: string = DEFAULT_SENTENCE_MODEL,
  given: EncoderOptions = {},
): Promise<SentenceEncoder> {
  const options = encoderOptions(given);
  const single = await openSingle(model, 'sentence', SENTENCE_VERSION, options);
  const { folder, graph } = single;
  const { file, config } = await readConfig(folder, MODEL_TYPES.sentence);
  const stated = optionalLength(config, 'hidden_size', file);
  const text: TextRule = {
    maxTokens: await maxTokensOf(folder, config, file),
    padTo: 'longest',
    masksPadding: true,
  };
  const pooling = await poolingOf(folder);
  const { dim } = fitTower(graph.signature, {
    modality: 'text',
    family: 'sentence',
    file: graph.file,
    maxTokens: text.maxTokens,
    pooling,
    dim: stated,
  });
  const settings = towerSettings('text', graph.bytes, options);
  const recipe: TowerRecipe = { modality: 'text', text, family: 'sentence', pooling, dim };
  return openTower(TEXT, recipe, single, settings, options);
}

async function maxTokensOf(folder: string, config: JsonObject, file: string): Promise<number> {
  const range = { low: 3, high: 8192, integer: true };
  const positions = numberField(config, 'max_position_embeddings', file, {
    ...range,
    fallback: 512,
  });
  const sentenceFile = path.join(folder, 'sentence_bert_config.json');
  const sentence = (await optionalJson(sentenceFile)) ?? {};
  const most = numberField(sentence, 'max_seq_length', sentenceFile, {
    ...range,
    fallback: DEFAULT_MAX_TOKENS,
  });
  return Math.min(most, positions);
}

/** @throws ERR_MODEL_INVALID for a pooling mode we do not have: its vectors would differ */
async function poolingOf(folder: string): Promise<Pooling> {
  const file = path.join(folder, '1_Pooling', 'config.json');
  const config = await optionalJson(file);
  if (config === undefined) return 'mean';
  const modes = Object.keys(config).filter(
    (name) => name.startsWith('pooling_mode_') && config[name] === true,
  );
  if (modes.length === 1 && modes[0] === 'pooling_mode_mean_tokens') return 'mean';
  if (modes.length === 1 && modes[0] === 'pooling_mode_cls_token') return 'first';
  throw makeError(
    'ERR_MODEL_INVALID',
    `${file}: pools by ${modes.join(' and ') || 'nothing'}; supported is one of pooling_mode_mean_tokens and pooling_mode_cls_token`,
    { details: { file } },
  );
}

async function optionalJson(file: string): Promise<JsonObject | undefined> {
  try {
    return await readJsonFile(file);
  } catch (error) {
    if (isObject(error) && error['code'] === 'ERR_MODEL_MISSING') return undefined;
    throw error;
  }
}
