/**
 * `tuning.json` in an index's folder: the efSearch that `tune` found and the storage of the index. Only a
 * hint: a file that is absent, damaged or odd is ignored. Layout: docs/reference/FORMAT.md.
 */
import { constants } from 'node:fs';
import { open, writeFile, type FileHandle } from 'node:fs/promises';
import path from 'node:path';
import { MAX_EF, MAX_HITS } from '../base/limits';
import { isWithin } from '../base/ranges';
import type { MeasuredRecall, Storage } from './types';
import { isStorage } from './arguments/validate';

export const TUNING_FILE = 'tuning.json';
const MAX_BYTES = 4096;
const VERSION = 1;

export interface Tuning {
  readonly measured?: MeasuredRecall;
  readonly storage?: Storage;
}

function measuredOf(value: Record<string, unknown>): MeasuredRecall | undefined {
  const { efSearch, recall, k, queries } = value;
  if (!isWithin(recall, 0, 1, 'number')) return undefined;
  if (
    !isWithin(efSearch, 1, MAX_EF) ||
    !isWithin(k, 1, MAX_HITS) ||
    !isWithin(queries, 1, 2 ** 31)
  ) {
    return undefined;
  }
  return { efSearch, recall, k, queries };
}

/** The valid fields of the file. */
export function parseTuning(text: string): Tuning {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return {};
  }
  if (typeof value !== 'object' || value === null) return {};
  const content = value as Record<string, unknown>;
  if (content['version'] !== VERSION) return {};
  const measured = measuredOf(content);
  const { storage } = content;
  return {
    ...(measured === undefined ? {} : { measured }),
    ...(isStorage(storage) ? { storage } : {}),
  };
}

export async function readTuning(folder: string): Promise<Tuning> {
  let file: FileHandle | undefined;
  try {
    // Non-blocking, in case the name is a pipe.
    const flags = constants.O_RDONLY | (constants.O_NONBLOCK ?? 0);
    file = await open(path.join(folder, TUNING_FILE), flags);
    if (!(await file.stat()).isFile()) return {};
    const buffer = Buffer.alloc(MAX_BYTES + 1);
    const { bytesRead } = await file.read(buffer, 0, buffer.length, 0);
    return bytesRead > MAX_BYTES ? {} : parseTuning(buffer.toString('utf8', 0, bytesRead));
  } catch {
    return {};
  } finally {
    await file?.close();
  }
}

/** Writes what `parseTuning` reads. */
export function formatTuning(tuning: Tuning): string {
  const { measured, storage } = tuning;
  const { efSearch, recall, k, queries } = measured ?? {};
  // Undefined values are omitted in JSON.
  const content = { version: VERSION, storage, efSearch, recall, k, queries };
  return `${JSON.stringify(content)}\n`;
}

/** Writes durably into a new folder of our own. */
export async function copyTuning(folder: string, tuning: Tuning): Promise<void> {
  await writeFile(path.join(folder, TUNING_FILE), formatTuning(tuning), {
    flag: 'wx',
    flush: true,
  });
}
