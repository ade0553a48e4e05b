/**
 * Bodies may take long on a slow line, but not stand still: what counts is progress, not the whole time.
 */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { makeError } from '../../base/errors';
import type { ServerLimits } from '../limits';

/** Answers 408 and closes the connection when too few bytes of a body arrive. */
export function watchBodies(
  app: FastifyInstance,
  limits: ServerLimits,
  sendError: (error: unknown, request: FastifyRequest, reply: FastifyReply) => void,
): void {
  // Not earlier: until the request is admitted nobody reads its body.
  app.addHook('preParsing', async (request, reply, payload) => {
    const { raw } = request;
    const { headers, socket } = raw;
    const hasBody =
      headers['transfer-encoding'] !== undefined || Number(headers['content-length']) > 0;
    if (!hasBody || raw.complete) return payload;
    let before = socket.bytesRead;
    const timer = setInterval(() => {
      const now = socket.bytesRead;
      const isMoving = now - before >= limits.bodyProgressBytes;
      before = now;
      if (isMoving && !raw.complete) return;
      clearInterval(timer);
      if (raw.complete || reply.sent) return;
      const seconds = limits.bodyProgressMs / 1000;
      const message = `the request stood still: fewer than ${limits.bodyProgressBytes} bytes in ${seconds} s`;
      reply.header('connection', 'close');
      sendError(makeError('ERR_REQUEST_TIMEOUT', message), request, reply);
    }, limits.bodyProgressMs).unref();
    reply.raw.once('close', () => clearInterval(timer));
    return payload;
  });
}
