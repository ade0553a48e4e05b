/** `GET /health`, `/livez`, `/readyz`, `/openapi.json`. */
import type { FastifyInstance } from 'fastify';
import type { ServerContext, ServiceContext } from '../context';
import { toPublicError } from '../http/public-error';
import { HEALTH, PROBE } from '../schemas/schemas';
import { isAuthorized } from '../guards/security';
import { VERSION } from '../../base/version';

export function healthRoutes(app: FastifyInstance, context: ServerContext): void {
  const { library } = context;
  const startedAt = performance.now();

  app.get('/health', { schema: HEALTH }, (request, reply) => {
    reply.header('cache-control', 'no-store');
    const status = library.isEmpty ? 'empty' : 'ok';
    // Without a token only the status is shown.
    if (!isAuthorized(request, context)) return { status };
    const stats = library.stats();
    return {
      status,
      version: VERSION,
      frames: stats.frames,
      images: stats.images,
      videos: stats.videos,
      pending: stats.media.pending,
      held_back: stats.heldBack,
      unreachable: stats.unreachable,
      dim: stats.dim,
      hnsw_nodes: stats.hnswNodes,
      max_level: stats.maxLevel,
      kernel: stats.kernel,
      metric: 'cosine',
      model: stats.model.id,
      bytes_on_disk: stats.bytesOnDisk,
      uptime_seconds: Math.round((performance.now() - startedAt) / 100) / 10,
    };
  });
}

export function probeRoutes(app: FastifyInstance, { readiness }: ServiceContext): void {
  app.get(
    '/livez',
    { schema: { summary: 'Is the process alive', ...PROBE } },
    (_request, reply) => {
      reply.header('cache-control', 'no-store');
      return { status: 'ok' };
    },
  );

  app.get(
    '/readyz',
    { schema: { summary: 'Would a search be answered without waiting', ...PROBE } },
    (request, reply) => {
      reply.header('cache-control', 'no-store');
      const { state, error } = readiness;
      if (state === 'ready') return { status: 'ready' };
      if (state === 'failed') {
        const { code, message } = toPublicError(error);
        reply.code(503);
        return { error: { code, message, request_id: request.id } };
      }
      const code = state === 'closing' ? 'ERR_CLOSED' : 'ERR_BUSY';
      const message =
        state === 'closing' ? 'The server is shutting down.' : 'The model is being loaded.';
      reply.code(503).header('retry-after', 1);
      return { error: { code, message, request_id: request.id } };
    },
  );

  app.get(
    '/openapi.json',
    { schema: { summary: 'This description', hide: true } },
    (_request, reply) => reply.header('cache-control', 'no-cache').send(app.swagger()),
  );
}
