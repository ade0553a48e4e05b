/** Limits on time in tests: a machine that is busy with other things takes longer, and that is no failure. */
import { readFileSync } from 'node:fs';
import { availableParallelism, loadavg } from 'node:os';

/** Threads that want a processor at this moment; the load average hears of them a minute late. */
function runnable(): number {
  try {
    return Number(/ (\d+)\/\d+ /.exec(readFileSync('/proc/loadavg', 'utf8'))?.[1] ?? 0);
  } catch {
    return 0; // Linux only.
  }
}

/** How much more work this machine has than processors: 1 where it has less. */
export function overload(): number {
  return Math.max(1, Math.max(loadavg()[0] ?? 0, runnable()) / availableParallelism());
}

/**
 * A limit in milliseconds for the machine as it is now. For every limit that is not what a test is about;
 * ask as late as possible, when it is known how busy the machine was.
 */
export function scaled(ms: number): number {
  return Math.ceil(ms * overload());
}
