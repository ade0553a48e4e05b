/** Ctrl-C: the first aborts the work at the next safe point, the second ends the process. */
import { EXIT } from './exit-codes';
import type { Io } from './output/io';

/**
 * Runs `work` with a signal that SIGINT and SIGTERM abort.
 *
 * @param onFirst  printed on stderr at the first signal
 */
export async function untilInterrupted<T>(
  io: Io,
  onFirst: string,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const controller = new AbortController();
  const onSignal = (): void => {
    if (controller.signal.aborted) process.exit(EXIT.interrupted);
    io.note(onFirst);
    controller.abort();
  };
  const names = ['SIGINT', 'SIGTERM'] as const;
  for (const name of names) process.on(name, onSignal);
  try {
    return await work(controller.signal);
  } finally {
    // After a first signal the handlers stay: a second may arrive while files are being closed.
    if (!controller.signal.aborted) for (const name of names) process.off(name, onSignal);
  }
}
