/** Assembles the server: limits, guards, routes, errors. Opens no port. */
import { randomUUID } from 'node:crypto';
import multipart from '@fastify/multipart';
import swagger from '@fastify/swagger';
import fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify';
import { isError, isLibraryError, makeError, type ErrorCode } from '../base/errors';
import { outOfRange } from '../base/options';
import type { Library } from '../library/types';
import { isNetwork } from '../config/parsers';
import { EmbeddingService } from '../service';
import { isLoopbackBind } from './guards/access';
import { watchBodies } from './guards/body-progress';
import { watchConnections } from './guards/connections';
import type { ServerContext, ServiceContext } from './context';
import { Gate } from './guards/gate';
import { CORS_HEADERS, SECURITY_HEADERS } from './guards/headers';
import { DEFAULT_LIMITS, type ServerLimits } from './limits';
import { AllowedMethods } from './http/allowed-methods';
import type { Log } from './log';
import { toPublicError } from './http/public-error';
import { ModelChange, type Writer } from './model-change';
import { Readiness } from './readiness';
import { NO_SYNC, type SyncState } from './sync-state';
import { embedRoutes } from './routes/embed';
import { frameRoutes } from './routes/frames';
import { mediaRoutes } from './routes/media';
import { metricsRoutes } from './routes/metrics';
import { modelRoutes } from './routes/model';
import { openAiRoutes } from './routes/openai';
import { pageRoutes } from './routes/page';
import { searchRoutes } from './routes/search';
import { healthRoutes, probeRoutes } from './routes/status';
import type { FieldSchema } from './schemas/schemas';
import { addSecurity, onBrokenRequest } from './guards/security';
import { convertFields } from './schemas/strict-fields';
import { COOKIE_NAME, TokenGuard } from './guards/token';
import { VERSION } from '../base/version';

export interface ServerOptions {
  /** Address it will listen on, for the Host header rule; default 127.0.0.1. */
  readonly host?: string;
  /** Further host names of the server, for example of a proxy. */
  readonly allowedHosts?: readonly string[];
  /** Origins of other sites whose pages may ask, for example `https://app.example`; default: none. */
  readonly corsOrigins?: readonly string[];
  /**
   * Addresses and networks (`10.0.0.0/8`) of proxies whose `X-Forwarded-For` is believed; default: none.
   * Clients that send wrong tokens are then told apart.
   */
  readonly trustedProxies?: readonly string[];
  /** What to say of a sync that the caller runs behind the server. */
  readonly sync?: () => SyncState;
  /**
   * Where the served library is read-only: opens it for writing while the page changes its model. Default: a
   * library that was opened for writing is changed itself, any other not at all.
   */
  readonly writer?: Writer;
  /** Secret that clients must send, at least 16 characters; undefined: none. */
  readonly token?: string;
  /** Receives log entries; default: none. */
  readonly log?: Log;
  readonly limits?: Partial<ServerLimits>;
}

/** A program that answers requests by this server, and listens itself. */
export interface HostProgram {
  /** Where it has put the server; empty: at its root, or unknown. */
  readonly prefix: string;
}

/**
 * Creates the HTTP server of an open library, or of an embedding service alone. The caller closes the
 * library or service, after the app.
 *
 * @throws ERR_ARG_RANGE for a short token; ERR_FILE_MISSING when the page's files are missing
 */
