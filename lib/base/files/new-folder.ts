/**
 * A folder that appears whole or not at all: filled under a temporary name, then renamed once complete and
 * durable. After a crash a folder `NAME.partial-...` may remain and can be deleted.
 */
import { lstat, mkdir, readdir, realpath, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import { makeError } from '../errors';
import { randomSuffix } from './names';
import { syncFolder } from './safe-file';
import { fileError, isNotPermitted } from './system-errors';

export interface NewFolder {
  /** Where to write until then. */
  readonly path: string;
  /** Renames it, durably; returns the final absolute path. */
  commit(): Promise<string>;
  discard(): Promise<void>;
}

/**
 * @param target  must be absent or an empty folder
 * @param outside  folders that may neither contain the target nor lie inside it
 * @throws ERR_FILE_EXISTS | ERR_ARG_RANGE | ERR_FILE_MISSING (the parent folder) | ERR_READ_ONLY | ERR_IO |
 * ERR_DISK_FULL
 */
export async function newFolder(target: string, ...outside: string[]): Promise<NewFolder> {
  const full = path.resolve(target);
  await checkEmpty(full);
  for (const source of outside) await checkOutside(full, source);
  const beside = `${full}.partial-${randomSuffix()}`;
  await mkdir(beside).catch((error: unknown) => {
    throw writeError(full, error);
  });
  const discard = (): Promise<void> =>
    rm(beside, { recursive: true, force: true }).catch(() => undefined);
  const commit = async (): Promise<string> => {
    try {
      await syncFolder(beside);
      // Replaces an empty folder, and nothing else.
      await rename(beside, full);
      await syncFolder(path.dirname(full));
      return full;
    } catch (error) {
      throw writeError(full, error);
    }
  };
  return { path: beside, commit, discard };
}

function writeError(full: string, error: unknown): unknown {
  if (!isNotPermitted(error)) return fileError(full, 'written', error);
  return makeError('ERR_READ_ONLY', `no permission to write ${full}: choose another folder`, {
    details: { path: full },
    cause: error,
  });
}

async function checkEmpty(full: string): Promise<void> {
  const info = await lstat(full).catch(() => undefined);
  const isEmpty = info === undefined || (info.isDirectory() && (await readdir(full)).length === 0);
  if (!isEmpty) {
    throw makeError(
      'ERR_FILE_EXISTS',
      `${full} exists and is not an empty folder: choose another`,
      {
        details: { path: full },
      },
    );
  }
}

async function checkOutside(full: string, outside: string): Promise<void> {
  const above = await realpath(path.dirname(full)).catch((error: unknown) => {
    throw fileError(path.dirname(full), 'found', error);
  });
  const target = path.join(above, path.basename(full));
  const source = await realpath(outside).catch(() => path.resolve(outside));
  if (isWithin(target, source) || isWithin(source, target)) {
    throw makeError('ERR_ARG_RANGE', `${full} lies inside ${outside}: choose a folder elsewhere`, {
      details: { path: full, source: outside },
    });
  }
}

function isWithin(inner: string, outer: string): boolean {
  const way = path.relative(outer, inner);
  return way === '' || (way !== '..' && !way.startsWith(`..${path.sep}`) && !path.isAbsolute(way));
}
