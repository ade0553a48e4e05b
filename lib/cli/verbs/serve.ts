/** `serve`: the HTTP server and its page, until SIGINT or SIGTERM. */
import { isLibraryError, makeError } from '../../base/errors';
import type { Library } from '../../library/types';
import { startServer } from '../../server';
import { openEmbeddingService, type EmbeddingService } from '../../service';
import { EXIT, type ExitCode } from '../exit-codes';
import { count, printable } from '../output/format';
import { untilInterrupted } from '../interrupt';
import type { Io } from '../output/io';
import type { ProgressStyle } from '../output/progress-style';
import { rememberRules } from '../remembered-rules';
import { openForSearch, openSession, startSession, syncOptionsOf } from '../session';
import type { Flags, Session } from '../session';
import { syncFirst } from '../sync-run';

export interface Address {
  readonly host: string;
  readonly port: number;
  readonly token?: string | undefined;
}

export async function runServeVerb(
  root: string | undefined,
  flags: Flags,
  io: Io,
): Promise<ExitCode> {
  const session = startSession(root, flags, io);
  if (flags.embedOnly === true) return serveEmbeddings(session);
  if (flags.sync !== false && (await syncBefore(session, flags)) === 'interrupted')
    return EXIT.interrupted;
  // Read-only, so that `sightline sync` can run meanwhile; the server notices its commits.
  const { textModel } = session.config.settings;
  await using library = await openSession(session, { readOnly: true, textModel });
  await serveUntilStopped(io, library, addressOf(session), (url) => {
    const { frames } = library.stats();
    if (io.isJson) io.json({ url, frames });
    else io.line(invitation(url, frames));
  });
  return EXIT.ok;
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
  await serveUntilStopped(io, service, addressOf(session), (url) => {
    const { instruction, image } = service.models;
    if (io.isJson) io.json({ url, models: { text: instruction.id, image: image.id } });
    else io.line(`embeddings at ${url}/v1/embeddings  (Ctrl-C stops)`);
  });
  return EXIT.ok;
}

/** Syncs, unless another process does. */
async function syncBefore(session: Session, flags: Flags): Promise<'done' | 'interrupted'> {
  const { library, isWriter } = await openForSearch(session);
  try {
    if (!isWriter) return 'done';
    rememberRules(session, flags, library.dir);
    const style = flags.progress as ProgressStyle;
    const options = syncOptionsOf(session, flags);
    const outcome = await syncFirst(session.io, library, options, style);
    return outcome.isInterrupted ? 'interrupted' : 'done';
  } finally {
    await library.close();
  }
}

export const invitation = (url: string, frames: number): string =>
  `${count(frames, 'frame')} at ${url}  (Ctrl-C stops)`;

function addressOf(session: Session): Address {
  const { host, port, token } = session.config.settings;
  return { host, port, token };
}

/**
 * Resolves after a clean stop.
 *
 * @param announce  called once the server listens
 * @param morePorts  number of following ports to try if the port is in use
 */
export async function serveUntilStopped(
  io: Io,
  served: Library | EmbeddingService,
  address: Address,
  announce: (url: string) => void,
  morePorts = 0,
): Promise<void> {
  await untilInterrupted(io, 'stopping', async (signal) => {
    const server = await listen(io, served, address, morePorts);
    announce(server.url);
    if (!signal.aborted)
      await new Promise<void>((resolve) => {
        signal.addEventListener('abort', () => resolve(), { once: true });
      });
    await server.close();
  });
}

/** @throws ERR_PORT_IN_USE with a remedy, and other errors of listening */
async function listen(
  io: Io,
  served: Library | EmbeddingService,
  address: Address,
  morePorts: number,
): ReturnType<typeof startServer> {
  const { host, port, token } = address;
  try {
    return await startServer(served, { host, port, token });
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
