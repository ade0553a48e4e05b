// Runs every compiled test file in a process of its own and ends with `N passed, N failed`.
// `node tools/run-tests.mjs [part of a path ...]` runs only the files whose path has one of the parts.
import { spawn } from 'node:child_process';
import { readdirSync, statSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const base = path.join(root, 'dist/test');
const filters = process.argv.slice(2);
const FILE_TIMEOUT_MS = 15 * 60_000;

function find(dir) {
  return readdirSync(dir).flatMap((name) => {
    const full = path.join(dir, name);
    if (statSync(full).isDirectory()) return find(full);
    return name.endsWith('.test.js') ? [full] : [];
  });
}

const files = find(base)
  .map((file) => path.relative(root, file))
  .filter((file) => filters.length === 0 || filters.some((part) => file.includes(part)))
  .sort();

function runOne(file) {
  return new Promise((resolve) => {
    const started = Date.now();
    const child = spawn(process.execPath, ['--expose-gc', file], {
      cwd: root,
      env: { ...process.env, FORCE_COLOR: '0', NO_COLOR: '1' },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let output = '';
    child.stdout.on('data', (chunk) => (output += chunk));
    child.stderr.on('data', (chunk) => (output += chunk));
    const timer = setTimeout(() => child.kill('SIGKILL'), FILE_TIMEOUT_MS);
    child.on('close', (code, signal) => {
      clearTimeout(timer);
      const number = (word) => Number(new RegExp(`${word}:\\s+(\\d+)`).exec(output)?.[1] ?? 0);
      const total = number('Total');
      const passed = number('Passed');
      const skipped = number('Skipped');
      // A file that dies, or ends without its summary, is one failure more than it counted.
      let failed = total - passed;
      if ((code !== 0 || total === 0) && failed === 0) failed = 1;
      resolve({ file, passed, failed, skipped, output, code, signal, ms: Date.now() - started });
    });
  });
}

const queue = [...files];
const results = [];
async function work() {
  for (;;) {
    const file = queue.shift();
    if (file === undefined) return;
    const result = await runOne(file);
    results.push(result);
    const mark = result.failed === 0 ? 'ok  ' : 'FAIL';
    console.log(`${mark} ${file}  ${result.passed} passed  ${(result.ms / 1000).toFixed(1)} s`);
    for (const line of result.output.split('\n'))
      if (/\bskip(ped)?: /.test(line)) console.log(`     ${line.trim()}`);
    if (result.failed > 0) {
      console.log(result.output.trimEnd());
      if (result.signal) console.log(`killed by ${result.signal}`);
      // uvu cannot print an error whose `details` is an object, and ends without its summary.
      if (!/Total:/.test(result.output))
        console.log('ended before its summary: run the file alone under `node --trace-uncaught`');
    }
  }
}
await Promise.all(Array.from({ length: Math.max(1, Math.min(2, availableParallelism())) }, work));
const sum = (key) => results.reduce((total, result) => total + result[key], 0);
if (files.length === 0) console.log('no test file matches');
console.log(`${sum('passed')} passed, ${sum('failed')} failed`);
process.exitCode = sum('failed') > 0 || files.length === 0 ? 1 : 0;
