/** Finds the real inputs that live beside a developer's checkout; absent elsewhere. */
import { existsSync } from 'node:fs';
import path from 'node:path';

const base = path.resolve(__dirname, '../../../../shared/data');

/** Path below the shared data folder, or undefined where it does not exist. */
export function sharedData(...parts: string[]): string | undefined {
  const full = path.join(base, ...parts);
  return existsSync(full) ? full : undefined;
}
