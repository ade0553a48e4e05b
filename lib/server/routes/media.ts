/**
 * `GET /media/:id`: the original file of a picture or video, with byte ranges; `GET /video/:id`: the same
 * for videos only. Files come from the library by id, never by path.
 */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { codeOf, makeError } from '../../base/errors';
import type { MediaKind } from '../../base/types';
import type { OriginalFile } from '../../library/types';
import type { ServerContext } from '../context';
import { parseRange } from '../http/byte-range';
import { matchesEtag } from '../http/page-assets';
import { MEDIA, VIDEO } from '../schemas/schemas';

type MediaRequest = FastifyRequest<{
  Params: { id: string };
  Querystring: { download?: boolean };
}>;

export function mediaRoutes(app: FastifyInstance, context: ServerContext): void {
  const { library } = context;

  async function openIt(id: string, kind: MediaKind | undefined): Promise<OriginalFile> {
    const word = kind ?? 'media file';
    const media = library.mediaFile(id);
    if (media === undefined || (kind !== undefined && media.kind !== kind))
      throw makeError('ERR_NOT_FOUND', `${word} ${id} is not in this library`);
    try {
      return await library.openMediaFile(id);
    } catch (cause) {
      // In words without its path.
      if (codeOf(cause) === 'ERR_MEDIA_MISSING')
        throw makeError(
          'ERR_MEDIA_MISSING',
          `the file of ${word} ${id} is missing; run a sync to update the library`,
          { cause },
        );
      if (codeOf(cause) === 'ERR_MEDIA_CHANGED')
        throw makeError(
          'ERR_MEDIA_CHANGED',
          `the file of ${word} ${id} has changed since it was indexed; run a sync to update the library`,
          { cause },
        );
      throw cause;
    }
  }

  async function answer(
    request: MediaRequest,
    reply: FastifyReply,
    kind?: MediaKind,
  ): Promise<FastifyReply> {
    const original = await openIt(request.params.id, kind);
    // From here on, a handle that no stream took over must be closed.
    let isHanded = false;
    try {
      const { sizeBytes: size, contentType } = original;
      const etag = `"${original.version}"`;
      // What no browser shows as a picture or film is saved, never opened in this site's name.
      const isShown = /^(image|video)\//.test(contentType) && request.query.download !== true;
      reply
        .header('accept-ranges', 'bytes')
        .header('etag', etag)
        .header('cache-control', 'private, no-cache')
        .header(
          'content-disposition',
          disposition(isShown ? 'inline' : 'attachment', original.name),
        )
        .type(contentType);
      if (matchesEtag(request.headers['if-none-match'], etag)) return await reply.code(304).send();
      // If-Range with an older tag: the parts would not fit, so send the whole file.
      const ifRange = request.headers['if-range'];
      const isCurrent = ifRange === undefined || ifRange === etag;
      const range = isCurrent ? parseRange(request.headers.range, size) : 'whole';
      if (range === 'unsatisfiable') {
        reply.header('content-range', `bytes */${size}`);
        throw makeError('ERR_REQUEST_RANGE', `the file has ${size} bytes`);
      }
      const { start, end } = range === 'whole' ? { start: 0, end: size - 1 } : range;
      const length = Math.max(0, end - start + 1);
      reply.header('content-length', length);
      if (range !== 'whole')
        reply.code(206).header('content-range', `bytes ${start}-${end}/${size}`);
      if (request.method === 'HEAD' || size === 0) return await reply.send();
      // Fastify destroys the stream when the client disconnects, which closes the handle.
      isHanded = true;
      const stream = original.handle.createReadStream({ start, end, autoClose: true });
      // A file that shrank meanwhile: the client must not take what it got for all, nor wait for more.
      stream.once('end', () => {
        if (stream.bytesRead < length) reply.raw.destroy();
      });
      return await reply.send(stream);
    } finally {
      if (!isHanded) await original.handle.close();
    }
  }

  const serve = (url: string, schema: typeof MEDIA | typeof VIDEO, kind?: MediaKind): void => {
    // Explicit HEAD: the automatic one would read the whole file.
    for (const method of ['GET', 'HEAD'] as const)
      app.route<{ Params: { id: string }; Querystring: { download?: boolean } }>({
        method,
        url,
        exposeHeadRoute: false,
        schema: method === 'GET' ? schema : { ...schema, hide: true },
        handler: (request, reply) => answer(request, reply, kind),
      });
  };
  serve('/media/:id', MEDIA);
  serve('/video/:id', VIDEO, 'video');
}

/** Content-Disposition with the file's name, plain and in UTF-8 (RFC 6266). */
function disposition(how: 'inline' | 'attachment', name: string): string {
  const plain = name.replace(/[^\x20-\x7e]|["\\%]/g, '_');
  // A lone surrogate has no UTF-8.
  const utf8 = encodeURIComponent(Buffer.from(name).toString()).replace(
    /['()*]/g,
    (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`,
  );
  return `${how}; filename="${plain}"; filename*=UTF-8''${utf8}`;
}
