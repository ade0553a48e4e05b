/** Workers that die or are killed: the error for the caller, and when the pool stops restarting. */
import { isLibraryError, makeError, messageOf } from '../../base/errors';
import type { LostWork } from './encoder-process';
import type { WorkerSetup } from '../task';

/** Consecutive losses before the model was ready: then the model or the machine is at fault. */
const MAX_FAILED_STARTS = 5;
/**
 * Consecutive losses without a reply. Each may be the fault of its input, and a folder may hold many bad
 * files; but a model that crashes on everything must not be restarted for each.
 */
const MAX_CRASHES = 25;
const REST_MS = 60_000;

/**
 * Opens the circuit when workers die and nothing succeeds: restarts would only waste cores. A worker killed
 * for exceeding the time limit says nothing about the others.
 */
export class LossCount {
  private failedStarts = 0;
  private crashes = 0;
  private restUntil = 0;
  private lastReason = '';

  /** A worker has loaded the model. */
  noteReady(): void {
    this.failedStarts = 0;
  }

  /** A worker has replied, with any result. */
  noteAnswer(): void {
    this.failedStarts = 0;
    this.crashes = 0;
  }

  add({ hadModel, limitMs, message }: LostWork): void {
    if (hadModel && limitMs !== undefined) return;
    this.lastReason = limitMs === undefined ? message : `it took longer than ${limitMs / 1000} s`;
    if (hadModel) this.crashes++;
    else this.failedStarts++;
    if (this.failedStarts >= MAX_FAILED_STARTS || this.crashes >= MAX_CRASHES)
      this.restUntil = performance.now() + REST_MS;
  }

  /** @throws ERR_ENCODE for a minute after the last of too many losses in a row */
  refuseWhileTooMany(modality: string): void {
    const restMs = this.restUntil - performance.now();
    if (restMs <= 0) return;
    const retryAfterSeconds = Math.ceil(restMs / 1000);
    const what =
      this.failedStarts >= MAX_FAILED_STARTS
        ? `${this.failedStarts} workers in a row before they had the model`
        : `${this.crashes} workers in a row and answered nothing in between`;
    throw makeError(
      'ERR_ENCODE',
      `the ${modality} encoder lost ${what}, and takes no work for ${retryAfterSeconds} s; ` +
        `the last one: ${this.lastReason}`,
      { details: { modality, isBroken: true, retryAfterSeconds } },
    );
  }
}

/** @param cause how the worker died, or that it exceeded the time limit */
export function lossError(setup: WorkerSetup, items: number, cause: LostWork): Error {
  const { limitMs } = cause;
  const what = taskName(setup, items);
  const details = { modality: setup.modality, items, isOneTask: cause.hadModel };
  if (limitMs === undefined) {
    const message = `the worker died while ${what}: ${cause.message}`;
    return makeError('ERR_ENCODE', message, { details, cause });
  }
  return makeError(
    'ERR_TIMEOUT',
    `${what} took longer than ${limitMs / 1000} s; the worker was replaced`,
    { details: { ...details, limitMs }, cause },
  );
}

/** No worker was lost; this task alone failed. */
export function taskError(setup: WorkerSetup, items: number, cause: unknown): Error {
  return makeError('ERR_ENCODE', `${taskName(setup, items)} failed: ${messageOf(cause)}`, {
    details: { modality: setup.modality, items, isOneTask: true },
    cause,
  });
}

const taskName = (setup: WorkerSetup, items: number): string =>
  items === 0 ? `loading ${setup.file}` : `encoding ${items} ${setup.modality}(s)`;

/** True when one of the task's inputs may be at fault: others may succeed. */
export function isOfOneTask(error: unknown): boolean {
  return isLibraryError(error) && error.details['isOneTask'] === true;
}
