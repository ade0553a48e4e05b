/**
 * `GET /frame/:id/:version`: a frame's picture at its `frame_url`, cacheable forever; and `GET /frame/:id`,
 * revalidated each time, because another library with a frame 0 may be served at the same host and port
 * later.
 */
import { readFile } from 'node:fs/promises';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { makeError } from '../../base/errors';
import type { ServerContext } from '../context';
import { etagOf, matchesEtag } from '../http/page-assets';
import { FRAME, FRAME_OF_VERSION } from '../schemas/schemas';
import { Thumbnails, widthStep } from '../http/thumbnails';

const KEPT = 'private, max-age=31536000, immutable';
const ASKED_FOR = 'private, no-cache';

export function frameRoutes(app: FastifyInstance, context: ServerContext): void {
  const { library } = context;
  const thumbnails = new Thumbnails();

  async function pictureOf(id: number, wish: number | undefined): Promise<Buffer> {
    const frame = library.frame(id);
    const file = library.frameFile(id);
    if (frame === undefined || file === undefined)
      throw makeError('ERR_NOT_FOUND', `frame ${id} is not in this library`);
    const bytes = await readFrame(file, id);
    const width = wish === undefined ? undefined : widthStep(wish, frame.width);
    return width === undefined ? bytes : thumbnails.get(etagOf(bytes), width, bytes);
  }

  async function answer(
    request: FastifyRequest<{ Params: { id: string }; Querystring: { w?: number } }>,
    reply: FastifyReply,
    cacheControl: string,
  ): Promise<FastifyReply> {
    const bytes = await pictureOf(Number(request.params.id), request.query.w);
    const etag = etagOf(bytes);
    reply.header('etag', etag).header('cache-control', cacheControl);
    if (matchesEtag(request.headers['if-none-match'], etag)) return reply.code(304).send();
    return reply.type('image/jpeg').send(bytes);
  }

  app.get<{ Params: { id: string }; Querystring: { w?: number } }>(
    '/frame/:id',
    { schema: FRAME },
    (request, reply) => answer(request, reply, ASKED_FOR),
  );

  app.get<{ Params: { id: string; version: string }; Querystring: { w?: number } }>(
    '/frame/:id/:version',
    { schema: FRAME_OF_VERSION },
    (request, reply) => {
      const { id, version } = request.params;
      // Not the current picture: browsers may have cached another one under this URL.
      if (library.frameVersion(Number(id)) !== version)
        throw makeError(
          'ERR_NOT_FOUND',
          `frame ${id} has no such version: this URL is outdated or of another library; search again`,
        );
      return answer(request, reply, KEPT);
    },
  );
}

async function readFrame(file: string, id: number): Promise<Buffer> {
  try {
    return await readFile(file);
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'ENOENT') throw cause;
    throw makeError(
      'ERR_FILE_MISSING',
      `the picture of frame ${id} is missing; \`sightline verify --repair\` makes it again`,
      { cause },
    );
  }
}
