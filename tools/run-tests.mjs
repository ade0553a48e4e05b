// Runs every compiled test file in a process of its own and ends with `N passed, N failed, N skipped`.
// `node tools/run-tests.mjs [part of a path ...]` runs only the files whose path has one of the parts.
// Where CI is set, a skip that tools/allowed-skips.mjs does not name is a failure.
import { spawn } from 'node:child_process';
import { readdirSync, statSync } from 'node:fs';
import { availableParallelism, loadavg } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { isAllowedSkip } from './allowed-skips.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const base = path.join(root, 'dist/test');
const filters = process.argv.slice(2);
/** On a machine that does nothing else; a loaded one gets as much more as it has too much work. */
const FILE_TIMEOUT_MS = 5 * 60_000;
/** The longest go first, so that none is left running alone at the end. */
const LONGEST = ['harness-', 'native-core', 'pgvector', 'engine-', 'encode-pool', 'cli-'];

function find(dir) {
  return readdirSync(dir).flatMap((name) => {
    const full = path.join(dir, name);
    if (statSync(full).isDirectory()) return find(full);
    return name.endsWith('.test.js') ? [full] : [];
  });
}

function rank(file) {
  const at = LONGEST.findIndex((part) => path.basename(file).startsWith(part));
  return at < 0 ? LONGEST.length : at;
}

const files = find(base)
  .map((file) => path.relative(root, file))
  .filter((file) => filters.length === 0 || filters.some((part) => file.includes(part)))
  .sort((a, b) => rank(a) - rank(b) || (a < b ? -1 : 1));

/** Kills the child when its time is over. @returns what ends the watch */
function watch(child) {
  const deadline = Date.now() + FILE_TIMEOUT_MS;
  const timer = setInterval(() => {
    const overload = Math.max(1, loadavg()[0] / availableParallelism());
    if (Date.now() > deadline + FILE_TIMEOUT_MS * (overload - 1)) child.kill('SIGKILL');
  }, 5000);
  return () => clearInterval(timer);
}

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
    const unwatch = watch(child);
    child.on('close', (code, signal) => {
      unwatch();
      const result = { file, output, code, signal, ms: Date.now() - started };
      resolve({ ...result, ...countsOf(result) });
    });
  });
}

/** uvu counts a test that skips as passed. */
function countsOf({ file, output, code }) {
  const number = (word) => Number(new RegExp(`${word}:\\s+(\\d+)`).exec(output)?.[1] ?? 0);
  const skips = [...output.matchAll(/^skip: (.*)$/gm)].map((found) => found[1].trim());
  const isCi = !['', '0', 'false', undefined].includes(process.env.CI);
  const refused = isCi ? skips.filter((reason) => !isAllowedSkip(file, reason)) : [];
  const passed = number('Passed') - skips.length;
  let failed = number('Total') - number('Passed') + refused.length;
  // A file that dies, or ends without its summary, is one failure more than it counted.
  if ((code !== 0 || number('Total') === 0 || passed < 0) && failed === 0) failed = 1;
  return { passed: Math.max(0, passed), failed, skips, refused };
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
    for (const reason of result.skips) console.log(`     skipped: ${reason}`);
    for (const reason of result.refused)
      console.log(`     failed: "${reason}" may not skip it here (tools/allowed-skips.mjs)`);
    if (result.failed > result.refused.length) {
      console.log(result.output.trimEnd());
      if (result.signal) console.log(`killed by ${result.signal}`);
      // uvu cannot print an error whose `details` is an object, and ends without its summary.
      if (!/Total:/.test(result.output))
        console.log('ended before its summary: run the file alone under `node --trace-uncaught`');
    }
  }
}
await Promise.all(Array.from({ length: Math.max(1, Math.min(2, availableParallelism())) }, work));
const sum = (of) => results.reduce((total, result) => total + of(result), 0);
const [passed, failed] = [sum((result) => result.passed), sum((result) => result.failed)];
const skipped = sum((result) => result.skips.length - result.refused.length);
if (files.length === 0) console.log('no test file matches');
console.log(`${passed} passed, ${failed} failed, ${skipped} skipped`);
process.exitCode = failed > 0 || files.length === 0 ? 1 : 0;
