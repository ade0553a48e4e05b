/** Progress on stderr: a bar on a terminal, a line every ten seconds elsewhere, JSON events, or nothing. */
import { SingleBar } from 'cli-progress';
import type { ProgressEvent } from '../../base/types';
import { formatBytes, formatDuration } from './format';
import type { ProgressStyle } from './progress-style';

/** Events of a sync, of drawing the sample library, and of a download, which counts bytes. */
export type Shown = Omit<ProgressEvent, 'phase'> & {
  readonly phase: ProgressEvent['phase'] | 'draw' | 'download' | 'backup';
};

export interface ProgressView {
  show(event: Shown): void;
  /** Removes the bar so that other lines can follow. Idempotent. */
  end(): void;
}

const PLAIN_EVERY_MS = 10_000;
const BAR_AFTER_MS = 300;
const PHASES: Readonly<Record<Shown['phase'], string>> = {
  draw: 'drawing',
  download: 'download',
  backup: 'copying',
  scan: 'looking',
  decode: 'reading',
  encode: 'embedding',
  reembed: 'embedding anew',
  index: 'indexing',
  done: 'done',
};

/** Rate and remaining time, from the items done in this run: a resumed one starts above zero. */
export class Pace {
  private first: { done: number; at: number } | undefined;

  constructor(private readonly now: () => number = () => performance.now()) {}

  /** `12.3/s, 40 s left`; empty at first. */
  describe(done: number, total: number, unit?: Measure['unit']): string {
    this.first ??= { done, at: this.now() };
    const seconds = (this.now() - this.first.at) / 1000;
    const rate = (done - this.first.done) / seconds;
    if (!Number.isFinite(rate) || rate <= 0) return '';
    const left = total > done ? `, ${formatDuration(((total - done) / rate) * 1000)} left` : '';
    return `${unit === 'bytes' ? formatBytes(Math.round(rate)) : rate.toFixed(1)}/s${left}`;
  }
}

interface Measure {
  readonly value: number;
  readonly total: number;
  readonly unit: 'files' | 'frames' | 'bytes';
}

/** Counts files while they are read, then the frames that wait to be embedded. */
function measure(event: Shown): Measure {
  if (event.phase === 'download') return { value: event.done, total: event.total, unit: 'bytes' };
  return event.phase === 'encode' || event.phase === 'reembed'
    ? { value: event.frames, total: event.framesTotal, unit: 'frames' }
    : { value: event.done, total: event.total, unit: 'files' };
}

/** One pace per phase: files scanned, files read and frames embedded have different rates. */
class Paces {
  private readonly paces = new Map<Shown['phase'], Pace>();

  constructor(private readonly now?: () => number) {}

  describe(phase: Shown['phase'], { value, total, unit }: Measure): string {
    if (total === 0) return '';
    const pace = this.paces.get(phase) ?? new Pace(this.now);
    this.paces.set(phase, pace);
    return pace.describe(value, total, unit);
  }
}

function amountOf({ value, total, unit }: Measure, of: string): string {
  if (unit === 'bytes') return `${formatBytes(value)}${of}${formatBytes(total)}`;
  const n = (amount: number): string => amount.toLocaleString('en-US');
  return `${total === 0 ? n(value) : `${n(value)}${of}${n(total)}`} ${unit}`;
}

class BarView implements ProgressView {
  private readonly paces = new Paces();
  private readonly bar = new SingleBar({
    format: '{phase} [{bar}] {amount}  {pace}',
    stream: process.stderr,
    barCompleteChar: '#',
    barIncompleteChar: '-',
    barsize: 24,
    hideCursor: true,
    clearOnComplete: true,
    gracefulExit: false,
    fps: 8,
  });
  private readonly bornAt = performance.now();
  private isStarted = false;

  show(event: Shown): void {
    const now = measure(event);
    const payload = {
      phase: PHASES[event.phase].padEnd(9),
      amount: amountOf(now, '/'),
      pace: this.paces.describe(event.phase, now),
    };
    // A sync with nothing to do must not flash a bar.
    if (!this.isStarted && performance.now() - this.bornAt < BAR_AFTER_MS) return;
    // An unknown total shows an empty bar, not a full one.
    const [value, total] = now.total === 0 ? [0, 1] : [now.value, now.total];
    if (!this.isStarted) {
      this.isStarted = true;
      this.bar.start(total, value, payload);
    }
    if (total !== this.bar.getTotal()) this.bar.setTotal(total);
    this.bar.update(value, payload);
  }

  end(): void {
    if (this.isStarted) this.bar.stop();
    this.isStarted = false;
  }
}

/** At most one line in ten seconds. */
export class PlainView implements ProgressView {
  private readonly paces: Paces;
  private lastAt: number;

  constructor(
    private readonly write: (text: string) => void = (text) => process.stderr.write(text),
    private readonly now: () => number = () => performance.now(),
  ) {
    this.paces = new Paces(now);
    this.lastAt = now();
  }

  show(event: Shown): void {
    const measured = measure(event);
    const pace = this.paces.describe(event.phase, measured);
    if (this.now() - this.lastAt < PLAIN_EVERY_MS) return;
    this.lastAt = this.now();
    const line = `${PHASES[event.phase]}: ${amountOf(measured, ' of ')}`;
    this.write(`${line}${pace === '' ? '' : `, ${pace}`}\n`);
  }

  end(): void {}
}

class JsonView implements ProgressView {
  show(event: Shown): void {
    process.stderr.write(`${JSON.stringify(event)}\n`);
  }

  end(): void {}
}

const SILENT: ProgressView = { show() {}, end() {} };

/** `auto` depends on stderr and `--quiet`. */
export function makeProgress(style: ProgressStyle, isQuiet: boolean): ProgressView {
  if (style === 'json') return new JsonView();
  if (style === 'none' || isQuiet) return SILENT;
  const isTerminal = process.stderr.isTTY === true && process.env.TERM !== 'dumb';
  if (style === 'bar' || (style === 'auto' && isTerminal)) return new BarView();
  return new PlainView();
}
