/** `serve`: the HTTP server and its page, until Ctrl-C or SIGTERM. */
import { makeError, messageOf } from '../../errors';
import type { Library } from '../../library-types';
import { startServer } from '../../server';
import { EXIT, type ExitCode } from '../exit-codes';
import { count } from '../format';
import { untilInterrupted } from '../interrupt';
import type { Io } from '../io';
import type { ProgressStyle } from '../progress-style';
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
  const { library, isWriter } =
    flags.sync === false
      ? { library: await openSession(session, { readOnly: true }), isWriter: false }
      : await openForSearch(session);
  try {
    if (isWriter) {
      const style = flags.progress as ProgressStyle;
      const outcome = await syncFirst(io, library, syncOptionsOf(session, flags), style);
      if (outcome.isInterrupted) return EXIT.interrupted;
    }
    await serveUntilStopped(io, library, addressOf(session));
    return EXIT.ok;
  } finally {
    await library.close();
  }
}

function addressOf(session: Session): Address {
  const { host, port, token } = session.config.settings;
  return { host, port, token };
}

/** Serves and resolves after a clean stop. */
export async function serveUntilStopped(io: Io, library: Library, address: Address): Promise<void> {
  await untilInterrupted(io, 'stopping', async (signal) => {
    const server = await listen(library, address);
    const frames = count(library.stats().frames, 'frame');
    if (io.isJson) io.json({ url: server.url, frames: library.stats().frames });
    else io.line(`${frames} at ${server.url}  (Ctrl-C stops)`);
    if (!signal.aborted)
      await new Promise<void>((resolve) => {
        signal.addEventListener('abort', () => resolve(), { once: true });
      });
    await server.close();
  });
}

/** @throws ERR_BUSY with the remedy when the port is taken */
async function listen(library: Library, address: Address): ReturnType<typeof startServer> {
  const { token, ...where } = address;
  try {
    return await startServer(library, { ...where, ...(token === undefined ? {} : { token }) });
  } catch (cause) {
    throw explainListenError(cause, address);
  }
}

function explainListenError(cause: unknown, { host, port }: Address): unknown {
  const code = (cause as NodeJS.ErrnoException).code;
  if (code === 'EADDRINUSE')
    return makeError(
      'ERR_BUSY',
      `port ${port} on ${host} is in use: choose another one, for example --port ${port + 1}`,
      { cause, details: { host, port } },
    );
  if (code === 'EACCES' || code === 'EADDRNOTAVAIL' || code === 'ENOTFOUND')
    return makeError('ERR_ARG_RANGE', `cannot listen on ${host}:${port}: ${messageOf(cause)}`, {
      cause,
    });
  return cause;
}
