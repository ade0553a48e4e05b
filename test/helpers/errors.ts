/** What `work` fails with, where it has to fail with an error of ours. */
import { isLibraryError, type LibraryError } from '../../lib/base/errors';

type Work = PromiseLike<unknown> | (() => unknown);

/** Undefined where it succeeds. @throws whatever is not an error of the library */
async function caughtFrom(work: Work): Promise<LibraryError | undefined> {
  try {
    await (typeof work === 'function' ? work() : work);
    return undefined;
  } catch (error) {
    if (isLibraryError(error)) return error;
    throw error;
  }
}

/** @throws whatever is not an error of the library; also when `work` succeeds */
export async function errorOf(work: Work): Promise<LibraryError> {
  const error = await caughtFrom(work);
  if (error === undefined) throw new Error('no error');
  return error;
}

/** `ok` where `work` succeeds. @throws whatever is not an error of the library */
export const codeOf = async (work: Work): Promise<string> => (await caughtFrom(work))?.code ?? 'ok';
