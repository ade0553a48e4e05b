/** Work done as a user who owns nothing: root may list and write everything. */
import { closeSync, openSync } from 'node:fs';

export const NOBODY = 65534;

/** Runs the work as nobody when we are root, and as who we are when we are not. */
export async function asNobody<T>(work: () => Promise<T>): Promise<T> {
  const own = process.geteuid?.();
  if (own !== 0) return work();
  process.seteuid?.(NOBODY);
  try {
    return await work();
  } finally {
    process.seteuid?.(own);
  }
}

/** Undefined, or why such a test cannot run here. */
export async function noNobody(): Promise<string | undefined> {
  if (process.geteuid === undefined) return 'this system has no such users';
  try {
    await asNobody(() => Promise.resolve(closeSync(openSync(__filename, 'r'))));
    return undefined;
  } catch {
    return 'another user may not read this checkout';
  }
}
