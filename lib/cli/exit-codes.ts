/** Exit codes: part of the interface, never renumber. */
import { isLibraryError } from '../base/errors';

export const EXIT = {
  ok: 0,
  /** Nothing found, and `--fail-empty`. */
  noMatch: 1,
  /** Wrong usage or, as with grep, any error that stopped the command. */
  usage: 2,
  /** Some files failed, or a check found problems. */
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

/** True for errors that installing or downloading something cures. */
export const meansMissing = (code: string): boolean => MISSING_CODES.has(code);

export function exitCodeOf(error: unknown): ExitCode {
  if (!isLibraryError(error)) return EXIT.usage;
  if (error.code === 'ERR_ABORTED') return EXIT.interrupted;
  return meansMissing(error.code) ? EXIT.missing : EXIT.usage;
}
