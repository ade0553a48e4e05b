/** `GET /health`, `/livez`, `/readyz`, `/openapi.json`, `/docs`. */
import type { FastifyInstance } from 'fastify';
import type { ServerContext, ServiceContext } from '../context';
import type { SyncState } from '../sync-state';
import { DOCS_POLICY, docsPage, type ApiDescription } from '../http/docs-page';
import { toPublicError } from '../http/public-error';
import { HEALTH, PROBE } from '../schemas/schemas';
import { isAuthorized } from '../guards/security';
import { PHOTOGRAPH_MODEL } from '../../library/models';
import { VERSION } from '../../base/version';

export function healthRoutes(app: FastifyInstance, context: ServerContext): void {
  const { library } = context;
  const startedAt = performance.now();

  app.get('/health', { schema: HEALTH }, async (request, reply) => {
    reply.header('cache-control', 'no-store');
    // What fails here fails in a search too, which says why; figures are those known.
    await library.refresh().catch(() => undefined);
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
      offered_model: context.modelChange.offered,
      bytes_on_disk: stats.bytesOnDisk,
      ...(stats.recovered === undefined ? {} : { recovered: stats.recovered }),
      sync: syncOf(context.sync()),
      ...(context.isLocal ? { root: library.root } : {}),
      uptime_seconds: Math.round((performance.now() - startedAt) / 100) / 10,
    };
  });
}

/** Of a download: who serves the library sees on the command line what went wrong. */
const NO_DOWNLOAD =
  `The model could not be fetched. Try again, or run \`sightline models pull ${PHOTOGRAPH_MODEL}\` on the ` +
  'machine that serves this library: it says why.';

function syncOf({ framesTotal, finishedAt, error, ...state }: SyncState): object {
  const told = error === undefined ? undefined : toPublicError(error);
  const isDownload = state.phase === 'download' && told?.code !== 'ERR_DISK_FULL';
  return {
    ...state,
    frames_total: framesTotal,
    finished_at: finishedAt,
    error: told && { code: told.code, message: isDownload ? NO_DOWNLOAD : told.message },
  };
}

export function probeRoutes(app: FastifyInstance, { readiness }: ServiceContext): void {
  app.get(
    '/livez',
    {
      schema: { operationId: 'livez', tags: ['State'], summary: 'Is the process alive', ...PROBE },
    },
    (_request, reply) => {
      reply.header('cache-control', 'no-store');
      return { status: 'ok' };
    },
  );

  app.get(
    '/readyz',
    {
      schema: {
        operationId: 'readyz',
        tags: ['State'],
        summary: 'Would a search be answered without waiting',
        ...PROBE,
      },
    },
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

  // Public: it says what every server of this version can do, nothing of this one.
  app.get('/docs', { schema: { hide: true }, config: { isPublic: true } }, (request, reply) => {
    const [address = ''] = request.originalUrl.split('?', 1);
    const folder = address.slice(0, -'/docs'.length);
    const origin = `http://${request.headers.host ?? 'localhost'}${folder}`;
    return reply
      .header('cache-control', 'no-cache')
      .header('content-security-policy', DOCS_POLICY)
      .type('text/html; charset=utf-8')
      .send(docsPage(app.swagger() as unknown as ApiDescription, origin));
  });
}
