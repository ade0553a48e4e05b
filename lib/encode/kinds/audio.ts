/** wav2vec2: turns speech audio into one vector. */
import path from 'node:path';
import { makeError } from '../../base/errors';
import type { AudioEncoder } from '../encoder';
import { audioKind } from './input-kinds';
import type { GraphFile } from '../../models/store/model-files';
import { statesBehind } from '../../models/onnx/onnx-tap';
import { numberField, readJsonFile, type JsonObject } from '../../models/json-file';
import { MODEL_TYPES, optionalLength, readConfig } from './model-config';
import { openSingle, openTower, type EncoderOptions, type TowerRecipe } from './open-model';
import { encoderOptions, towerSettings } from '../settings';
import { fitTower } from '../tower-io';
import { receptiveField, type WaveRule } from '../preprocess/waveform';

export const DEFAULT_AUDIO_MODEL = 'facebook/wav2vec2-base-960h';
/** Increment whenever truncation, normalization or pooling change: old and new vectors must not mix. */
export const AUDIO_VERSION = 1;
/** Spec 001: memory grows with the square of the length. */
export const MAX_AUDIO_SECONDS = 90;

/** 90 seconds of sound take tens of seconds on two cores. */
const DEFAULT_TIMEOUT_MS = 120_000;
/** Receptive field of the published models: 400 samples, 25 ms, per position. */
const KERNELS = [10, 3, 3, 3, 3, 2, 2];
const STRIDES = [5, 2, 2, 2, 2, 2, 2];

/**
 * Opens an audio encoder without loading it.
 *
 * Audio is truncated to 90 seconds, normalized to zero mean and unit variance (unless `do_normalize` is
 * false), and run alone without padding: models like wav2vec2-base-960h have no attention mask and would
 * read padding as sound. The vector is the mean of `last_hidden_state` over time (spec 001), of unit
 * length. Silence is valid; less than 25 ms is ERR_MEDIA_UNSUPPORTED.
 *
 * Exports for transcription work too, if their hidden states can be found (see `onnx-tap.ts`).
 *
 * @param model  a folder in the Hugging Face layout, or a repository id in the local hub cache
 * @throws ERR_MODEL_MISSING with the remedy | ERR_MODEL_INVALID | ERR_ARG_RANGE
 */
export async function openAudioEncoder(
  model: string = DEFAULT_AUDIO_MODEL,
  given: EncoderOptions = {},
): Promise<AudioEncoder> {
  const options = encoderOptions(given);
  const single = await openSingle(model, 'audio', AUDIO_VERSION, options);
  const { folder, graph } = single;
  const { file, config } = await readConfig(folder, MODEL_TYPES.audio);
  const wave = await readWaveRule(folder, config, file);
  const stated = optionalLength(config, 'hidden_size', file);
  const tap = tapOf(graph);
  const states = { name: 'last_hidden_state', type: 'float32', shape: undefined };
  const signature = tap === undefined ? graph.signature : { ...graph.signature, outputs: [states] };
  const { dim, fixedLength } = fitTower(signature, {
    ...{ modality: 'audio', family: 'wav2vec2', file: graph.file },
    dim: stated,
  });
  if (fixedLength !== undefined) {
    throw makeError(
      'ERR_MODEL_INVALID',
      `${graph.file} takes sounds of exactly ${fixedLength} samples; export it with a free length`,
      { details: { file: graph.file, fixedLength } },
    );
  }
  const settings = {
    ...towerSettings('image', graph.bytes, { timeoutMs: DEFAULT_TIMEOUT_MS, ...options }),
    batchSize: 1,
  };
  const recipe: TowerRecipe = { modality: 'audio', wave, family: 'wav2vec2', dim, tap };
  const kind = audioKind(wave.maxSamples);
  const encoder = openTower(kind, recipe, single, settings, options);
  return Object.assign(encoder, { sampleRate: wave.sampleRate, maxSeconds: MAX_AUDIO_SECONDS });
}

/** For a transcription export: the tensor that a feature-extraction export would return. */
function tapOf({ file, sums, signature: { outputs } }: GraphFile): string | undefined {
  const has = (output: string): boolean => outputs.some(({ name }) => name === output);
  // External weight files are found relative to a file, not to bytes in memory.
  if (has('last_hidden_state') || !has('logits') || sums.length > 1) return undefined;
  return statesBehind(file, 'logits');
}

async function readWaveRule(folder: string, config: JsonObject, file: string): Promise<WaveRule> {
  const processorFile = path.join(folder, 'preprocessor_config.json');
  const processor = await readJsonFile(processorFile);
  const sampleRate = numberField(processor, 'sampling_rate', processorFile, {
    ...{ low: 1000, high: 192_000, integer: true, fallback: 16_000 },
  });
  const kernels = layersField(config, 'conv_kernel', file, KERNELS);
  const strides = layersField(config, 'conv_stride', file, STRIDES);
  return {
    sampleRate,
    maxSamples: MAX_AUDIO_SECONDS * sampleRate,
    minSamples: receptiveField(kernels, strides),
    normalize: processor['do_normalize'] !== false,
  };
}

function layersField(
  config: JsonObject,
  name: string,
  file: string,
  fallback: readonly number[],
): readonly number[] {
  const value = config[name] ?? fallback;
  const isList = (list: unknown): list is number[] =>
    Array.isArray(list) &&
    list.length <= 16 &&
    list.every((item) => Number.isInteger(item) && item >= 1 && item <= 64);
  if (isList(value)) return value;
  throw makeError(
    'ERR_MODEL_INVALID',
    `${file}: ${name} is not a list of up to 16 whole numbers from 1 to 64`,
    { details: { file, name } },
  );
}
