/** Classifies and converts system errors about files. */
import { isError, makeError, messageOf } from '../errors';

const says =
  (...codes: string[]) =>
  (error: unknown): boolean =>
    isError(error) && 'code' in error && codes.includes(error.code as string);

/** The file, or a folder of its path, is missing. */
export const isMissing = says('ENOENT', 'ENOTDIR');
export const isDiskFull = says('ENOSPC', 'EDQUOT');
/** No permission to write, or a read-only file system. */
export const isNotPermitted = says('EACCES', 'EPERM', 'EROFS');

/** Converts a system error; any other value is returned as it is. */
export function fileError(path: string, what: string, error: unknown): unknown {
  if (!isError(error) || !('syscall' in error) || !('code' in error)) return error;
  const isFull = isDiskFull(error);
  const code = isMissing(error) ? 'ERR_FILE_MISSING' : isFull ? 'ERR_DISK_FULL' : 'ERR_IO';
  return makeError(code, `${path} could not be ${what}: ${messageOf(error)}`, {
    details: { path },
    cause: error,
  });
}
