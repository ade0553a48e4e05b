/** `GET /metrics` for Prometheus, `GET /info` for users and clients. */
import type { FastifyInstance } from 'fastify';
import { MAX_TEXT } from '../../base/limits';
import type { Library } from '../../library/types';
import type { ServiceContext } from '../context';
import { largeJsonBytes } from '../http/embed-requests';
import { MAX_EMBED_INPUTS } from '../limits';
import { INFO } from '../schemas/embed-schemas';
import { VERSION } from '../../base/version';

/** @param library  undefined for a server that only embeds */
export function metricsRoutes(
  app: FastifyInstance,
  { embeddings, limits }: ServiceContext,
  library?: Library,
): void {
  app.get(
    '/metrics',
    {
      schema: {
        operationId: 'metrics',
        tags: ['State'],
        summary: 'Figures for Prometheus',
        response: {
          200: { description: 'Text', content: { 'text/plain': { schema: { type: 'string' } } } },
        },
      },
    },
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
      ...(library === undefined ? {} : { spaces: library.stats().spaces }),
      cache: embeddings.cache.stats(),
      limits: {
        inputs: MAX_EMBED_INPUTS,
        text_length: MAX_TEXT,
        json_bytes: limits.jsonBytes,
        embed_json_bytes: largeJsonBytes(limits),
        upload_bytes: limits.uploadBytes,
        active_requests: limits.activeEmbeds,
        queued_requests: limits.queuedSearches,
      },
    };
  });
}
