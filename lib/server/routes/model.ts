/** `GET /model` and `POST /model`: the model for photographs, where the built-in one finds little. */
import type { FastifyInstance } from 'fastify';
import { PHOTOGRAPH_MODEL } from '../../library/models';
import type { ServerContext } from '../context';
import { MODEL_GET, MODEL_POST } from '../schemas/model-schemas';

export function modelRoutes(app: FastifyInstance, { modelChange }: ServerContext): void {
  app.get('/model', { schema: MODEL_GET }, async (_request, reply) => {
    reply.header('cache-control', 'no-store');
    modelChange.check();
    return { model: PHOTOGRAPH_MODEL, bytes: await modelChange.bytes() };
  });

  app.post('/model', { schema: MODEL_POST }, async (_request, reply) => {
    reply.header('cache-control', 'no-store');
    await modelChange.start();
    return { model: PHOTOGRAPH_MODEL };
  });
}
