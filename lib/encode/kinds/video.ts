/** VideoMAE: turns a clip of frames into one vector of its action. */
import type { VideoEncoder } from '../encoder';
import { videoKind } from './input-kinds';
import { numberField } from '../../models/json-file';
import { MODEL_TYPES, optionalLength, readConfig } from './model-config';
import { openSingle, openTower, type EncoderOptions, type TowerRecipe } from './open-model';
import { readPreprocess, SIDE_RANGE } from '../preprocess/preprocess-config';
import { encoderOptions, towerSettings } from '../settings';
import { fitTower } from '../tower-io';

export const DEFAULT_VIDEO_MODEL = 'MCG-NJU/videomae-base';
/** Increment whenever frames, tensors or pooling change: old and new vectors must not mix. */
export const VIDEO_VERSION = 1;

/** A clip is sixteen pictures, and takes a second or more on a CPU. */
const DEFAULT_TIMEOUT_MS = 120_000;

/**
 * Opens a video encoder without loading it.
 *
 * Takes the model's number of frames (`num_frames`, 16) from a clip, evenly spaced, first and last
 * included; a shorter clip repeats its last frame (spec 001). Frames are resized on their shorter side and
 * cropped by `preprocessor_config.json`, with bilinear as the default. The vector is position 0 of
 * `last_hidden_state`, as in spec 001 (see `tower-io.ts`), of unit length. A clip with a damaged frame
 * fails as a whole.
 *
 * @param model  a folder in the Hugging Face layout, or a repository id in the local hub cache
 * @throws ERR_MODEL_MISSING with the remedy | ERR_MODEL_INVALID | ERR_ARG_RANGE
 */
export async function openVideoEncoder(
  model: string = DEFAULT_VIDEO_MODEL,
  given: EncoderOptions = {},
): Promise<VideoEncoder> {
  const options = encoderOptions(given);
  const single = await openSingle(model, 'video', VIDEO_VERSION, options);
  const { folder, graph } = single;
  const { file, config } = await readConfig(folder, MODEL_TYPES.video);
  const frames = numberField(config, 'num_frames', file, {
    ...{ low: 1, high: 64, integer: true, fallback: 16 },
  });
  const size = numberField(config, 'image_size', file, { ...SIDE_RANGE, fallback: 224 });
  const preprocess = await readPreprocess(folder, size, { resample: 2 });
  const stated = optionalLength(config, 'hidden_size', file);
  const { dim } = fitTower(graph.signature, {
    ...{ modality: 'video', family: 'videomae', file: graph.file, size, frames },
    dim: stated,
  });
  const settings = {
    // One clip per task: its tensor alone is 10 MB.
    ...towerSettings('image', graph.bytes, { timeoutMs: DEFAULT_TIMEOUT_MS, ...options }),
    batchSize: 1,
  };
  const recipe: TowerRecipe = { modality: 'video', preprocess, frames, family: 'videomae', dim };
  const encoder = openTower(videoKind(frames), recipe, single, settings, options);
  return Object.assign(encoder, { frames });
}
