// Loaded by tools/run-tests.mjs before each test file: tells it at the end, on descriptor 3, how many CPU seconds the
// file and the children it waited for took. Linux only: node does not tell of children.
import { readFileSync, writeSync } from 'node:fs';
import { isMainThread } from 'node:worker_threads';

// Threads and forked processes load this too; descriptor 3 of those belongs to others.
const isTestFile = isMainThread && /\.test\.js$/.test(process.argv[1] ?? '');

process.on('exit', () => {
  if (!isTestFile) return;
  try {
    const stat = readFileSync('/proc/self/stat', 'utf8');
    // utime, stime, cutime and cstime in hundredths; the name before them may hold anything.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    const ticks = fields.slice(11, 15).reduce((sum, field) => sum + Number(field), 0);
    writeSync(3, String(ticks / 100));
  } catch {
    // Another system, or nobody asked.
  }
});
