/** What the system says went wrong with a file. */
import { isError, makeError, messageOf } from '../errors';

const says =
  (...codes: string[]) =>
  (error: unknown): boolean =>
    isError(error) && 'code' in error && codes.includes(error.code as string);

/** Neither it nor, maybe, the folder it would be in. */
export const isMissing = says('ENOENT', 'ENOTDIR');
export const isDiskFull = says('ENOSPC', 'EDQUOT');
/** Not to be written by us, there. */
export const isNotPermitted = says('EACCES', 'EPERM', 'EROFS');

/** A system error as one of ours; anything else as it is. */
export function fileError(path: string, what: string, error: unknown): unknown {
  if (!isError(error) || !('syscall' in error) || !('code' in error)) return error;
  const isFull = isDiskFull(error);
  const code = isMissing(error) ? 'ERR_FILE_MISSING' : isFull ? 'ERR_DISK_FULL' : 'ERR_IO';
  return makeError(code, `${path} could not be ${what}: ${messageOf(error)}`, {
    details: { path },
    cause: error,
  });
}
