/**
 * Progress of a sync on stderr: a bar with rate and time left on a terminal, a plain line every ten
 * seconds elsewhere, one JSON object per event for programs, or nothing.
 */
import { SingleBar } from 'cli-progress';
import type { ProgressEvent } from '../types';
import { count, formatDuration } from './format';
import type { ProgressStyle } from './progress-style';

export interface ProgressView {
  show(event: ProgressEvent): void;
  /** Removes the bar so that other lines can follow. Idempotent. */
  end(): void;
}

const PLAIN_EVERY_MS = 10_000;
const PHASES: Readonly<Record<ProgressEvent['phase'], string>> = {
  scan: 'looking',
  decode: 'reading',
  encode: 'embedding',
  index: 'indexing',
  done: 'done',
};

/** Rate and time left, from the items done in this run (a resumed run starts above zero). */
export class Pace {
  private first: { done: number; at: number } | undefined;

  constructor(private readonly now: () => number = () => performance.now()) {}

  /** `12.3/s, 40 s left`; an empty string until there is something to say. */
  describe(done: number, total: number): string {
    this.first ??= { done, at: this.now() };
    const seconds = (this.now() - this.first.at) / 1000;
    const rate = (done - this.first.done) / seconds;
    if (!Number.isFinite(rate) || rate <= 0) return '';
    const left = total > done ? `, ${formatDuration(((total - done) / rate) * 1000)} left` : '';
    return `${rate.toFixed(1)}/s${left}`;
  }
}

class BarView implements ProgressView {
  private readonly pace = new Pace();
  private readonly bar = new SingleBar({
    format: '{phase} [{bar}] {value}/{total} files, {frames} frames  {pace}',
    stream: process.stderr,
    barCompleteChar: '#',
    barIncompleteChar: '-',
    barsize: 24,
    hideCursor: true,
    clearOnComplete: true,
    gracefulExit: false,
    fps: 8,
  });
  private isStarted = false;

  show(event: ProgressEvent): void {
    const payload = {
      phase: PHASES[event.phase].padEnd(9),
      frames: event.frames,
      pace: this.pace.describe(event.done, event.total),
    };
    if (!this.isStarted) {
      this.isStarted = true;
      this.bar.start(event.total, event.done, payload);
    }
    if (event.total !== this.bar.getTotal()) this.bar.setTotal(event.total);
    this.bar.update(event.done, payload);
  }

  end(): void {
    if (this.isStarted) this.bar.stop();
    this.isStarted = false;
  }
}

class PlainView implements ProgressView {
  private readonly pace = new Pace();
  private lastAt = performance.now();

  show(event: ProgressEvent): void {
    const pace = this.pace.describe(event.done, event.total);
    if (performance.now() - this.lastAt < PLAIN_EVERY_MS) return;
    this.lastAt = performance.now();
    const files = `${event.done.toLocaleString('en-US')} of ${count(event.total, 'file')}`;
    const line = `${PHASES[event.phase]}: ${files}, ${count(event.frames, 'frame')}`;
    process.stderr.write(`${line}${pace === '' ? '' : `, ${pace}`}\n`);
  }

  end(): void {}
}

class JsonView implements ProgressView {
  show(event: ProgressEvent): void {
    process.stderr.write(`${JSON.stringify(event)}\n`);
  }

  end(): void {}
}

const SILENT: ProgressView = { show() {}, end() {} };

/** The view for a style; `auto` looks at stderr and at `--quiet`. */
export function makeProgress(style: ProgressStyle, isQuiet: boolean): ProgressView {
  if (style === 'json') return new JsonView();
  if (style === 'none' || isQuiet) return SILENT;
  const isTerminal = process.stderr.isTTY === true && process.env.TERM !== 'dumb';
  if (style === 'bar' || (style === 'auto' && isTerminal)) return new BarView();
  return new PlainView();
}
