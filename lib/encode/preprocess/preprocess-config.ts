/**
 * Reads `preprocessor_config.json` of an image or video model (Hugging Face layout) into a PreprocessSpec.
 * Every number is bounded, because sizes from outside decide allocations later.
 */
import path from 'node:path';
import { makeError } from '../../base/errors';
import { isObject, numberField, readJsonFile, type JsonObject } from '../../models/json-file';
import type { PreprocessSpec } from './preprocess';

export const SIDE_RANGE = { low: 8, high: 1024, integer: true } as const;

/** Default of the processor class for absent fields. */
export interface ProcessorDefaults {
  /** Pillow's number of the filter: 2 bilinear, 3 bicubic. */
  readonly resample: 2 | 3;
}

/**
 * @param imageSize pixels per side that the model takes; undefined if its config has none: then the
 * processor's size counts (MobileCLIP: 256)
 * @throws ERR_MODEL_MISSING | ERR_MODEL_INVALID
 */
export async function readPreprocess(
  folder: string,
  imageSize: number | undefined,
  defaults: ProcessorDefaults,
): Promise<PreprocessSpec> {
  const file = path.join(folder, 'preprocessor_config.json');
  const config = await readJsonFile(file);
  const doCrop = config['do_center_crop'] !== false && config['crop_size'] !== undefined;
  const resize = sizeField(config['size'] ?? imageSize ?? 224, file, 'size');
  const crop = doCrop ? sizeField(config['crop_size'], file, 'crop_size') : undefined;
  const cropped = crop === undefined ? undefined : exact(crop);
  const target = cropped ?? exact(resize);
  const size = imageSize ?? target.width;
  if (target.width !== size || target.height !== size) {
    throw makeError(
      'ERR_MODEL_INVALID',
      `${file} makes pictures of ${target.width}x${target.height}, the model wants ${size}x${size}`,
      { details: { file, width: target.width, height: target.height, size } },
    );
  }
  if (Math.min(exact(resize).width, exact(resize).height) < size) {
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
    size,
    shortestEdge: resize.shortestEdge,
    resizeTo: resize.shortestEdge === undefined ? exact(resize) : undefined,
    filter: filterField(config['resample'] ?? defaults.resample, file),
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
  const range = SIDE_RANGE;
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
  // Pillow's filter numbers; no supported encoder uses the others.
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