export function createServer(
  served: Library | EmbeddingService,
  options: ServerOptions = {},
  host?: HostProgram,
): FastifyInstance {
  const limits: ServerLimits = { ...DEFAULT_LIMITS, ...options.limits };
  const library = served instanceof EmbeddingService ? undefined : served;
  const embeddings = served instanceof EmbeddingService ? served : served.embeddings;
  const context: ServiceContext = {
    embeddings,
    limits,
    log: options.log ?? (() => undefined),
    token:
      options.token === undefined
        ? undefined
        : new TokenGuard(options.token, limits.wrongTokensPerMinute),
    uploads: new Gate(limits.activeUploads, limits.queuedSearches),
    embeds: new Gate(limits.activeEmbeds, limits.queuedSearches),
    readiness: new Readiness(() => served.warm()),
  };

  const sendError = (error: unknown, request: FastifyRequest, reply: FastifyReply): void => {
    const { status, code, message, retryAfter } = toPublicError(error);
    if (status >= 500 && !isExpected(error))
      context.log({
        level: 'error',
        message: 'request failed',
        requestId: request.id,
        code,
        cause: isError(error) ? (error.stack ?? error.message) : String(error),
      });
    // Repeated here, because a malformed URL never reaches the hook.
    const isShared = reply.getHeader('access-control-allow-origin') !== undefined;
    reply.headers(SECURITY_HEADERS).header('x-request-id', request.id);
    if (isShared) reply.headers(CORS_HEADERS);
    reply.header('cache-control', 'no-store');
    reply.removeHeader('content-length').removeHeader('content-disposition').removeHeader('etag');
    if (retryAfter !== undefined) reply.header('retry-after', retryAfter);
    void reply
      .code(status)
      .type('application/json; charset=utf-8')
      .serializer((body) => JSON.stringify(body))
      .send({ error: { code, message, request_id: request.id } });
  };

  const app = fastify({
    logger: false,
    genReqId: () => randomUUID(),
    trustProxy: proxiesOf(options.trustedProxies ?? []),
    bodyLimit: limits.jsonBytes,
    requestTimeout: limits.requestTimeoutMs,
    keepAliveTimeout: limits.keepAliveTimeoutMs,
    connectionTimeout: limits.idleSocketTimeoutMs,
    return503OnClosing: false,
    forceCloseConnections: 'idle',
    http: {
      headersTimeout: limits.headersTimeoutMs,
      // Interval at which Node checks for slow clients; its default of 30 s would double the limit.
      connectionsCheckingInterval: Math.min(1000, limits.headersTimeoutMs),
      // Our own rule refuses a missing Host, with our headers.
      requireHostHeader: false,
    },
    routerOptions: { ignoreTrailingSlash: false, caseSensitive: true },
    ajv: {
      customOptions: {
        coerceTypes: false,
        removeAdditional: false,
        useDefaults: true,
        // Includes the schema in each problem, to suggest a field name.
        verbose: true,
      },
    },
    schemaErrorFormatter: (validation, validationContext) =>
      Object.assign(new Error('invalid request'), { validation, validationContext }),
    clientErrorHandler: onBrokenRequest,
    frameworkErrors: sendError,
  });
  const connections = watchConnections(app.server, limits);
  app.setErrorHandler(sendError);
  const methods = new AllowedMethods(app);
  app.setNotFoundHandler((request, reply) => {
    const allowed = methods.of(request.raw.url ?? '');
    const [code, message]: [ErrorCode, string] =
      allowed.length === 0
        ? ['ERR_NOT_FOUND', 'no such address']
        : ['ERR_REQUEST_METHOD', `this address takes ${allowed.join(', ')}`];
    if (allowed.length > 0) reply.header('allow', allowed.join(', '));
    sendError(makeError(code, message), request, reply);
  });
  // JSON and multipart only: a form on another site can send text/plain without a preflight.
  app.removeContentTypeParser('text/plain');

  app.addHook('onRequest', async (request, reply) => {
    if (connections.isAdmitted(request.raw.socket)) return;
    reply.header('connection', 'close');
    throw makeError('ERR_POOL_FULL', 'too many connections, try again in a moment');
  });
  addSecurity(app, context, {
    bindHost: options.host ?? '127.0.0.1',
    allowedHosts: options.allowedHosts ?? [],
    corsOrigins: options.corsOrigins ?? [],
  });
  watchBodies(app, limits, sendError);
  app.addHook('preValidation', async (request) => {
    // A form has no body to validate: its route reads it part by part.
    if (request.isMultipart()) request.body = null;
    const schema = request.routeOptions.schema?.querystring as
      { properties?: Readonly<Record<string, FieldSchema>> } | undefined;
    convertFields(request.query as Record<string, unknown>, schema?.properties ?? {});
  });
  app.addHook('onResponse', async (request, reply) => {
    context.log({
      level: 'info',
      message: 'request',
      requestId: request.id,
      method: request.method,
      route: request.routeOptions.url ?? '(none)',
      status: reply.statusCode,
      tookMs: Math.round(reply.elapsedTime * 10) / 10,
    });
  });
  app.addHook('onReady', async () => {
    void context.readiness.warm();
  });
  app.addHook('preClose', async () => {
    context.readiness.closing();
    connections.closeQuiet();
  });

  void app.register(multipart, {
    limits: {
      fileSize: limits.uploadBytes,
      files: 1,
      fields: 8,
      parts: 10,
      fieldNameSize: 64,
      fieldSize: 1024,
      headerPairs: 32,
    },
    throwFileSizeLimit: true,
  });
  void app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'Sightline',
        description: 'Semantic search over your own pictures and videos',
        version: VERSION,
      },
      components: {
        securitySchemes: {
          bearer: { type: 'http', scheme: 'bearer', description: 'The token of the server' },
          header: { type: 'apiKey', in: 'header', name: 'X-Sightline-Token' },
          cookie: { type: 'apiKey', in: 'cookie', name: COOKIE_NAME, description: 'See /session' },
        },
      },
      ...(host === undefined || host.prefix === '' ? {} : { servers: [{ url: host.prefix }] }),
      // Any of them; none where the server has no token.
      security: [{}, { bearer: [] }, { header: [] }, { cookie: [] }],
    },
  });
  void app.register(async (routes) => {
    embedRoutes(routes, context);
    openAiRoutes(routes, context);
    metricsRoutes(routes, context, library);
    probeRoutes(routes, context);
    if (library === undefined) return;
    const searches = new Gate(limits.activeSearches, limits.queuedSearches);
    const isLocal =
      host === undefined &&
      isLoopbackBind(options.host ?? '127.0.0.1') &&
      !options.allowedHosts?.length &&
      !options.trustedProxies?.length;
    const modelChange = new ModelChange({
      library,
      writer: options.writer,
      sync: options.sync ?? ((): SyncState => NO_SYNC),
      log: context.log,
    });
    routes.addHook('onClose', () => modelChange.stop());
    const sync = (): SyncState => modelChange.state;
    const whole: ServerContext = { ...context, library, searches, sync, modelChange, isLocal };
    healthRoutes(routes, whole);
    searchRoutes(routes, whole);
    frameRoutes(routes, whole);
    mediaRoutes(routes, whole);
    modelRoutes(routes, whole);
    pageRoutes(routes, whole);
  });
  return app;
}

/** @throws ERR_ARG_RANGE for what is neither an address nor a network: believing anybody would end the count */
function proxiesOf(addresses: readonly string[]): string[] | false {
  const wrong = addresses.find((address) => !isNetwork(address));
  if (wrong !== undefined)
    throw outOfRange('trustedProxies', 'addresses or networks such as 10.0.0.0/8', wrong);
  return addresses.length === 0 ? false : [...addresses];
}

/** Self-explanatory errors; a stack in the log would add nothing. */
const EXPECTED = new Set([
  ...['ERR_POOL_FULL', 'ERR_BUSY', 'ERR_CLOSED', 'ERR_ABORTED'],
  ...['ERR_MODEL_MISSING', 'ERR_MODEL_RUNTIME'],
]);
const isExpected = (error: unknown): boolean => isLibraryError(error) && EXPECTED.has(error.code);
