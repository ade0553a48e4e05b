/**
 * `sightline.pull.json`: the unfinished pull of a repository; empty if there is none. Its lock excludes a
 * second pull.
 */
import { mkdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { codeOf, makeError } from '../../base/errors';
import { isLocked, lockFile } from '../../native/lock';
import { isDtype, type Dtype } from '../dtype';
import { isObject } from '../json-file';

export interface PullMark {
  readonly revision: string;
  readonly dtype: Dtype;
  /** Process that began the pull. */
  readonly pid: number;
}

const markFile = (folder: string): string => path.join(folder, 'sightline.pull.json');
/** `models list` tests the lock and holds it for less. */
const LISTING_MS = 50;

/** Undefined if no pull is unfinished. */
export async function readMark(folder: string): Promise<PullMark | undefined> {
  try {
    const value: unknown = JSON.parse(await readFile(markFile(folder), 'utf8'));
    if (!isObject(value)) return undefined;
    const { revision, dtype, pid } = value;
    const isMark = typeof revision === 'string' && isDtype(dtype) && typeof pid === 'number';
    return isMark ? { revision, dtype, pid } : undefined;
  } catch {
    return undefined;
  }
}

/** True while a process pulls into `folder`. */
export const isAtWork = (folder: string): Promise<boolean> => isLocked(markFile(folder));

/**
 * Runs `work` while the mark is set and locked. If `work` fails or the process dies, the mark remains and
 * the model is listed as incomplete.
 *
 * @throws ERR_FILE_LOCKED if another process pulls this model; what `work` throws
 */
export async function whileMarked<T>(
  folder: string,
  id: string,
  plan: Pick<PullMark, 'revision' | 'dtype'>,
  work: () => Promise<T>,
): Promise<T> {
  const file = markFile(folder);
  await mkdir(folder, { recursive: true });
  const mark: PullMark = { ...plan, pid: process.pid };
  const lock = (): ReturnType<typeof lockFile> => lockFile(file, JSON.stringify(mark));
  const held = await lock()
    .catch(() => sleep(LISTING_MS).then(lock))
    .catch(async (cause: unknown) => {
      if (codeOf(cause) !== 'ERR_FILE_LOCKED') throw cause;
      const pid = (await readMark(folder))?.pid;
      throw makeError(
        'ERR_FILE_LOCKED',
        `process ${pid ?? 'unknown'} is pulling ${id}: wait for it`,
        { details: { file, pid }, cause },
      );
    });
  try {
    const result = await work();
    await held.truncate(0);
    return result;
  } finally {
    await held.close();
  }
}
