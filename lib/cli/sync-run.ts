/** Runs a sync with progress and Ctrl-C, and says in words what came of it. Used by several verbs. */
import { isLibraryError } from '../errors';
import type { Library } from '../library-types';
import type { MediaProblem, SyncOptions, SyncReport } from '../types';
import { EXIT, meansMissing, type ExitCode } from './exit-codes';
import { count, formatDuration, printable } from './format';
import { untilInterrupted } from './interrupt';
import type { Io } from './io';
import { makeProgress } from './progress';
import type { ProgressStyle } from './progress-style';

const PROBLEMS_SHOWN = 5;

export interface SyncOutcome {
  /** Undefined when it was interrupted before there was a report. */
  readonly report: SyncReport | undefined;
  readonly isInterrupted: boolean;
}

/** Does the work through `run`, which is one of the library's sync, ingest and index. */
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
    if (isLibraryError(error) && error.code === 'ERR_ABORTED')
      return { report: undefined, isInterrupted: true };
    throw error;
  } finally {
    progress.end();
  }
}

/** A sync that goes before another verb: short words, and a failed file is no reason to stop. */
export async function syncFirst(
  io: Io,
  library: Library,
  options: SyncOptions,
  style: ProgressStyle,
): Promise<SyncOutcome> {
  const outcome = await runSync(io, options, style, (o) => library.sync(o));
  const { report } = outcome;
  if (report !== undefined && hasNews(report)) {
    io.note([summaryOf(report), ...describeHeldBack(report)].join('\n'));
    if (report.failed > 0 || report.skipped > 0)
      io.note('  "sightline stats --problems" lists what was left out and why');
  }
  return outcome;
}

const hasNews = (report: SyncReport): boolean =>
  report.added + report.changed + report.moved + report.removed + report.indexed + report.failed >
  0;

/** `12 files indexed (340 frames) in 4.2 s; 1 moved, 2 failed`. */
export function summaryOf(report: SyncReport): string {
  const also = (
    [
      ['unchanged', report.unchanged],
      ['moved', report.moved],
      ['removed', report.removed],
      ['skipped', report.skipped],
      ['failed', report.failed],
    ] as const
  )
    .filter(([, n]) => n > 0)
    .map(([word, n]) => `${n.toLocaleString('en-US')} ${word}`);
  const tail = also.length > 0 ? `; ${also.join(', ')}` : '';
  if (report.dryRun) {
    const work = `${count(report.added, 'new file')}, ${report.changed} changed`;
    return `dry run, nothing written: ${work}${tail}`;
  }
  const work = `${count(report.indexed, 'file')} indexed (${count(report.framesAdded, 'frame')})`;
  return `${work} in ${formatDuration(report.elapsedMs)}${tail}`;
}

/** The lines of a finished sync for a person: summary, first problems, where to see them all. */
export function describeReport(report: SyncReport): string {
  const lines = [summaryOf(report)];
  if (!report.dryRun) lines.push(`${count(report.framesTotal, 'frame')} can be searched now`);
  lines.push(...describeHeldBack(report));
  lines.push(...describeProblems(report.problems, PROBLEMS_SHOWN));
  return lines.join('\n');
}

/** Says that files which are gone were kept, and how to insist. */
function describeHeldBack(report: SyncReport): string[] {
  if (report.heldBack === 0) return [];
  return [
    `  ${count(report.heldBack, 'file')} gone at once, kept in case a disk is missing; ` +
      'if they are really gone: sightline sync --confirm-removals',
  ];
}

/** One line per problem, and one that says where the rest is. */
export function describeProblems(problems: readonly MediaProblem[], shown: number): string[] {
  const lines = problems
    .slice(0, shown)
    .map((p) => `  ${p.state}: ${printable(p.path)}: ${printable(p.reason)} (${p.code})`);
  if (problems.length > 0)
    lines.push(
      problems.length > shown
        ? `  and ${problems.length - shown} more: "sightline stats --problems" lists all`
        : '  "sightline stats --problems" shows these again',
    );
  return lines;
}

/** Interrupted, something to install, some files failed, or all well - in this order. */
export function exitCodeOfSync(outcome: SyncOutcome): ExitCode {
  if (outcome.isInterrupted) return EXIT.interrupted;
  const problems = outcome.report?.problems ?? [];
  if (problems.some((problem) => meansMissing(problem.code))) return EXIT.missing;
  return (outcome.report?.failed ?? 0) > 0 ? EXIT.partial : EXIT.ok;
}
