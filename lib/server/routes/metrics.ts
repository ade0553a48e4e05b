/** `GET /metrics` for Prometheus, `GET /info` for users and clients. */
import type { FastifyInstance } from 'fastify';
import { MAX_TEXT } from '../../base/limits';
import type { ServiceContext } from '../context';
import { MAX_EMBED_INPUTS } from '../limits';
import { INFO } from '../schemas/embed-schemas';
import { VERSION } from '../../base/version';

export function metricsRoutes(app: FastifyInstance, { embeddings, limits }: ServiceContext): void {
  app.get(
    '/metrics',
    { schema: { summary: 'Figures for Prometheus' } },
    async (_request, reply) => {
      const { registry } = embeddings.metrics;
      const text = await registry.metrics();
      return reply
        .header('cache-control', 'no-store')
        .header('content-type', registry.contentType)
        .send(text);
    },
  );

  app.get('/info', { schema: INFO }, (_request, reply) => {
    reply.header('cache-control', 'no-store');
    return {
      version: VERSION,
      models: {
        text: { ...embeddings.models.instruction, dim: embeddings.instructionDim },
        image: { ...embeddings.models.image, dim: embeddings.imageDim },
      },
      cache: embeddings.cache.stats(),
      limits: {
        inputs: MAX_EMBED_INPUTS,
        text_length: MAX_TEXT,
        json_bytes: limits.jsonBytes,
        upload_bytes: limits.uploadBytes,
        active_requests: limits.activeEmbeds,
        queued_requests: limits.queuedSearches,
      },
    };
  });
}
