/**
 * Opens the original of an indexed media file: only if it still is the file that was indexed, and really
 * beneath the root. The one way from an id to a file outside the library's own folder.
 */
import { stat, realpath, type FileHandle } from 'node:fs/promises';
import path from 'node:path';
import { codeOf, makeError } from '../../base/errors';
import { openMedia } from '../safe-open';
import { SNIFF_BYTES } from '../sniff';
import { contentTypeOf } from './content-type';

export interface OriginalFile extends AsyncDisposable {
  /** Open for reading; the caller closes it. */
  readonly handle: FileHandle;
  readonly sizeBytes: number;
  /** Changes whenever the bytes may have changed. */
  readonly version: string;
  /** By the file's first bytes, for example `image/jpeg`. */
  readonly contentType: string;
  /** Last part of the path. */
  readonly name: string;
}

/** A file as it was indexed. */
export interface IndexedFile {
  /** Relative to the root, with `/`. */
  readonly path: string;
  readonly sizeBytes: number;
  readonly mtimeMs: number;
}

/**
 * @param root  of the library
 * @throws ERR_MEDIA_MISSING when the file is gone, is no regular file any more, or is reached through a
 *   link; ERR_MEDIA_CHANGED when it is not the file that was indexed
 */
export async function openOriginal(root: string, media: IndexedFile): Promise<OriginalFile> {
  const gone = (cause?: unknown): Error =>
    makeError('ERR_MEDIA_MISSING', `${media.path} is not where it was; run a sync`, { cause });
  const realRoot = await realpath(root).catch((cause: unknown) => {
    throw gone(cause);
  });
  const file = path.join(realRoot, ...media.path.split('/'));
  const { handle } = await openMedia(file).catch((cause: unknown) => {
    // What is there now is no media file that was indexed, whatever else it may be.
    const isOther = ['ERR_MEDIA_MISSING', 'ERR_MEDIA_UNSUPPORTED'].includes(codeOf(cause) ?? '');
    throw isOther ? gone(cause) : cause;
  });
  try {
    const [info, exact] = [await handle.stat(), await handle.stat({ bigint: true })];
    // After opening: a folder on the way may have become a link in between.
    const real = await realpath(file);
    const there = await stat(real, { bigint: true });
    const isInside = real.startsWith(realRoot.endsWith(path.sep) ? realRoot : realRoot + path.sep);
    if (!isInside || there.ino !== exact.ino || there.dev !== exact.dev) throw gone();
    if (info.size !== media.sizeBytes || info.mtimeMs !== media.mtimeMs)
      throw makeError(
        'ERR_MEDIA_CHANGED',
        `${media.path} changed since it was indexed; run a sync`,
      );
    const head = Buffer.alloc(SNIFF_BYTES);
    const { bytesRead } = await handle.read(head, 0, head.length, 0);
    const { size, mtimeNs, ctimeNs, ino } = exact;
    return {
      handle,
      sizeBytes: info.size,
      // Inode and time of change tell files of equal size and time apart, as in copies of a folder.
      version: [size, mtimeNs, ctimeNs, ino].map((part) => part.toString(36)).join('-'),
      contentType: contentTypeOf(head.subarray(0, bytesRead)),
      name: path.posix.basename(media.path),
      [Symbol.asyncDispose]: () => handle.close(),
    };
  } catch (error) {
    await handle.close();
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') throw gone(error);
    throw error;
  }
}
