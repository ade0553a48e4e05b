// Runs every compiled test file in a process of its own and ends with `N passed, N failed, N skipped`.
//
//   node tools/run-tests.mjs [--checks] [part of a path ...]
//
// Parts of paths: only the files whose path has one of them. `--checks`: lint and format check beside the tests.
// Each line ends with seconds by the clock and, on Linux, of processors: those do not depend on what else runs.
// Where CI is set, a skip that tools/allowed-skips.mjs does not name is a failure.
import { spawn } from 'node:child_process';
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { availableParallelism, loadavg, tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { isAllowedSkip } from './allowed-skips.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const base = path.join(root, 'dist/test');
const args = process.argv.slice(2);
const filters = args.filter((arg) => !arg.startsWith('--'));
/** On a machine that does nothing else; a loaded one gets as much more as it has too much work. */
const FILE_TIMEOUT_MS = 5 * 60_000;
/** A failed test may leave a server or a process open, which would keep its file from ending. */
const END_AFTER_FAILURE_MS = 10_000;
/** CPU seconds of each job when it ran last. The longest go first, so that none is left alone at the end. */
const TIMES = path.join(root, 'build/test-times.json');
/** Before there are times. */
const LONGEST = ['harness-', 'native-core', 'engine-', 'cli-', 'package', 'pgvector', 'encode-'];
/** Let a failing file say what failed, and every file what it took. */
const PRELOADED = ['readable-failures.mjs', 'report-cpu.mjs'].flatMap((name) => [
  '--import',
  new URL(name, import.meta.url).href,
]);
/** What needs no build of ours, as jobs beside the tests. */
const CHECKS = ['lint', 'format:check'];

function find(dir) {
  return readdirSync(dir).flatMap((name) => {
    const full = path.join(dir, name);
    if (statSync(full).isDirectory()) return find(full);
    return name.endsWith('.test.js') ? [full] : [];
  });
}

function timesOfBefore() {
  try {
    return JSON.parse(readFileSync(TIMES, 'utf8'));
  } catch {
    return {};
  }
}

const times = timesOfBefore();

/** CPU seconds of a job, or a guess. */
function costOf(job) {
  if (times[job] !== undefined) return times[job];
  if (CHECKS.includes(job)) return 1000;
  const at = LONGEST.findIndex((part) => path.basename(job).startsWith(part));
  return at < 0 ? 1 : 100 - at;
}

const files = find(base)
  .map((file) => path.relative(root, file))
  .filter((file) => filters.length === 0 || filters.some((part) => file.includes(part)));
const jobs = [...files, ...(args.includes('--checks') ? CHECKS : [])].sort(
  (a, b) => costOf(b) - costOf(a) || (a < b ? -1 : 1),
);

/** Kills the child when its time is over. @returns what ends the watch */
function watch(child) {
  const deadline = Date.now() + FILE_TIMEOUT_MS;
  const timer = setInterval(() => {
    const overload = Math.max(1, loadavg()[0] / availableParallelism());
    if (Date.now() > deadline + FILE_TIMEOUT_MS * (overload - 1)) child.kill('SIGKILL');
  }, 5000);
  return () => clearInterval(timer);
}

/** Where test files keep what several of them begin with (test/helpers/shared-folder.ts). */
const shared = mkdtempSync(path.join(tmpdir(), 'sightline-shared-'));
process.on('exit', () => rmSync(shared, { recursive: true, force: true }));

function start(job) {
  const isCheck = CHECKS.includes(job);
  const [command, parameters] = isCheck
    ? ['npm', ['run', '--silent', job]]
    : [process.execPath, ['--expose-gc', ...PRELOADED, job]];
  return spawn(command, parameters, {
    cwd: root,
    env: { ...process.env, SIGHTLINE_TEST_SHARED: shared, FORCE_COLOR: '0', NO_COLOR: '1' },
    stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
    shell: isCheck && process.platform === 'win32',
  });
}

function runOne(job) {
  return new Promise((resolve) => {
    const started = Date.now();
    const child = start(job);
    let output = '';
    let cpu = '';
    let ending;
    child.stdout.on('data', (chunk) => {
      output += chunk;
      const [total, passed] = ['Total', 'Passed'].map((word) => numberOf(output, word));
      // Its last line: before, a number may be cut.
      if (/Duration:/.test(output) && passed < total)
        ending ??= setTimeout(() => child.kill('SIGKILL'), END_AFTER_FAILURE_MS);
    });
    child.stderr.on('data', (chunk) => (output += chunk));
    child.stdio[3].on('data', (chunk) => (cpu += chunk));
    const unwatch = watch(child);
    child.on('close', (code, signal) => {
      unwatch();
      clearTimeout(ending);
      const seconds = cpu === '' ? undefined : Number(cpu);
      const result = { file: job, output, code, signal, cpu: seconds, ms: Date.now() - started };
      resolve({ ...result, ...countsOf(result) });
    });
  });
}

/** Of the summary that uvu prints at the end; undefined before. */
function numberOf(output, word) {
  const found = new RegExp(`${word}:\\s+(\\d+)`).exec(output);
  return found === null ? undefined : Number(found[1]);
}

/** uvu counts a test that skips as passed. */
function countsOf({ file, output, code }) {
  if (CHECKS.includes(file))
    return { passed: code === 0 ? 1 : 0, failed: code === 0 ? 0 : 1, skips: [], refused: [] };
  const number = (word) => numberOf(output, word) ?? 0;
  const skips = [...output.matchAll(/^skip: (.*)$/gm)].map((found) => found[1].trim());
  const isCi = !['', '0', 'false', undefined].includes(process.env.CI);
  const refused = isCi ? skips.filter((reason) => !isAllowedSkip(file, reason)) : [];
  const passed = number('Passed') - skips.length;
  let failed = number('Total') - number('Passed') + refused.length;
  // A file that dies, or ends without its summary, is one failure more than it counted.
  if ((code !== 0 || number('Total') === 0 || passed < 0) && failed === 0) failed = 1;
  return { passed: Math.max(0, passed), failed, skips, refused };
}

const queue = [...jobs];
const results = [];
async function work() {
  for (;;) {
    const job = queue.shift();
    if (job === undefined) return;
    const result = await runOne(job);
    results.push(result);
    const mark = result.failed === 0 ? 'ok  ' : 'FAIL';
    const cpu = result.cpu === undefined ? '' : `, ${result.cpu.toFixed(1)} s CPU`;
    const took = `${(result.ms / 1000).toFixed(1)} s${cpu}`;
    console.log(`${mark} ${job}  ${result.passed} passed  ${took}`);
    for (const reason of result.skips) console.log(`     skipped: ${reason}`);
    for (const reason of result.refused)
      console.log(`     failed: "${reason}" may not skip it here (tools/allowed-skips.mjs)`);
    if (result.failed > result.refused.length) {
      console.log(result.output.trimEnd());
      if (result.signal) console.log(`killed by ${result.signal}`);
      if (!CHECKS.includes(job) && !/Total:/.test(result.output))
        console.log('ended before its summary: run the file alone under `node --trace-uncaught`');
    }
  }
}
await Promise.all(Array.from({ length: Math.max(1, Math.min(2, availableParallelism())) }, work));
const sum = (of) => results.reduce((total, result) => total + of(result), 0);
const [passed, failed] = [sum((result) => result.passed), sum((result) => result.failed)];
const skipped = sum((result) => result.skips.length - result.refused.length);
for (const { file, cpu } of results) if (cpu !== undefined) times[file] = cpu;
mkdirSync(path.dirname(TIMES), { recursive: true });
writeFileSync(TIMES, JSON.stringify(times, null, 1));
if (files.length === 0) console.log('no test file matches');
console.log(`${sum((result) => result.cpu ?? 0).toFixed(0)} s CPU`);
console.log(`${passed} passed, ${failed} failed, ${skipped} skipped`);
process.exitCode = failed > 0 || files.length === 0 ? 1 : 0;
