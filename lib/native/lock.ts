/**
 * Files of which one process at a time is the holder. The lock is the kernel's: it is freed when the
 * holder closes the file, and when the holder dies.
 */
import { open, type FileHandle } from 'node:fs/promises';
import { codeOf } from '../base/errors';
import { fileError } from '../base/files/system-errors';
import { fromNative, native } from './index';

/**
 * Takes the lock at once or not at all. Makes the file if it is absent. It stays when the lock is
 * freed: removing it would let two holders in.
 *
 * @param note what the file says while it is held; nobody trusts it
 * @returns the file; closing it frees the lock
 * @throws ERR_FILE_LOCKED, with the holder's id if its note begins with one | ERR_IO |
 *   ERR_FILE_MISSING (the folder) | ERR_DISK_FULL
 */
export async function lockFile(file: string, note = `${process.pid}\n`): Promise<FileHandle> {
  let handle: FileHandle | undefined;
  try {
    handle = await open(file, 'a+');
    native().lockFile(handle.fd, file, false);
    await handle.truncate(0);
    await handle.writeFile(note);
    return handle;
  } catch (error) {
    await handle?.close();
    throw fileError(file, 'locked', fromNative(error));
  }
}

/** Whether somebody holds the lock. Keeps holders out while it looks. */
export async function isLocked(file: string): Promise<boolean> {
  const handle = await open(file, 'r').catch(() => undefined);
  if (handle === undefined) return false;
  try {
    native().lockFile(handle.fd, file, true);
    return false;
  } catch (error) {
    return codeOf(fromNative(error)) === 'ERR_FILE_LOCKED';
  } finally {
    await handle.close();
  }
}
