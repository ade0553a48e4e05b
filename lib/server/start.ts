/** Opens the port, and shuts down gracefully. */
import type { AddressInfo } from 'node:net';
import { networkInterfaces } from 'node:os';
import { makeError } from '../base/errors';
import type { Library } from '../library/types';
import type { EmbeddingService } from '../service';
import { isLoopbackBind } from './guards/access';
import { createServer, type ServerOptions } from './app';
import { DEFAULT_LIMITS } from './limits';
import { ndjsonLog } from './log';

export interface StartOptions extends ServerOptions {
  /** 0 picks a free port; default 8000. */
  readonly port?: number;
  /** Closes the server. */
  readonly signal?: AbortSignal;
}

export interface RunningServer {
  /** Address for a browser on this machine, for example `http://127.0.0.1:8000`. */
  readonly url: string;
  /** Addresses for browsers of other machines; empty where only this one can connect. */
  readonly addresses: readonly string[];
  readonly port: number;
  /**
   * Stops accepting, lets running requests finish for at most `closeGraceMs`, then closes the remaining
   * sockets. Does not close the library or service. Idempotent.
   */
  close(): Promise<void>;
}

/**
 * Serves a library, or an embedding service alone. Unless `log` says otherwise, unexpected errors go to standard error as NDJSON.
 *
 * @throws ERR_ARG_RANGE for an address that other machines can reach without a token, and for a
 *   short token; ERR_PORT_IN_USE; ERR_IO when the address cannot be bound; ERR_FILE_MISSING
 */
export async function startServer(
  served: Library | EmbeddingService,
  options: StartOptions = {},
): Promise<RunningServer> {
  const host = options.host ?? '127.0.0.1';
  const port = options.port ?? 8000;
  if (!isLoopbackBind(host) && options.token === undefined)
    throw makeError(
      'ERR_ARG_RANGE',
      `listening on ${host} exposes the server to other machines: set a token (--token or SIGHTLINE_TOKEN, at least 16 characters), or listen on 127.0.0.1`,
      { details: { host } },
    );
  // Without a log an unexpected error would leave no trace: clients never see its cause.
  const log = options.log ?? ndjsonLog(process.stderr, 'error');
  const app = createServer(served, { ...options, host, log });
  try {
    await app.listen({ host, port, listenTextResolver: () => '' });
  } catch (cause) {
    await app.close();
    throw listenError(cause, host, port);
  }
  const bound = (app.server.address() as AddressInfo).port;
  const graceMs = options.limits?.closeGraceMs ?? DEFAULT_LIMITS.closeGraceMs;
  let closed: Promise<void> | undefined;
  const close = (): Promise<void> => {
    closed ??= (async () => {
      const timer = setTimeout(() => app.server.closeAllConnections(), graceMs);
      try {
        await app.close();
      } finally {
        clearTimeout(timer);
        options.signal?.removeEventListener('abort', onAbort);
      }
    })();
    return closed;
  };
  const onAbort = (): void => void close();
  if (options.signal?.aborted === true) await close();
  else options.signal?.addEventListener('abort', onAbort, { once: true });
  const addresses = reachable(host).map((name) => `http://${urlHost(name)}:${bound}`);
  return { url: `http://${urlHost(host)}:${bound}`, addresses, port: bound, close };
}

function listenError(cause: unknown, host: string, port: number): unknown {
  const code = (cause as NodeJS.ErrnoException | undefined)?.code;
  const details = { host, port };
  if (code === 'EADDRINUSE')
    return makeError('ERR_PORT_IN_USE', `port ${port} on ${host} is in use by another program`, {
      cause,
      details,
    });
  if (code === 'EACCES' || code === 'EADDRNOTAVAIL' || code === 'ENOTFOUND')
    return makeError('ERR_IO', `cannot listen on ${host} port ${port}: ${code}`, {
      cause,
      details,
    });
  return cause;
}

/** Names under which other machines reach an address to listen on. */
function reachable(host: string): string[] {
  if (isLoopbackBind(host)) return [];
  if (!['0.0.0.0', '::'].includes(host)) return [host];
  const all = Object.values(networkInterfaces()).flatMap((list) => list ?? []);
  const outside = all.filter(({ internal, scopeid }) => !internal && !scopeid);
  const of = (family: string): string[] =>
    outside.filter((one) => one.family === family).map(({ address }) => address);
  return host === '::' ? [...of('IPv4'), ...of('IPv6')] : of('IPv4');
}

/** A wildcard can be bound but not opened in a browser. */
function urlHost(host: string): string {
  if (host === '0.0.0.0') return '127.0.0.1';
  if (host === '::') return '[::1]';
  return host.includes(':') && !host.startsWith('[') ? `[${host}]` : host;
}
