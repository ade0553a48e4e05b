/** Work that its caller may give up. */
import { makeError } from '../base/errors';

/** Settles with the work, or rejects with ERR_ABORTED as soon as the signal says so. */
export async function untilAborted<T>(
  work: Promise<T>,
  signal: AbortSignal | undefined,
): Promise<T> {
  if (signal === undefined) return work;
  let onAbort: (() => void) | undefined;
  const stopped = new Promise<never>((_, reject) => {
    onAbort = (): void => reject(abortedError(signal));
    signal.addEventListener('abort', onAbort, { once: true });
  });
  try {
    const result = await Promise.race([work, stopped]);
    if (signal.aborted) throw abortedError(signal);
    return result;
  } finally {
    if (onAbort !== undefined) signal.removeEventListener('abort', onAbort);
  }
}

export function abortedError(signal: AbortSignal): Error {
  return makeError('ERR_ABORTED', 'encoding was aborted', { cause: signal.reason as unknown });
}
