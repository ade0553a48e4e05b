/** The settings file of a library. */
import { readFileSync } from 'node:fs';
import { isMissing } from '../base/files/system-errors';
import { makeError, messageOf } from '../base/errors';

export interface ConfigFile {
  readonly path: string;
  readonly values: Readonly<Record<string, unknown>>;
}

/**
 * Reads a settings file; undefined when there is none.
 *
 * @throws ERR_ARG_TYPE when it is not a JSON object; ERR_IO
 */
export function readConfigFile(path: string): ConfigFile | undefined {
  let content: string;
  try {
    content = readFileSync(path, 'utf8');
  } catch (cause) {
    if (isMissing(cause)) return undefined;
    throw makeError('ERR_IO', `${path} could not be read: ${messageOf(cause)}`, { cause });
  }
  let values: unknown;
  try {
    values = JSON.parse(content);
  } catch (cause) {
    throw makeError('ERR_ARG_TYPE', `${path} is not JSON: ${messageOf(cause)}`, { cause });
  }
  if (typeof values !== 'object' || values === null || Array.isArray(values))
    throw makeError('ERR_ARG_TYPE', `${path} must hold one JSON object`);
  return { path, values: values as Record<string, unknown> };
}
