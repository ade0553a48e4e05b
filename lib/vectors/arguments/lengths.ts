/** The error for a vector, or an array of vectors, of the wrong length. */
import { makeError, type LibraryError } from '../../base/errors';

export function wrongLength(message: string, length: number, dim: number): LibraryError {
  return makeError('ERR_DIM_MISMATCH', message, { details: { length, dim } });
}
