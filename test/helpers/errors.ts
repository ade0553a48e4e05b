/** What `work` fails with, where it has to fail with an error of ours. */
import { isLibraryError, type LibraryError } from '../../lib/base/errors';

/** @throws whatever is not an error of the library; also when `work` succeeds */
export async function errorOf(work: () => unknown): Promise<LibraryError> {
  try {
    await work();
  } catch (error) {
    if (isLibraryError(error)) return error;
    throw error;
  }
  throw new Error('no error');
}

export const codeOf = async (work: () => unknown): Promise<string> => (await errorOf(work)).code;
