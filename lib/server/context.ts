/** What the routes share: the library, the limits and what guards them. */
import type { FastifyReply } from 'fastify';
import type { Library } from '../library-types';
import type { Gate } from './gate';
import type { ServerLimits } from './limits';
import type { Log } from './log';
import type { Readiness } from './readiness';
import type { TokenGuard } from './token';

export interface ServerContext {
  readonly library: Library;
  readonly limits: ServerLimits;
  readonly log: Log;
  readonly token: TokenGuard | undefined;
  readonly searches: Gate;
  readonly uploads: Gate;
  /** Requests for embeddings: many at once, because they share calls of the model. */
  readonly embeds: Gate;
  readonly readiness: Readiness;
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
