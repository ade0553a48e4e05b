/** Work that its caller can abort. */
import { makeError, type LibraryError } from './errors';

type Details = Readonly<Record<string, unknown>>;

export function abortedError(
  signal: AbortSignal | undefined,
  message = 'aborted',
  details: Details = {},
): LibraryError {
  return makeError('ERR_ABORTED', message, { details, cause: signal?.reason as unknown });
}

/** @throws ERR_ABORTED with the message, if the signal says so */
export function throwIfAborted(
  signal: AbortSignal | undefined,
  message?: string,
  details?: Details,
): void {
  if (signal?.aborted === true) throw abortedError(signal, message, details);
}

/** Settles with the work, or rejects with ERR_ABORTED as soon as the signal says so. */
export async function untilAborted<T>(
  work: Promise<T>,
  signal: AbortSignal | undefined,
  message?: string,
): Promise<T> {
  if (signal === undefined) return work;
  let onAbort: (() => void) | undefined;
  const stopped = new Promise<never>((_, reject) => {
    onAbort = (): void => reject(abortedError(signal, message));
    signal.addEventListener('abort', onAbort, { once: true });
  });
  try {
    const result = await Promise.race([work, stopped]);
    throwIfAborted(signal, message);
    return result;
  } finally {
    if (onAbort !== undefined) signal.removeEventListener('abort', onAbort);
  }
}
