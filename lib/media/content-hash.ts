/** Hashes a file's content, by which a moved file is recognized. */
import { createHash } from 'node:crypto';
import { throwIfAborted } from '../base/abort';
import { isError, makeError, messageOf } from '../base/errors';
import { assertUnchanged, openMedia } from './safe-open';

const CHUNK_BYTES = 1024 * 1024;

/**
 * SHA-256 of a file.
 *
 * @returns 64 lower-case hex digits
 * @throws ERR_MEDIA_CHANGED when the file changed meanwhile; ERR_MEDIA_MISSING |
 *   ERR_MEDIA_UNSUPPORTED | ERR_MEDIA_DECODE | ERR_ABORTED
 */
export async function contentHash(
  file: { readonly absPath: string },
  options: { readonly signal?: AbortSignal } = {},
): Promise<string> {
  const opened = await openMedia(file.absPath);
  try {
    const hash = createHash('sha256');
    const size = Number(opened.identity.size);
    const buffer = Buffer.allocUnsafe(Math.max(1, Math.min(CHUNK_BYTES, size)));
    for (;;) {
      throwIfAborted(options.signal, 'reading was aborted');
      const { bytesRead } = await opened.handle.read(buffer, 0, buffer.length, null);
      if (bytesRead === 0) break;
      hash.update(buffer.subarray(0, bytesRead));
    }
    await assertUnchanged(opened, file.absPath);
    return hash.digest('hex');
  } catch (error) {
    if (isError(error) && 'syscall' in error)
      throw makeError('ERR_MEDIA_DECODE', `${file.absPath} cannot be read: ${messageOf(error)}`, {
        details: { path: file.absPath },
        cause: error,
      });
    throw error;
  } finally {
    await opened.handle.close();
  }
}
