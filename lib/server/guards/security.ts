/** Hooks that run before every route: headers, Host, other sites, token. Also replies to malformed HTTP. */
import { STATUS_CODES, type IncomingMessage, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { makeError, type ErrorCode } from '../../base/errors';
import { hostName, hostRule, isOwnSite } from './access';
import type { ServiceContext } from '../context';
import { CORS_HEADERS, PREFLIGHT_HEADERS, SECURITY_HEADERS } from './headers';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Needs no token: the page itself, which asks for it, and the probes. */
    readonly isPublic?: boolean;
  }
}

const PUBLIC_PATHS = new Set(['/livez', '/readyz', '/health']);

export function addSecurity(
  app: FastifyInstance,
  context: ServiceContext,
  names: {
    readonly bindHost: string;
    readonly allowedHosts: readonly string[];
    readonly corsOrigins: readonly string[];
  },
): void {
  const isKnownHost = hostRule(names.bindHost, names.allowedHosts);
  const friends = new Set(names.corsOrigins);
  app.addHook('onRequest', async (request, reply) => {
    reply.headers(SECURITY_HEADERS).header('x-request-id', request.id);
    if (context.readiness.state === 'closing') {
      reply.header('connection', 'close');
      throw makeError('ERR_CLOSED', 'the server is shutting down');
    }
    if (countOf(request.raw, 'host') !== 1 || !isKnownHost(request.headers.host))
      throw makeError('ERR_UNAUTHORIZED', strangeHost(request.headers.host));
    const isRead = request.method === 'GET' || request.method === 'HEAD';
    if (friends.size > 0) reply.header('vary', 'origin');
    const { origin } = request.headers;
    if (origin !== undefined && friends.has(origin)) {
      reply.headers({ ...CORS_HEADERS, 'access-control-allow-origin': origin });
      const isPreflight = request.headers['access-control-request-method'] !== undefined;
      // Browsers send no token with it.
      if (request.method === 'OPTIONS' && isPreflight)
        return reply.headers(PREFLIGHT_HEADERS).code(204).send();
    }
    if (!isOwnSite(request.headers, isRead, friends))
      throw makeError('ERR_UNAUTHORIZED', 'requests from other sites are not answered');
    if (context.token === undefined || isPublic(request)) return;
    try {
      context.token.check(request.headers, request.ip);
    } catch (error) {
      reply.header('www-authenticate', 'Bearer realm="sightline"');
      throw error;
    }
  });
}

/** Names the name, if it is one, and what admits it. */
function strangeHost(header: string | undefined): string {
  const name = hostName(header);
  if (name === undefined) return 'the request has no valid Host header';
  return (
    `this server does not answer to the name "${name}": use the address it printed, ` +
    `or start it with --allow-host ${name} (in a program: allowedHosts)`
  );
}

const isPublic = (request: FastifyRequest): boolean =>
  request.routeOptions.config.isPublic === true || PUBLIC_PATHS.has(request.routeOptions.url ?? '');

/** True when the request may see what a token protects. */
export function isAuthorized(request: FastifyRequest, context: ServiceContext): boolean {
  if (context.token === undefined) return true;
  try {
    context.token.check(request.headers, request.ip);
    return true;
  } catch {
    return false;
  }
}

/** How often a header was sent; Node keeps only the first of several Host headers. */
function countOf(request: IncomingMessage, name: string): number {
  let count = 0;
  for (let i = 0; i < request.rawHeaders.length; i += 2)
    if (request.rawHeaders[i]?.toLowerCase() === name) count++;
  return count;
}

const BROKEN: Readonly<Record<string, readonly [number, ErrorCode, string]>> = {
  HPE_HEADER_OVERFLOW: [431, 'ERR_REQUEST_LIMIT', 'the headers are too large'],
  ERR_HTTP_REQUEST_TIMEOUT: [408, 'ERR_REQUEST_TIMEOUT', 'the request took too long to arrive'],
};

/** Answers what Node's parser refused, then closes the socket. Never throws. */
export function onBrokenRequest(error: Error & { code?: string }, socket: Socket): void {
  const [status, code, message] = BROKEN[error.code ?? ''] ?? [
    400,
    'ERR_REQUEST_INVALID',
    'the request is not valid HTTP',
  ];
  // A response may be half written; a second head inside it would be read as its body.
  const current = (socket as Socket & { _httpMessage?: ServerResponse | null })._httpMessage;
  if (!socket.writable || error.code === 'ECONNRESET' || current?.headersSent === true) {
    socket.destroy();
    return;
  }
  const body = JSON.stringify({ error: { code, message, request_id: '' } });
  const head = [
    `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}`,
    ...Object.entries(SECURITY_HEADERS).map(([name, value]) => `${name}: ${value}`),
    'content-type: application/json; charset=utf-8',
    `content-length: ${Buffer.byteLength(body)}`,
    'connection: close',
  ];
  socket.end(`${head.join('\r\n')}\r\n\r\n${body}`, () => socket.destroy());
}
