/** Reads untrusted JSON with bounds: a model folder may come from anywhere. */
import { readFile, stat } from 'node:fs/promises';
import { isWithin, rangeText } from '../base/ranges';
import { makeError, messageOf } from '../base/errors';

/** Configuration of known models nests 6 deep, tokenizer files 9. */
const MAX_DEPTH = 64;

export type JsonObject = Readonly<Record<string, unknown>>;

/**
 * Parses a JSON object from a file of at most `maxBytes`.
 *
 * @throws ERR_MODEL_MISSING if there is no file; ERR_MODEL_INVALID if it is too large, too deeply nested,
 *   not JSON, or not an object
 */
export async function readJsonFile(file: string, maxBytes = 1 << 20): Promise<JsonObject> {
  const info = await stat(file).catch((cause: unknown) => {
    throw makeError('ERR_MODEL_MISSING', `the model has no file ${file}`, {
      details: { file },
      cause,
    });
  });
  if (!info.isFile() || info.size > maxBytes) {
    throw makeError(
      'ERR_MODEL_INVALID',
      `${file} is ${info.isFile() ? `${info.size} bytes, allowed are ${maxBytes}` : 'not a regular file'}`,
      { details: { file, size: info.size, maxBytes } },
    );
  }
  const text = await readFile(file, 'utf8');
  checkDepth(text, file);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw makeError('ERR_MODEL_INVALID', `${file} is not JSON: ${messageOf(cause)}`, {
      details: { file },
      cause,
    });
  }
  if (!isObject(value)) {
    throw makeError('ERR_MODEL_INVALID', `${file} does not hold a JSON object`, {
      details: { file },
    });
  }
  return value;
}

export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Before JSON.parse, which is recursive: counts brackets outside strings. */
function checkDepth(text: string, file: string): void {
  let depth = 0;
  let inString = false;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (inString) {
      if (code === 0x5c) i++;
      else if (code === 0x22) inString = false;
    } else if (code === 0x22) inString = true;
    else if (code === 0x7b || code === 0x5b) {
      if (++depth > MAX_DEPTH) {
        throw makeError('ERR_MODEL_INVALID', `${file} nests deeper than ${MAX_DEPTH} levels`, {
          details: { file },
        });
      }
    } else if (code === 0x7d || code === 0x5d) depth--;
  }
}

/** A number within [low, high], or `fallback` if the field is absent. */
export function numberField(
  object: JsonObject,
  name: string,
  file: string,
  range: { low: number; high: number; integer?: boolean; fallback?: number },
): number {
  const value = object[name] ?? range.fallback;
  const { low, high } = range;
  const kind = range.integer === true ? 'integer' : 'number';
  if (!isWithin(value, low, high, kind)) {
    throw makeError(
      'ERR_MODEL_INVALID',
      `${file}: ${name} must be ${rangeText(low, high, kind)}, received ${JSON.stringify(value) ?? 'nothing'}`,
      { details: { file, name, value } },
    );
  }
  return value;
}
