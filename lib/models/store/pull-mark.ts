/**
 * `sightline.pull.json`: who is pulling a repository, and what of it is still missing. Keeps two
 * pulls of one model apart, and lets a listing say what was begun and not finished.
 */
import { mkdir, open, readFile, rm } from 'node:fs/promises';
import { hostname } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { makeError } from '../../base/errors';
import { isDtype, type Dtype } from '../dtype';
import { isObject } from '../json-file';
import { writeWhole } from './cache';

export interface PullMark {
  readonly revision: string;
  readonly dtype: Dtype;
  /** Process that is at it; 0: none any more. */
  readonly pid: number;
  readonly host: string;
}

const MARK_FILE = 'sightline.pull.json';
/** Between the making of a mark and its content lie microseconds. */
const WRITING_MS = 50;

/**
 * Marks that this process has set. Its number alone says too little: in a container that was started
 * again, the process before had the same one.
 */
const own = new Set<string>();

/** Undefined when nothing is under way or left over. */
export async function readMark(folder: string): Promise<PullMark | undefined> {
  const text = await readFile(path.join(folder, MARK_FILE), 'utf8').catch(() => undefined);
  if (text === undefined) return undefined;
  try {
    const value: unknown = JSON.parse(text);
    if (!isObject(value)) return undefined;
    const { revision, dtype, pid, host } = value;
    const isMark =
      typeof revision === 'string' &&
      isDtype(dtype) &&
      typeof pid === 'number' &&
      typeof host === 'string';
    return isMark ? { revision, dtype, pid, host } : undefined;
  } catch {
    return undefined;
  }
}

/**
 * True when the process that set the mark still lives, as far as this machine can tell.
 *
 * @param folder whose mark it is
 */
export function isAtWork(folder: string, mark: PullMark): boolean {
  if (mark.pid === 0 || mark.host !== hostname()) return false;
  if (mark.pid === process.pid) return own.has(path.join(folder, MARK_FILE));
  try {
    process.kill(mark.pid, 0);
    return true;
  } catch (error) {
    // Not ours to signal, so it exists.
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/**
 * Runs `work` while the mark is set. A mark whose process is gone is taken over. Should two take it
 * over in the same moment, both download, and every file is still checked before it is put in place.
 *
 * @throws ERR_FILE_LOCKED when another process is pulling this model, and what `work` throws
 */
export async function whileMarked<T>(
  folder: string,
  id: string,
  plan: Pick<PullMark, 'revision' | 'dtype'>,
  work: () => Promise<T>,
): Promise<T> {
  const file = path.join(folder, MARK_FILE);
  const mark: PullMark = { ...plan, pid: process.pid, host: hostname() };
  await setMark(file, mark, folder, id);
  try {
    const result = await work();
    await rm(file, { force: true });
    return result;
  } catch (error) {
    // Left behind without an owner: "incomplete" in the listing, and free for the next pull.
    await writeWhole(file, JSON.stringify({ ...mark, pid: 0 })).catch(() => undefined);
    throw error;
  } finally {
    own.delete(file);
  }
}

async function setMark(file: string, mark: PullMark, folder: string, id: string): Promise<void> {
  await mkdir(folder, { recursive: true });
  for (let tried = 0; tried < 3; tried++) {
    try {
      const handle = await open(file, 'wx');
      own.add(file);
      await handle.writeFile(JSON.stringify(mark)).finally(() => handle.close());
      return;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') {
        own.delete(file);
        throw error;
      }
    }
    // Half a mark may be one that is being written at this moment.
    const other =
      (await readMark(folder)) ?? (await sleep(WRITING_MS).then(() => readMark(folder)));
    if (other !== undefined && isAtWork(folder, other)) break;
    await rm(file, { force: true });
  }
  const other = await readMark(folder);
  throw makeError(
    'ERR_FILE_LOCKED',
    `process ${other?.pid ?? 'unknown'} is pulling ${id}: wait for it, or delete ${file} if it is gone`,
    { details: { file, pid: other?.pid } },
  );
}
