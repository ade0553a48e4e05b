/**
 * Main file of a decoder child process: handles one request at a time, and exits when its parent does or
 * when it grows too big. Started only by `DecodePool`.
 */
import { isLibraryError, makeError, messageOf } from '../../base/errors';
import { EXIT_MEMORY, type DecodeReply, type DecodeRequest } from './decode-protocol';
import { decodePicture, prepareDecoder } from './decode-picture';
import { LIMITS, pictureLimits, type PictureLimits } from '../limits';
import { assertUnchanged, openMedia } from '../safe-open';

/** Short enough that a decoder cannot fill the memory between two checks. */
const MEMORY_CHECK_MS = 25;

function reply(message: DecodeReply): void {
  process.send?.(message);
}

async function bytesOf(request: DecodeRequest): Promise<Uint8Array> {
  if (request.bytes !== undefined) return request.bytes;
  const absPath = request.absPath ?? '';
  const opened = await openMedia(absPath);
  try {
    const size = Number(opened.identity.size);
    if (size > LIMITS.imageBytes)
      throw makeError(
        'ERR_MEDIA_LIMIT',
        `${size} bytes are more than ${LIMITS.imageBytes} for one picture`,
        { details: { size } },
      );
    const bytes = await opened.handle.readFile();
    await assertUnchanged(opened, absPath);
    return bytes;
  } finally {
    await opened.handle.close();
  }
}

let memoryBytes: number = LIMITS.childRssBytes;

async function answer(request: DecodeRequest): Promise<void> {
  try {
    const limits: PictureLimits = pictureLimits(request.limits);
    memoryBytes = limits.memoryBytes;
    const picture = await decodePicture(await bytesOf(request), request.maxSize, limits);
    reply({ id: request.id, picture });
  } catch (error) {
    const code = isLibraryError(error) ? error.code : 'ERR_MEDIA_DECODE';
    reply({ id: request.id, code, message: messageOf(error) });
  }
}

try {
  prepareDecoder();
  process.on('message', (request: DecodeRequest) => void answer(request));
} catch (error) {
  reply({ fatal: messageOf(error) });
}
// The parent has ended.
process.on('disconnect', () => process.exit(0));
// Ctrl-C reaches the whole process group; the parent decides when its children stop.
process.on('SIGINT', () => undefined);
setInterval(() => {
  if (process.memoryUsage.rss() > memoryBytes) process.exit(EXIT_MEMORY);
}, MEMORY_CHECK_MS);
