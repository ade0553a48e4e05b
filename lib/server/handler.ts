/**
 * The server as a part of another program: a handler for Node's HTTP server and for frameworks that take
 * such handlers. Same guards, limits and errors as a server of its own, except that connections, header
 * timeouts and the port are the host's.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import {
  ANYTHING,
  arrayOf,
  FUNCTION,
  outOfRange,
  readOptions,
  RECORD,
  TEXT,
  type OptionRules,
  type Rule,
} from '../base/options';
import type { Library } from '../library/types';
import type { EmbeddingService } from '../service';
import { createServer, type ServerOptions } from './app';

export interface HandlerOptions extends ServerOptions {
  /**
   * Folder of the host below which the server answers, for example `/photos`; default: the root. Leave it out
   * where the framework removes the folder from `request.url`, as Express does for `app.use('/photos', handler)`.
   */
  readonly prefix?: string;
}

/** Answers requests; give it to `http.createServer` or to a framework. */
export interface SightlineHandler {
  /**
   * @param next  called for addresses outside the prefix; without it they are 404
   */
  (request: IncomingMessage, response: ServerResponse, next?: (error?: unknown) => void): void;
  /**
   * Answers 503 from now on and waits for requests that are running. Does not close the library or service.
   * Idempotent.
   */
  close(): Promise<void>;
}

const PREFIX: Rule<string> = (name, value) => {
  const prefix = TEXT(name, value).replace(/\/$/, '');
  if (/^(\/[\w.~-]+)*$/.test(prefix)) return prefix;
  throw outOfRange(name, 'a path such as /photos', value);
};

export const HANDLER_OPTIONS: OptionRules<HandlerOptions> = {
  host: TEXT,
  allowedHosts: arrayOf(TEXT),
  corsOrigins: arrayOf(TEXT),
  trustedProxies: arrayOf(TEXT),
  sync: FUNCTION,
  writer: FUNCTION,
  token: ANYTHING,
  log: FUNCTION,
  limits: RECORD,
  prefix: PREFIX,
};

/** Connect and Express keep the whole address here before they remove the folder. */
type Mounted = IncomingMessage & { originalUrl?: string };

/**
 * Makes a handler for an open library, or for an embedding service alone. Put it before anything that reads
 * bodies. The Host header must be a loopback name or one of `allowedHosts`. Without `token` whoever reaches
 * the host sees the library: then asking who it is, is the host's part. Close the handler before the library.
 *
 * @throws ERR_ARG_TYPE | ERR_ARG_RANGE (also: a short token) | ERR_FILE_MISSING when the page's files are
 *   missing
 */
export function createHandler(
  served: Library | EmbeddingService,
  options: HandlerOptions = {},
): SightlineHandler {
  const { prefix = '', ...rest } = readOptions('options', options, HANDLER_OPTIONS);
  const app = createServer(served, rest, { prefix });
  const ready = app.ready();
  // Every request reports it; alone it must not end the process.
  ready.then(undefined, () => undefined);

  const handle = (request: Mounted, response: ServerResponse, next?: () => void): void => {
    const url = request.url ?? '/';
    const isBelow = url.startsWith(prefix) && /^[/?]|^$/.test(url.slice(prefix.length));
    if (!isBelow && next !== undefined) return next();
    if (isBelow && isFolderWithoutSlash(request, url, prefix))
      return redirect(url, request, response);
    request.originalUrl ??= url;
    // No such address: answered as every other, by the guards first.
    request.url = isBelow ? url.slice(prefix.length) || '/' : '/404';
    ready.then(
      () => app.routing(request, response),
      () => response.writeHead(503, { 'content-length': 0 }).end(),
    );
  };
  let closed: Promise<void> | undefined;
  return Object.assign(handle, { close: () => (closed ??= app.close()) });
}

/** `/photos` instead of `/photos/`: from there the page's own files would be looked for in the root. */
function isFolderWithoutSlash(request: Mounted, url: string, prefix: string): boolean {
  const whole = pathOf(request.originalUrl ?? url);
  const rest = pathOf(url).slice(prefix.length);
  return (
    (request.method === 'GET' || request.method === 'HEAD') &&
    (rest === '' || rest === '/') &&
    !whole.endsWith('/')
  );
}

const pathOf = (url: string): string => url.split('?', 1)[0] as string;

function redirect(url: string, request: Mounted, response: ServerResponse): void {
  const [path = '', ...query] = (request.originalUrl ?? url).split('?');
  // Relative, so that no address can make another host of it.
  const name = path.slice(path.lastIndexOf('/') + 1);
  const location = [`./${name}/`, ...query].join('?');
  response.writeHead(308, { location, 'content-length': 0 }).end();
}
