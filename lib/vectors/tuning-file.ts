/**
 * `tuning.json` in an index's folder: the efSearch that `tune` found. A hint and no truth: a file that
 * is absent, damaged or odd is as if there were none. Layout: docs/FORMAT.md.
 */
import { constants } from 'node:fs';
import { open, rename, rm, type FileHandle } from 'node:fs/promises';
import path from 'node:path';
import type { MeasuredRecall } from './types';
import { MAX_EF, MAX_K } from './validate';

const MAX_BYTES = 4096;
const VERSION = 1;

const isInteger = (value: unknown, high: number): value is number =>
  Number.isInteger(value) && (value as number) >= 1 && (value as number) <= high;

/** The file's content if it makes sense. */
export function parseTuning(text: string): MeasuredRecall | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (typeof value !== 'object' || value === null) return undefined;
  const { version, efSearch, recall, k, queries } = value as Record<string, unknown>;
  if (version !== VERSION || typeof recall !== 'number' || !(recall >= 0 && recall <= 1)) {
    return undefined;
  }
  if (!isInteger(efSearch, MAX_EF) || !isInteger(k, MAX_K) || !isInteger(queries, 2 ** 31)) {
    return undefined;
  }
  return { efSearch, recall, k, queries };
}

export async function readTuning(folder: string): Promise<MeasuredRecall | undefined> {
  let file: FileHandle | undefined;
  try {
    // Not to wait for somebody who writes to it, should the name be a pipe's.
    const flags = constants.O_RDONLY | (constants.O_NONBLOCK ?? 0);
    file = await open(path.join(folder, 'tuning.json'), flags);
    if (!(await file.stat()).isFile()) return undefined;
    const buffer = Buffer.alloc(MAX_BYTES + 1);
    const { bytesRead } = await file.read(buffer, 0, buffer.length, 0);
    return bytesRead > MAX_BYTES ? undefined : parseTuning(buffer.toString('utf8', 0, bytesRead));
  } catch {
    return undefined;
  } finally {
    await file?.close();
  }
}

/** What a process that was killed in writeTuning left. For writers: nobody else is at it. */
export async function sweepTuning(folder: string): Promise<void> {
  await rm(path.join(folder, 'tuning.json.tmp'), { force: true }).catch(() => undefined);
}

/** Replaces the file as a whole. */
export async function writeTuning(folder: string, tuning: MeasuredRecall): Promise<void> {
  const { efSearch, recall, k, queries } = tuning;
  const target = path.join(folder, 'tuning.json');
  const beside = `${target}.tmp`;
  try {
    const file = await open(beside, 'w');
    try {
      const content = { version: VERSION, efSearch, recall, k, queries };
      await file.writeFile(`${JSON.stringify(content)}\n`);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(beside, target);
  } catch (error) {
    await rm(beside, { force: true });
    throw error;
  }
}
