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

/** The same where it may succeed, for tables of what is allowed and what is not. */
export async function outcomeOf(work: () => unknown): Promise<string> {
  try {
    await work();
    return 'no error';
  } catch (error) {
    return isLibraryError(error) ? error.code : `not ours: ${String(error)}`;
  }
}
