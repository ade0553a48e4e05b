/** Runs a sync with progress and Ctrl-C, and converts its result to an exit code. */
import { codeOf, isLibraryError } from '../base/errors';
import type { Library } from '../library/types';
import type { SyncOptions, SyncReport } from '../base/types';
import { EXIT, meansMissing, type ExitCode } from './exit-codes';
import { untilInterrupted } from './interrupt';
import { printable } from './output/format';
import type { Io } from './output/io';
import { makeProgress } from './output/progress';
import type { ProgressStyle } from './output/progress-style';
import { describeNews } from './output/sync-report';

export interface SyncOutcome {
  /** Undefined if interrupted before the end. */
  readonly report: SyncReport | undefined;
  readonly isInterrupted: boolean;
}

/** @param run  sync, ingest or index of the library */
export async function runSync(
  io: Io,
  options: SyncOptions,
  style: ProgressStyle,
  run: (options: SyncOptions) => Promise<SyncReport>,
): Promise<SyncOutcome> {
  const progress = makeProgress(style, io.isQuiet);
  try {
    return await untilInterrupted(
      io,
      'stopping after the current batch (Ctrl-C again stops at once); the next sync resumes here',
      async (signal) => {
        const report = await run({ ...options, signal, onProgress: (e) => progress.show(e) });
        return { report, isInterrupted: signal.aborted };
      },
    );
  } catch (error) {
    if (codeOf(error) === 'ERR_ABORTED') return { report: undefined, isInterrupted: true };
    throw error;
  } finally {
    progress.end();
  }
}

/** Errors that prevent a scan but not a search. */
const CANNOT_LOOK = new Set(['ERR_FILE_MISSING', 'ERR_READ_ONLY', 'ERR_IO', 'ERR_DISK_FULL']);

/**
 * A sync before another verb, with a short report. Neither failed files nor an unplugged disk stop the verb
 * as long as there is something to search.
 */
export async function syncFirst(
  io: Io,
  library: Library,
  options: SyncOptions,
  style: ProgressStyle,
): Promise<SyncOutcome> {
  try {
    // Hours of embedding must not come before an answer.
    const now = { ...options, resumeModelChange: false };
    const outcome = await runSync(io, now, style, (o) => library.sync(o));
    const news = outcome.report && describeNews(outcome.report);
    if (news !== undefined) io.note(news);
    return outcome;
  } catch (error) {
    if (!isLibraryError(error) || !CANNOT_LOOK.has(error.code) || library.isEmpty) throw error;
    io.note(
      `new files could not be looked for: ${printable(error.message)} (${error.code}); ` +
        'using what is already indexed',
    );
    return { report: undefined, isInterrupted: false };
  }
}

/** Precedence: interrupted, something missing, some files failed, ok. */
export function exitCodeOfSync(outcome: SyncOutcome): ExitCode {
  if (outcome.isInterrupted) return EXIT.interrupted;
  const problems = outcome.report?.problems ?? [];
  if (problems.some((problem) => meansMissing(problem.code))) return EXIT.missing;
  const unfinished = outcome.report?.modelChange?.problem;
  if (unfinished !== undefined && meansMissing(unfinished.code)) return EXIT.missing;
  const hasFailed = (outcome.report?.failed ?? 0) > 0 || unfinished !== undefined;
  return hasFailed ? EXIT.partial : EXIT.ok;
}
