/**
 * Opens only regular files: no symbolic link as the last part of the path, no FIFO that blocks, no device
 * that reacts to being opened.
 */
import { constants, type BigIntStats } from 'node:fs';
import { open, type FileHandle } from 'node:fs/promises';
import { isMissing } from '../base/files/system-errors';
import { makeError, messageOf } from '../base/errors';

/** Compared before and after a file is read. */
export interface FileIdentity {
  readonly ino: bigint;
  readonly dev: bigint;
  readonly size: bigint;
  readonly mtimeNs: bigint;
}

export interface OpenedFile {
  readonly handle: FileHandle;
  readonly identity: FileIdentity;
}

// Windows has neither flag; its FIFOs have no path, and creating links needs a privilege.
const FLAGS = constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0);

/**
 * The caller closes the handle.
 *
 * @throws ERR_MEDIA_MISSING; ERR_MEDIA_UNSUPPORTED when it is not a regular file; ERR_MEDIA_DECODE when the
 * system denies reading
 */
export async function openMedia(absPath: string): Promise<OpenedFile> {
  let handle: FileHandle;
  try {
    handle = await open(absPath, FLAGS);
  } catch (cause) {
    throw openError(absPath, cause);
  }
  try {
    const stats = await handle.stat({ bigint: true });
    if (!stats.isFile())
      throw makeError('ERR_MEDIA_UNSUPPORTED', `${absPath} is not a regular file`, {
        details: { path: absPath },
      });
    return { handle, identity: identityOf(stats) };
  } catch (error) {
    await handle.close();
    throw error;
  }
}

function openError(absPath: string, cause: unknown): Error {
  const code = (cause as NodeJS.ErrnoException).code;
  const details = { path: absPath, system: code };
  if (isMissing(cause))
    return makeError('ERR_MEDIA_MISSING', `${absPath} does not exist`, { details, cause });
  // ELOOP: a symbolic link. ENXIO and ENODEV: a socket, or a device without a driver.
  if (code === 'ELOOP' || code === 'ENXIO' || code === 'ENODEV')
    return makeError('ERR_MEDIA_UNSUPPORTED', `${absPath} is not a regular file`, {
      details,
      cause,
    });
  return makeError('ERR_MEDIA_DECODE', `${absPath} cannot be read: ${messageOf(cause)}`, {
    details,
    cause,
  });
}

function identityOf(stats: BigIntStats): FileIdentity {
  return { ino: stats.ino, dev: stats.dev, size: stats.size, mtimeNs: stats.mtimeNs };
}

/**
 * Checks that an open file has not changed since it was opened, by size, time and inode: a second hash would
 * read every file twice.
 *
 * @throws ERR_MEDIA_CHANGED
 */
export async function assertUnchanged(file: OpenedFile, absPath: string): Promise<void> {
  const now = identityOf(await file.handle.stat({ bigint: true }));
  const { identity } = file;
  if (now.size !== identity.size || now.mtimeNs !== identity.mtimeNs) {
    throw makeError('ERR_MEDIA_CHANGED', `${absPath} changed during reading`, {
      details: { path: absPath, sizeBefore: Number(identity.size), sizeAfter: Number(now.size) },
    });
  }
}
