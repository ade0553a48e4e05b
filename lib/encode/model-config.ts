/**
 * Reads `config.json` and `preprocessor_config.json` of a CLIP folder (Hugging Face layout) into the
 * few plain values we need. Every number is bounded: sizes from outside decide allocations later.
 */
import path from 'node:path';
import { makeError } from '../errors';
import { isObject, numberField, readJsonFile, type JsonObject } from './json-file';
import type { PreprocessSpec } from './preprocess';

const MAX_CONFIG_BYTES = 1 << 20;
/** CLIP clamps its trained scale at 100, and OpenAI's models ended there. */
const PUBLISHED_LOGIT_SCALE = 100;

export interface ClipConfig {
  /** Length of the shared embedding. */
  readonly dim: number;
  /** Longest text in tokens, with start and end token. */
  readonly maxTokens: number;
  readonly logitScale: number;
  readonly preprocess: PreprocessSpec;
}

/** @throws ERR_MODEL_MISSING | ERR_MODEL_INVALID */
export async function readClipConfig(folder: string): Promise<ClipConfig> {
  const file = path.join(folder, 'config.json');
  const config = await readJsonFile(file, MAX_CONFIG_BYTES);
  if (config['model_type'] !== 'clip') {
    throw makeError(
      'ERR_MODEL_INVALID',
      `${file}: model_type is ${JSON.stringify(config['model_type']) ?? 'absent'}, expected "clip"`,
      { details: { file, modelType: config['model_type'] } },
    );
  }
  const text = objectField(config, 'text_config', file);
  const vision = objectField(config, 'vision_config', file);
  const imageSize = numberField(vision, 'image_size', file, {
    low: 8,
    high: 1024,
    integer: true,
    fallback: 224,
  });
  return {
    dim: numberField(config, 'projection_dim', file, {
      low: 1,
      high: 8192,
      integer: true,
      fallback: 512,
    }),
    maxTokens: numberField(text, 'max_position_embeddings', file, {
      low: 3,
      high: 4096,
      integer: true,
      fallback: 77,
    }),
    logitScale: logitScale(config, file),
    preprocess: await readPreprocess(folder, imageSize),
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
 * The trained scale when the file states it as `logit_scale`, a logarithm as in CLIP's own weights.
 * `logit_scale_init_value` is where training began (14.3 for OpenAI's models, which ended at 100),
 * so it says nothing about the weights.
 */
function logitScale(config: JsonObject, file: string): number {
  if (config['logit_scale'] === undefined) return PUBLISHED_LOGIT_SCALE;
  return Math.exp(numberField(config, 'logit_scale', file, { low: -10, high: 10 }));
}

async function readPreprocess(folder: string, imageSize: number): Promise<PreprocessSpec> {
  const file = path.join(folder, 'preprocessor_config.json');
  const config = await readJsonFile(file, MAX_CONFIG_BYTES);
  const doCrop = config['do_center_crop'] !== false && config['crop_size'] !== undefined;
  const resize = sizeField(config['size'] ?? imageSize, file, 'size');
  const crop = doCrop ? sizeField(config['crop_size'], file, 'crop_size') : undefined;
  const cropped = crop === undefined ? undefined : exact(crop);
  const target = cropped ?? exact(resize);
  if (target.width !== imageSize || target.height !== imageSize) {
    throw makeError(
      'ERR_MODEL_INVALID',
      `${file} makes pictures of ${target.width}x${target.height}, config.json wants ${imageSize}x${imageSize}`,
      { details: { file, target, imageSize } },
    );
  }
  if (Math.min(exact(resize).width, exact(resize).height) < imageSize) {
    throw makeError('ERR_MODEL_INVALID', `${file}: crop_size is larger than size`, {
      details: { file },
    });
  }
  const rescale =
    config['do_rescale'] === false
      ? 1
      : numberField(config, 'rescale_factor', file, { low: 1e-6, high: 1, fallback: 1 / 255 });
  const normalize = config['do_normalize'] !== false;
  return {
    size: imageSize,
    shortestEdge: resize.shortestEdge,
    resizeTo: resize.shortestEdge === undefined ? exact(resize) : undefined,
    filter: filterField(config['resample'] ?? 3, file),
    rescale,
    mean: normalize ? tripleField(config, 'image_mean', file, -10, 10) : [0, 0, 0],
    std: normalize ? tripleField(config, 'image_std', file, 1e-4, 10) : [1, 1, 1],
  };
}

interface Size {
  readonly shortestEdge?: number;
  readonly width?: number;
  readonly height?: number;
}

/** Old files say `224`, newer ones `{shortest_edge: 224}` or `{height: 224, width: 224}`. */
function sizeField(value: unknown, file: string, name: string): Size {
  const range = { low: 8, high: 1024, integer: true };
  if (typeof value === 'number') {
    const edge = numberField({ [name]: value }, name, file, range);
    return name === 'size' ? { shortestEdge: edge } : { width: edge, height: edge };
  }
  if (isObject(value) && value['shortest_edge'] !== undefined) {
    return { shortestEdge: numberField(value, 'shortest_edge', file, range) };
  }
  if (isObject(value)) {
    return {
      width: numberField(value, 'width', file, range),
      height: numberField(value, 'height', file, range),
    };
  }
  throw makeError('ERR_MODEL_INVALID', `${file}: ${name} is neither a number nor a size`, {
    details: { file, name, value },
  });
}

function exact(size: Size): { width: number; height: number } {
  const edge = size.shortestEdge ?? 0;
  return { width: size.width ?? edge, height: size.height ?? edge };
}

function filterField(value: unknown, file: string): PreprocessSpec['filter'] {
  // Pillow's numbers of its filters; the others are used by no encoder we read.
  if (value === 3) return 'bicubic';
  if (value === 2) return 'bilinear';
  throw makeError(
    'ERR_MODEL_INVALID',
    `${file}: resample is ${JSON.stringify(value)}, expected 2 (bilinear) or 3 (bicubic)`,
    { details: { file, resample: value } },
  );
}

function tripleField(
  config: JsonObject,
  name: string,
  file: string,
  low: number,
  high: number,
): readonly [number, number, number] {
  const value = config[name];
  const ok =
    Array.isArray(value) &&
    value.length === 3 &&
    value.every((item) => typeof item === 'number' && item >= low && item <= high);
  if (ok) return value as unknown as [number, number, number];
  throw makeError(
    'ERR_MODEL_INVALID',
    `${file}: ${name} must be three numbers from ${low} to ${high}, received ${JSON.stringify(value) ?? 'nothing'}`,
    { details: { file, name, value } },
  );
}
