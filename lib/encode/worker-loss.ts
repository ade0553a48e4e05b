/** Workers that die or are ended: what the caller is told, and when the pool stops trying. */
import { isLibraryError, makeError, messageOf } from '../errors';
import type { WorkerSetup } from './task';

const MAX_LOSSES = 5;
const LOSS_WINDOW_MS = 60_000;

/** Opens the circuit when workers keep dying: starting them again and again would only use cores up. */
export class LossCount {
  private readonly times: number[] = [];

  add(): void {
    this.times.push(performance.now());
  }

  /** @throws ERR_ENCODE while five workers were lost within the last minute */
  refuseWhileTooMany(modality: string): void {
    const oldest = performance.now() - LOSS_WINDOW_MS;
    while (this.times.length > 0 && (this.times[0] as number) < oldest) this.times.shift();
    if (this.times.length < MAX_LOSSES) return;
    const retryAfterSeconds = Math.ceil(((this.times[0] as number) - oldest) / 1000);
    throw makeError(
      'ERR_ENCODE',
      `the ${modality} encoder lost ${this.times.length} workers within ` +
        `${LOSS_WINDOW_MS / 1000} s and takes no work until that is over`,
      { details: { modality, isBroken: true, retryAfterSeconds } },
    );
  }
}

/** @param limitMs the deadline that was passed; undefined: the worker died by itself */
export function lossError(
  setup: WorkerSetup,
  items: number,
  limitMs: number | undefined,
  cause: unknown,
): Error {
  const what = items === 0 ? `loading ${setup.file}` : `encoding ${items} ${setup.modality}(s)`;
  const details = { modality: setup.modality, items, isWorkerLoss: true };
  if (limitMs === undefined) {
    const message = `the worker died while ${what}: ${messageOf(cause)}`;
    return makeError('ERR_ENCODE', message, { details, cause });
  }
  return makeError(
    'ERR_TIMEOUT',
    `${what} took longer than ${limitMs / 1000} s; the worker was replaced`,
    { details: { ...details, limitMs }, cause },
  );
}

/** True when a worker died, was ended or spoke nonsense: an input may be at fault, others are not. */
export function isWorkerLoss(error: unknown): boolean {
  return isLibraryError(error) && error.details['isWorkerLoss'] === true;
}
