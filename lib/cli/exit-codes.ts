/** Exit codes. The numbers are part of the interface: never renumber. */
import { isLibraryError } from '../base/errors';

export const EXIT = {
  ok: 0,
  /** Nothing found, with `--fail-empty`. */
  noMatch: 1,
  /** Wrong usage, or (as with grep) any other error that prevented the work. */
  usage: 2,
  /** The work was done except for some files, or a check found problems. */
  partial: 3,
  /** A model, its runtime or ffmpeg is missing or unusable. */
  missing: 4,
  interrupted: 130,
} as const;

export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

const MISSING_CODES = new Set([
  'ERR_MODEL_MISSING',
  'ERR_MODEL_HASH',
  'ERR_MODEL_INVALID',
  'ERR_FFMPEG_MISSING',
  'ERR_MODEL_RUNTIME',
]);

/** True for codes that mean "install or fetch something, then try again". */
export const meansMissing = (code: string): boolean => MISSING_CODES.has(code);

/** The exit code of a command that ended with this error. */
export function exitCodeOf(error: unknown): ExitCode {
  if (!isLibraryError(error)) return EXIT.usage;
  if (error.code === 'ERR_ABORTED') return EXIT.interrupted;
  return meansMissing(error.code) ? EXIT.missing : EXIT.usage;
}
