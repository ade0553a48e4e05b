/** `GET /frame/:id`: the picture of a frame. Ids are never reused, so browsers may keep it for good. */
import { readFile } from 'node:fs/promises';
import type { FastifyInstance } from 'fastify';
import { makeError } from '../../errors';
import type { ServerContext } from '../context';
import { etagOf, matchesEtag } from '../page-assets';
import { FRAME } from '../schemas';
import { Thumbnails, widthStep } from '../thumbnails';

const CACHE_CONTROL = 'private, max-age=31536000, immutable';

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

  app.get<{ Params: { id: string }; Querystring: { w?: number } }>(
    '/frame/:id',
    { schema: FRAME },
    async (request, reply) => {
      const bytes = await pictureOf(Number(request.params.id), request.query.w);
      const etag = etagOf(bytes);
      reply.header('etag', etag).header('cache-control', CACHE_CONTROL);
      if (matchesEtag(request.headers['if-none-match'], etag)) return reply.code(304).send();
      return reply.type('image/jpeg').send(bytes);
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
