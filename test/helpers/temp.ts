/** Temporary folders that go away when the test process ends. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

const made: string[] = [];

export function makeTempDir(name = 'test'): string {
  const dir = mkdtempSync(path.join(tmpdir(), `sightline-${name}-`));
  made.push(dir);
  return dir;
}

process.on('exit', () => {
  for (const dir of made) rmSync(dir, { recursive: true, force: true });
});
