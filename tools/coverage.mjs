// Measures which lines of `lib` and `native` the tests run, and prints a table by folder (docs/TESTING.md).
//
//   node tools/coverage.mjs [lib | native] [--add] [part of a test's path ...]
//
// `lib`: the built tests under node's own coverage, read by c8; processes that are killed report nothing.
// `--add`: on top of what was run before, so that a whole run may be done in pieces.
// `native`: the C++ tests and the short forms of the harnesses that need no sanitizer, by gcov.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { HARNESSES } from './harness.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const folder = path.join(root, 'build/coverage');

function run(command, args, options = {}) {
  const result = spawnSync(command, args, { cwd: root, maxBuffer: 1 << 30, ...options });
  if (result.status !== 0) console.error(`${command} ${args[0]} ended with ${result.status}`);
  return result;
}

/** @param files  [path below the root, lines run, lines] */
function printTable(title, files) {
  const sums = new Map();
  for (const [file, ran, all] of files)
    for (const name of [path.dirname(file).split(path.sep).slice(0, 2).join('/'), 'all']) {
      const sum = sums.get(name) ?? [0, 0];
      sums.set(name, [sum[0] + ran, sum[1] + all]);
    }
  console.log(`\n| ${title} | lines | run |\n| --- | ---: | ---: |`);
  for (const [name, [ran, all]] of [...sums].sort())
    console.log(`| ${name} | ${all} | ${((100 * ran) / all).toFixed(1)} % |`);
  const worst = files.filter(([, , all]) => all > 20).sort((a, b) => a[1] / a[2] - b[1] / b[2]);
  for (const [file, ran, all] of worst.slice(0, 12))
    console.log(`least: ${file} ${((100 * ran) / all).toFixed(0)} % of ${all}`);
}

function coverLib(parts, isMore) {
  const data = path.join(folder, 'v8');
  if (!isMore) rmSync(data, { recursive: true, force: true });
  const env = { ...process.env, NODE_V8_COVERAGE: data };
  run(process.execPath, ['tools/run-tests.mjs', ...parts], { env, stdio: 'inherit' });
  const report = [
    'report',
    '--temp-directory',
    data,
    '--include',
    'dist/lib/**',
    '--all',
    '--merge-async',
  ];
  const to = ['--reporter', 'json-summary', '--reports-dir', path.join(folder, 'lib')];
  run('npx', ['c8', ...report, '--src', 'dist/lib', ...to], { stdio: 'inherit' });
  const summary = JSON.parse(readFileSync(path.join(folder, 'lib/coverage-summary.json'), 'utf8'));
  const files = Object.entries(summary).filter(([file]) => file !== 'total');
  printTable(
    'lib, as compiled',
    files.map(([file, { lines }]) => [
      path.relative(root, file).replace(/^dist\//, ''),
      lines.covered,
      lines.total,
    ]),
  );
}

function coverNative() {
  const build = path.join(folder, 'native');
  mkdirSync(build, { recursive: true });
  // -O1: without it the tests that search take minutes.
  const flags = ['-DCMAKE_CXX_FLAGS=-O1 -g --coverage', '-DCMAKE_EXE_LINKER_FLAGS=--coverage'];
  const names = Object.keys(HARNESSES).filter((name) => HARNESSES[name].build === 'plain');
  const targets = ['sightline_tests', ...names.map((name) => `harness_${name}`)];
  run('cmake', ['-S', root, '-B', build, ...flags], { stdio: 'ignore' });
  run('cmake', ['--build', build, '--parallel', '2', '--target', ...targets], { stdio: 'ignore' });
  const data = () =>
    readdirSync(build, { recursive: true })
      .filter((name) => name.endsWith('.gcda'))
      .map((name) => path.join(build, name));
  for (const file of data()) rmSync(file);
  for (const target of targets) {
    const { short = [] } = HARNESSES[target.replace('harness_', '')] ?? {};
    if (existsSync(path.join(build, target))) run(path.join(build, target), short);
  }
  const lines = new Map();
  for (const file of data()) {
    const { stdout } = run('gcov', ['--json-format', '--stdout', file], { cwd: build });
    for (const { file: name, lines: counted } of JSON.parse(stdout).files) {
      const relative = path.relative(root, path.resolve(build, name));
      if (!relative.startsWith('native')) continue;
      const ran = lines.get(relative) ?? new Map();
      for (const { line_number: line, count } of counted)
        ran.set(line, (ran.get(line) ?? false) || count > 0);
      lines.set(relative, ran);
    }
  }
  printTable(
    'native',
    [...lines].map(([file, ran]) => [file, [...ran.values()].filter(Boolean).length, ran.size]),
  );
}

const words = process.argv.slice(2);
const [what, ...parts] = words.filter((word) => word !== '--add');
const isMore = words.includes('--add');
if (what !== 'native')
  coverLib(what === undefined || what === 'lib' ? parts : [what, ...parts], isMore);
if (what === undefined || what === 'native') coverNative();
