/** Formats a sync report as text. Pure. */
import type { MediaProblem, SyncReport } from '../../base/types';
import { meansMissing } from '../exit-codes';
import { count, formatDuration, printable } from './format';

const PROBLEMS_SHOWN = 5;
const REASONS_SHOWN = 3;

/** `12 files indexed (340 frames) in 4.2 s; 1 moved, 2 failed`. */
export function summaryOf(report: SyncReport): string {
  const also = (
    [
      ['unchanged', report.unchanged],
      ['moved', report.moved],
      ['removed', report.removed],
      ['left out by a rule', report.ignored],
      ['skipped', report.skipped],
      ['failed', report.failed],
      [
        report.framesFailed === 1 ? 'frame not embedded' : 'frames not embedded',
        report.framesFailed,
      ],
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

/** The whole report: summary, first problems, and where to see the rest. */
export function describeReport(report: SyncReport): string {
  return [
    summaryOf(report),
    ...(report.dryRun ? [] : [`${count(report.framesTotal, 'frame')} can be searched now`]),
    ...describeModelChange(report),
    ...describeAbsent(report),
    ...describeOtherSampling(report),
    ...describeMissing(report.problems),
    ...describeProblems(report.problems.filter((problem) => !meansMissing(problem.code))),
  ].join('\n');
}

/** The short report before a search; undefined if there is no news. */
export function describeNews(report: SyncReport): string | undefined {
  const { added, changed, moved, removed, ignored, indexed, failed, heldBack, unreachable } =
    report;
  const forgotten = removed + ignored;
  const kept = heldBack + unreachable;
  // A change that cannot go on is not said again before every search.
  const change = report.modelChange?.isDone === true ? describeModelChange(report) : [];
  if (added + changed + moved + forgotten + indexed + failed + kept + change.length === 0)
    return undefined;
  const hasProblems = report.failed > 0 || report.skipped > 0;
  return [
    summaryOf(report),
    ...change,
    ...describeAbsent(report),
    ...describeMissing(report.problems),
    ...(hasProblems ? ['  "sightline stats --problems" lists what was left out and why'] : []),
  ].join('\n');
}

function describeModelChange({ modelChange }: SyncReport): string[] {
  if (modelChange === undefined) return [];
  const { isDone, problem, frames, framesWaiting } = modelChange;
  const [from, to] = [printable(modelChange.from), printable(modelChange.to)];
  if (isDone) {
    return [
      `  searches use ${to} now, before ${from}: ${count(frames, 'frame')} embedded anew; ` +
        'to go back: sightline sync --undo',
    ];
  }
  const why = problem === undefined ? '' : `: ${printable(problem.reason)} (${problem.code})`;
  return [
    `  searches still use ${from}: ${count(framesWaiting, 'frame')} could not be embedded with ${to}${why}. ` +
      'The next sync tries again; to keep the model: sightline sync --undo',
  ];
}

/** Missing or unreadable files that were kept, why, and how to remove them. */
function describeAbsent({ heldBack, heldBackReasons, unreachable }: SyncReport): string[] {
  const lines: string[] = [];
  if (heldBack > 0) {
    const reasons = heldBackReasons.slice(0, REASONS_SHOWN).map(printable).join('; ');
    const more = heldBackReasons.length > REASONS_SHOWN ? '; ...' : '';
    lines.push(
      `  ${count(heldBack, 'file')} gone at once, kept in case a disk is missing (${reasons}${more}); ` +
        'if they are really gone: sightline sync --confirm-removals',
    );
  }
  if (unreachable > 0)
    lines.push(
      `  ${count(unreachable, 'file')} kept that could not be looked at: what keeps their folder from ` +
        'being read is in "sightline stats --problems"',
    );
  return lines;
}

/** Files that were sampled with other options, and how to sample them again. */
function describeOtherSampling({ otherSampling }: SyncReport): string[] {
  if (otherSampling === 0) return [];
  const files = count(otherSampling, 'file');
  const keep = otherSampling === 1 ? 'keeps its frames' : 'keep their frames';
  return [
    `  ${files} indexed before with other options ${keep}; ` +
      'to take them anew: the same command with --resample',
  ];
}

/** One line if ffmpeg is missing, not one per video. */
function describeMissing(problems: readonly MediaProblem[]): string[] {
  const missing = problems.filter((problem) => meansMissing(problem.code));
  const first = missing[0];
  if (first === undefined) return [];
  const files = `${count(missing.length, 'file')} left out`;
  return [`  ${files}: ${printable(first.reason)} (${first.code})`];
}

function describeProblems(problems: readonly MediaProblem[]): string[] {
  const lines = problems
    .slice(0, PROBLEMS_SHOWN)
    .map((p) => `  ${p.state}: ${printable(p.path)}: ${printable(p.reason)} (${p.code})`);
  const rest = problems.length - PROBLEMS_SHOWN;
  if (rest > 0) lines.push(`  and ${rest} more: "sightline stats --problems" lists all`);
  else if (rest > -PROBLEMS_SHOWN)
    lines.push('  "sightline stats --problems" shows this again at any time');
  return lines;
}
