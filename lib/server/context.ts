/** Shared by the routes: what is served, limits and gates. */
import type { FastifyReply } from 'fastify';
import type { Library } from '../library/types';
import type { EmbeddingService } from '../service';
import type { Gate } from './guards/gate';
import type { ServerLimits } from './limits';
import type { Log } from './log';
import type { ModelChange } from './model-change';
import type { Readiness } from './readiness';
import type { SyncState } from './sync-state';
import type { TokenGuard } from './guards/token';

/** What a server has that only embeds. */
export interface ServiceContext {
  readonly embeddings: EmbeddingService;
  readonly limits: ServerLimits;
  readonly log: Log;
  readonly token: TokenGuard | undefined;
  readonly uploads: Gate;
  /** Requests for embeddings: many at once, because they are batched for the model. */
  readonly embeds: Gate;
  readonly readiness: Readiness;
}

export interface ServerContext extends ServiceContext {
  readonly library: Library;
  readonly sync: () => SyncState;
  readonly modelChange: ModelChange;
  /** Only this machine can ask, and without a proxy: it may know where the library is. */
  readonly isLocal: boolean;
  readonly searches: Gate;
}

/**
 * Fires when the client disconnects before its response. Not `request.signal`: that follows the request
 * stream, which for a POST closes once the body is read.
 */
export function clientGone(reply: FastifyReply): AbortSignal {
  const controller = new AbortController();
  const { raw } = reply;
  raw.once('close', () => {
    if (!raw.writableFinished) controller.abort();
  });
  return controller.signal;
}
