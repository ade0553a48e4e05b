/** `serve`: the HTTP server and its page, until SIGINT or SIGTERM; a sync behind it. */
import { isLibraryError, makeError } from '../../base/errors';
import type { Library } from '../../library/types';
import { startServer, type RunningServer, type StartOptions } from '../../server';
import { openEmbeddingService, type EmbeddingService } from '../../service';
import { BackgroundSync } from '../background-sync';
import { EXIT, type ExitCode } from '../exit-codes';
import { count, printable } from '../output/format';
import { untilInterrupted } from '../interrupt';
import type { Io } from '../output/io';
import { openSession, startSession } from '../session';
import type { Flags, Session } from '../session';

export type Address = Pick<
  StartOptions,
  'host' | 'token' | 'allowedHosts' | 'corsOrigins' | 'trustedProxies' | 'sync' | 'writer'
> & { readonly port: number };

export async function runServeVerb(
  givenRoot: string | undefined,
  givenFlags: Flags,
  io: Io,
): Promise<ExitCode> {
  const { root, flags } = withoutFolder(givenRoot, givenFlags);
  const session = startSession(root, flags, io);
  warnOfProxy(session);
  if (flags.embedOnly === true) return serveEmbeddings(session);
  const sync = flags.sync === false ? undefined : await BackgroundSync.open(session, flags);
  try {
    // Read-only, so that `sightline sync` can run meanwhile; the server notices its commits.
    const { textModel } = session.config.settings;
    await using library = await openSession(session, { readOnly: true, textModel });
    const behind: Pick<StartOptions, 'sync' | 'writer'> = sync
      ? { sync: () => sync.state, writer: (work) => sync.lend(work) }
      : {};
    const address = { ...addressOf(session), ...behind };
    const announce = (server: RunningServer): void => {
      const { frames } = library.stats();
      if (io.isJson) io.json({ url: server.url, addresses: server.addresses, frames });
      else io.line(invitation(server, frames));
    };
    await serveUntilStopped(io, library, address, announce, {
      beside: (signal) => sync?.run(signal) ?? Promise.resolve(),
    });
  } finally {
    await sync?.close();
  }
  return EXIT.ok;
}

/** In `--watch FOLDER` the parser of the command line takes the folder for the seconds. */
function withoutFolder(
  root: string | undefined,
  flags: Flags,
): { readonly root: string | undefined; readonly flags: Flags } {
  const { watch } = flags;
  const isFolder = root === undefined && typeof watch === 'string' && Number.isNaN(Number(watch));
  return isFolder ? { root: watch, flags: { ...flags, watch: true } } : { root, flags };
}

async function serveEmbeddings(session: Session): Promise<ExitCode> {
  const { io } = session;
  const { model, textModel, cache, device } = session.config.settings;
  await using service = await openEmbeddingService({
    model,
    textModel,
    cache,
    encoder: { device },
    onNotice: (line) => io.note(`note: ${printable(line)}`),
  });
  await serveUntilStopped(io, service, addressOf(session), ({ url, addresses }) => {
    const { instruction, image } = service.models;
    const models = { text: instruction.id, image: image.id };
    if (io.isJson) io.json({ url, addresses, models });
    else io.line(`embeddings at ${addresses[0] ?? url}/v1/embeddings  (Ctrl-C stops)`);
  });
  return EXIT.ok;
}

/** Who may be reached by a proxy is reached by everybody whom the proxy lets through. */
function warnOfProxy({ io, config }: Session): void {
  const { allowHost, token } = config.settings;
  if (allowHost.length > 0 && token === undefined)
    io.note(
      `note: no token is set, so whoever reaches ${printable(allowHost.join(', '))} sees the library`,
    );
}

/** The address that others can open first, if there is one. */
export function invitation({ url, addresses }: RunningServer, frames: number): string {
  const [first, ...more] = addresses;
  const others = first === undefined ? [] : [...more, url];
  const also = others.length === 0 ? '' : `also ${others.join(', ')}; `;
  return `${count(frames, 'frame')} at ${first ?? url}  (${also}Ctrl-C stops)`;
}

function addressOf(session: Session): Address {
  const { host, port, token, allowHost, corsOrigin, trustProxy } = session.config.settings;
  const names = { allowedHosts: allowHost, corsOrigins: corsOrigin, trustedProxies: trustProxy };
  return { host, port, token, ...names };
}

export interface ServeOptions {
  /** Runs beside the server, once it listens; ends when the signal fires. */
  readonly beside?: (signal: AbortSignal) => Promise<void>;
  /** How many following ports to try when the port is taken. */
  readonly morePorts?: number;
}

/**
 * Serves and resolves after a clean stop.
 *
 * @param announce  called once the server listens
 */
export async function serveUntilStopped(
  io: Io,
  served: Library | EmbeddingService,
  address: Address,
  announce: (server: RunningServer) => void,
  { beside, morePorts = 0 }: ServeOptions = {},
): Promise<void> {
  await untilInterrupted(io, 'stopping', async (signal) => {
    const server = await listen(io, served, address, morePorts);
    announce(server);
    const stopped = new Promise<void>((resolve) => {
      if (signal.aborted) resolve();
      else signal.addEventListener('abort', () => resolve(), { once: true });
    });
    try {
      await Promise.all([stopped, beside?.(signal)]);
    } finally {
      await server.close();
    }
  });
}

/** @throws ERR_PORT_IN_USE with the way round, and whatever else keeps the server from listening */
async function listen(
  io: Io,
  served: Library | EmbeddingService,
  address: Address,
  morePorts: number,
): ReturnType<typeof startServer> {
  const { host = '127.0.0.1', port } = address;
  try {
    return await startServer(served, address);
  } catch (cause) {
    if (!isLibraryError(cause) || cause.code !== 'ERR_PORT_IN_USE') throw cause;
    if (morePorts === 0)
      throw makeError(
        'ERR_PORT_IN_USE',
        `port ${port} on ${host} is in use: choose another one, for example --port ${port + 1}`,
        { cause, details: { host, port } },
      );
    io.note(`port ${port} is in use, trying ${port + 1}`);
    return listen(io, served, { ...address, port: port + 1 }, morePorts - 1);
  }
}
