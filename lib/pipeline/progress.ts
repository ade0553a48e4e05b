/** Progress events of a sync, and its report. */
import type { IngestedItem, MediaRow } from '../catalog';
import type { MediaProblem, ProgressEvent, SyncReport } from '../base/types';
import type { SyncPlan } from './plan/make-plan';

/** Message of an aborted sync. */
export const INTERRUPTED = 'the sync was interrupted';

/** Converts pipeline events to progress events and keeps the counts for the report. */
export class Progress {
  readonly problems: MediaProblem[] = [];
  indexedItems = 0;
  framesAdded = 0;
  framesFailed = 0;
  private done = 0;
  private total = 0;
  private framesWaiting = 0;

  constructor(private readonly listener: ((event: ProgressEvent) => void) | undefined) {}

  scanned(count: number): void {
    if (count % 100 === 0) this.emit('scan', { done: count, total: 0 });
  }

  begin(plan: SyncPlan, framesWaiting: number): void {
    this.framesWaiting = framesWaiting;
    this.done = plan.unchanged + plan.moves.length;
    this.total = this.done + plan.work.length;
    this.emit('decode');
  }

  item(item: IngestedItem): void {
    this.done++;
    this.framesWaiting += item.frames.length;
    if (item.frames.length > 0) this.indexedItems++;
    if (item.code !== null && (item.state === 'skipped' || item.state === 'failed')) {
      this.problems.push({
        path: item.path,
        state: item.state,
        code: item.code,
        reason: item.reason ?? '',
      });
    } else if (item.code !== null) {
      this.problems.push({
        path: item.path,
        state: item.frames.length > 0 ? 'damaged' : 'failed',
        code: item.code,
        reason: item.reason ?? '',
      });
    }
    if (item.note !== null)
      this.problems.push({
        path: item.path,
        state: 'damaged',
        code: 'ERR_MEDIA_DECODE',
        reason: item.note,
      });
    this.emit('decode', { path: item.path });
  }

  /** @param media files that became final with frames without an embedding */
  failedToEmbed(frames: number, media: readonly MediaRow[]): void {
    this.framesFailed += frames;
    this.framesWaiting -= frames;
    for (const { path, code, reason } of media) {
      if (code !== null) this.problems.push({ path, state: 'failed', code, reason: reason ?? '' });
    }
  }

  embedded(frames: number): void {
    this.framesAdded += frames;
    this.framesWaiting -= frames;
    this.emit(this.done < this.total ? 'decode' : 'encode');
  }

  private emit(phase: ProgressEvent['phase'], over: Partial<ProgressEvent> = {}): void {
    this.listener?.({
      phase,
      done: this.done,
      total: this.total,
      frames: this.framesAdded,
      framesTotal: this.framesAdded + this.framesWaiting,
      ...over,
    });
  }
}

export function makeReport(
  plan: SyncPlan,
  progress: Progress,
  started: number,
  framesTotal: number,
  dryRun: boolean,
): SyncReport {
  const problems = [...plan.problems, ...progress.problems];
  const count = (state: MediaProblem['state']): number =>
    problems.filter((problem) => problem.state === state).length;
  return {
    scanned: plan.scanned,
    added: plan.added,
    changed: plan.changed,
    moved: plan.moves.length,
    removed: plan.absent.gone.length + plan.overwritten.length,
    ignored: plan.absent.ignored.length,
    heldBack: plan.absent.heldBack.length,
    heldBackReasons: plan.absent.reasons,
    unreachable: plan.absent.unreachable.length,
    unchanged: plan.unchanged,
    otherSampling: plan.otherSampling,
    indexed: progress.indexedItems,
    skipped: count('skipped'),
    failed: count('failed'),
    framesAdded: progress.framesAdded,
    framesFailed: progress.framesFailed,
    framesTotal: framesTotal,
    problems,
    elapsedMs: Math.round(performance.now() - started),
    dryRun,
  };
}
