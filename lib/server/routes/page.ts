/** `GET /` and the page's files, and `POST /session`, to which the page sends its token once. */
import type { FastifyInstance } from 'fastify';
import { makeError } from '../../base/errors';
import type { ServerContext } from '../context';
import { loadAssets, matchesEtag } from '../http/page-assets';
import { SESSION } from '../schemas/schemas';

export function pageRoutes(app: FastifyInstance, context: ServerContext): void {
  for (const [address, asset] of loadAssets()) {
    app.get(address, { schema: { hide: true }, config: { isPublic: true } }, (request, reply) => {
      // Revalidated every time, almost always answered by 304: updates show at once.
      reply.header('etag', asset.etag).header('cache-control', 'no-cache');
      if (matchesEtag(request.headers['if-none-match'], asset.etag)) return reply.code(304).send();
      return reply.type(asset.contentType).send(asset.bytes);
    });
  }

  app.post<{ Body: { token: string } }>(
    '/session',
    { schema: SESSION, config: { isPublic: true } },
    (request, reply) => {
      if (context.token === undefined)
        throw makeError('ERR_NOT_FOUND', 'this server requires no token');
      context.token.checkToken(request.body.token, request.ip);
      return reply.header('set-cookie', context.token.setCookie).code(204).send();
    },
  );
}
