/**
 * Sentence encoders of the MiniLM class (sentence-transformers models): token states, averaged over
 * the tokens of the text, of unit length.
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
/** Raised whenever tokens, cut or pooling change; vectors made before and after must not mix. */
export const SENTENCE_VERSION = 1;

/** What sentence-transformers uses for all-MiniLM-L6-v2, and where a folder does not say. */
const DEFAULT_MAX_TOKENS = 256;

/**
 * Opens a sentence encoder without loading it.
 *
 * Texts are cut to `max_seq_length` tokens of `sentence_bert_config.json`, 256 where there is no such
 * file, start and end token included: not to what `tokenizer.json` was saved with (128 for
 * all-MiniLM-L6-v2) nor to what its table of positions could hold (512), which the model was never
 * trained on. Pooling is that of `1_Pooling/config.json`, else the masked mean.
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

/** @throws ERR_MODEL_INVALID for a way of pooling that we do not have: its vectors would be others */
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
