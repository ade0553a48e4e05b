/** Files that appear whole or not at all: written to a temporary file, flushed, renamed, folder flushed. */
import { open, rename, rm, type FileHandle } from 'node:fs/promises';
import path from 'node:path';
import { randomSuffix } from './names';
import { fileError } from './system-errors';

/** A complete, durable file under a temporary name. */
export interface Prepared {
  /** Replaces the target. */
  commit(): Promise<void>;
  discard(): Promise<void>;
}

/**
 * Calls `write` with a new file in the target's folder.
 *
 * @param asError  converts a system error; default `fileError`
 * @throws ERR_DISK_FULL | ERR_IO | ERR_FILE_MISSING (the folder), and what `write` throws; nothing is left
 * behind
 */
export async function writeBeside(
  target: string,
  write: (handle: FileHandle) => Promise<void>,
  asError = (error: unknown): unknown => fileError(target, 'written', error),
): Promise<Prepared> {
  // A unique name, so that two concurrent writers of one target cannot mix: the last rename wins.
  const beside = `${target}.${randomSuffix()}.tmp`;
  const discard = (): Promise<void> => rm(beside, { force: true }).catch(() => undefined);
  try {
    const handle = await open(beside, 'wx');
    try {
      await write(handle);
      await handle.sync();
    } finally {
      await handle.close();
    }
  } catch (error) {
    await discard();
    throw asError(error);
  }
  const commit = async (): Promise<void> => {
    try {
      await rename(beside, target);
      await syncFolder(path.dirname(target));
    } catch (error) {
      await discard();
      throw asError(error);
    }
  };
  return { commit, discard };
}

/** Makes renames in a folder durable. Windows cannot open folders, and does this by itself. */
export async function syncFolder(folder: string): Promise<void> {
  if (process.platform === 'win32') return;
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Flushes a file's content. */
export async function syncFile(file: string): Promise<void> {
  const handle = await open(file, 'r+');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Appends all bytes. */
export async function writeAll(handle: FileHandle, bytes: Uint8Array): Promise<void> {
  for (let done = 0; done < bytes.length;) {
    const { bytesWritten } = await handle.write(bytes, done, bytes.length - done);
    done += bytesWritten;
  }
}
