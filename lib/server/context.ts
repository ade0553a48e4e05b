/** What the routes share: what is served, the limits and what guards them. */
import type { FastifyReply } from 'fastify';
import type { Library } from '../library/types';
import type { EmbeddingService } from '../service';
import type { Gate } from './guards/gate';
import type { ServerLimits } from './limits';
import type { Log } from './log';
import type { Readiness } from './readiness';
import type { TokenGuard } from './guards/token';

/** What a server has that only embeds. */
export interface ServiceContext {
  readonly embeddings: EmbeddingService;
  readonly limits: ServerLimits;
  readonly log: Log;
  readonly token: TokenGuard | undefined;
  readonly uploads: Gate;
  /** Requests for embeddings: many at once, because they share calls of the model. */
  readonly embeds: Gate;
  readonly readiness: Readiness;
}

export interface ServerContext extends ServiceContext {
  readonly library: Library;
  readonly searches: Gate;
}

/**
 * Fires when the client goes away before it has its answer. Not `request.signal`: that one follows
 * the request stream, which for a POST closes as soon as the body has been read.
 */
export function clientGone(reply: FastifyReply): AbortSignal {
  const controller = new AbortController();
  const { raw } = reply;
  raw.once('close', () => {
    if (!raw.writableFinished) controller.abort();
  });
  return controller.signal;
}
