/**
 * `GET /video/:id`: the original video, seekable. The only route that serves files from outside the
 * library's folder, and only files that the catalog lists as videos.
 */
import { constants, type BigIntStats } from 'node:fs';
import { open, type FileHandle } from 'node:fs/promises';
import path from 'node:path';
import type { FastifyInstance } from 'fastify';
import { makeError } from '../../base/errors';
import { parseRange } from '../http/byte-range';
import type { ServerContext } from '../context';
import { matchesEtag } from '../http/page-assets';
import { VIDEO } from '../schemas/schemas';

const CONTENT_TYPES: Readonly<Record<string, string>> = {
  '.mp4': 'video/mp4',
  '.m4v': 'video/mp4',
  '.mov': 'video/quicktime',
  '.mkv': 'video/x-matroska',
  '.webm': 'video/webm',
  '.avi': 'video/x-msvideo',
  '.mpg': 'video/mpeg',
  '.mpeg': 'video/mpeg',
  '.ts': 'video/mp2t',
  '.3gp': 'video/3gpp',
  '.ogv': 'video/ogg',
};

export function videoRoutes(app: FastifyInstance, context: ServerContext): void {
  // Explicit HEAD: the automatic one would read the whole file.
  app.route<{ Params: { id: string } }>({
    method: ['GET', 'HEAD'],
    url: '/video/:id',
    exposeHeadRoute: false,
    schema: VIDEO,
    handler: async (request, reply) => {
      const { id } = request.params;
      const media = context.library.mediaFile(id);
      if (media === undefined || media.kind !== 'video')
        throw makeError('ERR_NOT_FOUND', `video ${id} is not in this library`);
      const handle = await openRegular(media.path, id);
      // From here on, a handle that no stream took over must be closed.
      let isHanded = false;
      try {
        const info = await handle.stat({ bigint: true });
        const size = Number(info.size);
        const etag = videoEtag(info);
        reply
          .header('accept-ranges', 'bytes')
          .header('etag', etag)
          .header('cache-control', 'private, no-cache')
          .header('content-disposition', 'inline')
          .type(
            CONTENT_TYPES[path.extname(media.path).toLowerCase()] ?? 'application/octet-stream',
          );
        if (matchesEtag(request.headers['if-none-match'], etag))
          return await reply.code(304).send();
        // If-Range with an older tag: the parts would not fit, so send the whole file.
        const ifRange = request.headers['if-range'];
        const isCurrent = ifRange === undefined || ifRange === etag;
        const range = isCurrent ? parseRange(request.headers.range, size) : 'whole';
        if (range === 'unsatisfiable') {
          reply.header('content-range', `bytes */${size}`);
          throw makeError('ERR_REQUEST_RANGE', `the video has ${size} bytes`);
        }
        const { start, end } = range === 'whole' ? { start: 0, end: size - 1 } : range;
        reply.header('content-length', Math.max(0, end - start + 1));
        if (range !== 'whole')
          reply.code(206).header('content-range', `bytes ${start}-${end}/${size}`);
        if (request.method === 'HEAD' || size === 0) return await reply.send();
        // Fastify destroys the stream when the client disconnects, which closes the handle.
        isHanded = true;
        return await reply.send(handle.createReadStream({ start, end, autoClose: true }));
      } finally {
        if (!isHanded) await handle.close();
      }
    },
  });
}

/**
 * A strong tag without reading the file: inode and change time distinguish files with equal size and time,
 * as in copies of a library's folder.
 */
const videoEtag = ({ size, mtimeNs, ctimeNs, ino }: BigIntStats): string =>
  `"${[size, mtimeNs, ctimeNs, ino].map((part) => part.toString(36)).join('-')}"`;

/** Opens a regular file: no symbolic link, and no pipe or device, which could block. */
async function openRegular(file: string, id: string): Promise<FileHandle> {
  const gone = (cause?: unknown): Error =>
    makeError(
      'ERR_MEDIA_MISSING',
      `the file of video ${id} is missing; run a sync to update the library`,
      {
        cause,
      },
    );
  let handle: FileHandle;
  try {
    const flags = constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0);
    handle = await open(file, flags);
  } catch (cause) {
    throw gone(cause);
  }
  const isFile = await handle.stat().then(
    (stat) => stat.isFile(),
    () => false,
  );
  if (isFile) return handle;
  await handle.close();
  throw gone();
}
