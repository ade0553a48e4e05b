/** Text encoders by model: a sentence encoder, or the text tower of a CLIP. */
import path from 'node:path';
import { openClip } from './clip';
import type { SentenceEncoder } from '../encoder';
import { readJsonFile } from '../../models/json-file';
import { findModel } from '../../models/store/model-store';
import type { EncoderOptions } from './open-model';
import { openSentenceEncoder } from './sentence';
import { encoderOptions } from '../settings';

const CLIPS = new Set(['clip', 'siglip']);

/**
 * Opens the text encoder of a model; its `config.json` tells the kind. Of a CLIP only the text tower is
 * loaded.
 *
 * @param model `builtin`, a folder in the Hugging Face layout, or a name of the model store
 * @throws ERR_MODEL_MISSING with the remedy | ERR_MODEL_HASH | ERR_MODEL_INVALID | ERR_ARG_RANGE
 */
export async function openTextEncoder(
  model: string,
  given: EncoderOptions = {},
): Promise<SentenceEncoder> {
  const options = encoderOptions(given);
  const { folder } = await findModel(model, options.env, { kind: 'any', dtype: options.dtype });
  const config = await readJsonFile(path.join(folder, 'config.json'));
  if (!CLIPS.has(String(config['model_type']))) return openSentenceEncoder(model, options);
  // The image tower has no worker: closing the text tower is enough.
  return (await openClip(model, options)).text;
}
