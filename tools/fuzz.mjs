// Fuzzes the readers of the engine's files with libFuzzer (docs/TESTING.md). Needs clang and cmake.
//
//   node tools/fuzz.mjs [TARGET ...] [--seconds=N] [--seed=N] [--source=FOLDER]
//
// Targets: header, log, graph, folder; default all. The corpus is kept in build/fuzz/corpus/TARGET, crashing
// inputs in build/fuzz/findings. Exit status: 1 for a finding, 77 if this machine cannot build the targets.
import { spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { seeds } from './fuzz-seeds.mjs';

export const TARGETS = ['header', 'log', 'graph', 'folder'];

function run(command, parameters, options = {}) {
  const result = spawnSync(command, parameters, { encoding: 'utf8', ...options });
  return { status: result.status ?? 1, output: `${result.stdout ?? ''}${result.stderr ?? ''}` };
}

/** @returns why fuzzing is not possible here, or undefined */
export function missing() {
  if (process.platform !== 'linux') return 'the targets are written for Linux';
  for (const tool of ['cmake', 'clang++'])
    if (run(tool, ['--version']).status !== 0) return `${tool} is not installed`;
  const probe = run('clang++', ['-fsanitize=fuzzer,address', '-x', 'c++', '-', '-o', '/dev/null'], {
    input: 'extern "C" int LLVMFuzzerTestOneInput(const unsigned char*, unsigned long) {return 0;}',
  });
  return probe.status === 0 ? undefined : "clang's libFuzzer and sanitizers are not installed";
}

function build(target, source) {
  const folder = path.join(source, 'build/fuzz');
  const options = ['-DCMAKE_CXX_COMPILER=clang++', '-DSIGHTLINE_FUZZ=ON', '-DSIGHTLINE_UNITY=ON'];
  const type = '-DCMAKE_BUILD_TYPE=RelWithDebInfo';
  for (const command of [
    ['-S', source, '-B', folder, ...options, type],
    ['--build', folder, '--target', `fuzz_${target}`, '--parallel', '2'],
  ]) {
    const { status, output } = run('cmake', command);
    if (status !== 0) throw new Error(output);
  }
  return path.join(folder, `fuzz_${target}`);
}

/** @returns true if nothing was found */
export function fuzz(target, source, { seconds, seed }) {
  const binary = build(target, source);
  const base = path.join(source, 'build/fuzz');
  const corpus = path.join(base, 'corpus', target);
  const first = path.join(base, 'seeds', target);
  const findings = path.join(base, 'findings');
  rmSync(first, { recursive: true, force: true });
  for (const folder of [corpus, first, findings]) mkdirSync(folder, { recursive: true });
  seeds(target, source).forEach((bytes, i) => writeFileSync(path.join(first, `${i}`), bytes));
  const before = new Set(readdirSync(findings));
  const { status, output } = run(
    binary,
    [
      `-seed=${seed}`,
      `-max_total_time=${seconds}`,
      `-dict=${path.join(source, 'test/fuzz/sightline.dict')}`,
      `-artifact_prefix=${findings}/${target}-`,
      `-max_len=${target === 'graph' ? 65_536 : target === 'log' ? 49_152 : 4096}`,
      '-timeout=20',
      '-rss_limit_mb=2048',
      '-print_final_stats=1',
      '-verbosity=0',
      corpus,
      first,
    ],
    // Large reservations of address space must fail normally.
    { env: { ...process.env, ASAN_OPTIONS: 'detect_leaks=1:allocator_may_return_null=1' } },
  );
  const units = /number_of_executed_units:\s+(\d+)/.exec(output)?.[1] ?? '?';
  const found = readdirSync(findings).filter((name) => !before.has(name));
  const isClean = status === 0 && found.length === 0;
  console.log(
    `fuzz ${target}: seed ${seed}, ${units} inputs in ${seconds} s, ${isClean ? 'nothing found' : `FOUND ${found.join(' ')}`}`,
  );
  if (!isClean) console.log(output.slice(-6000));
  return isClean;
}

function main(args) {
  const value = (name, otherwise) =>
    Number(args.find((arg) => arg.startsWith(`--${name}=`))?.split('=')[1] ?? otherwise);
  const given = args.find((arg) => arg.startsWith('--source='))?.slice('--source='.length);
  const source = path.resolve(given ?? fileURLToPath(new URL('..', import.meta.url)));
  const reason = missing();
  if (reason !== undefined) {
    console.log(`skip: fuzzing: ${reason}`);
    return 77;
  }
  const names = args.filter((arg) => !arg.startsWith('--'));
  const unknown = names.find((name) => !TARGETS.includes(name));
  if (unknown !== undefined) {
    console.error(`no target is called ${unknown}: ${TARGETS.join(', ')}`);
    return 2;
  }
  const seed = value('seed', 1 + (Date.now() % 1_000_000));
  let isClean = true;
  for (const target of names.length > 0 ? names : TARGETS)
    isClean = fuzz(target, source, { seconds: value('seconds', 60), seed }) && isClean;
  return isClean ? 0 : 1;
}

if (process.argv[1] === fileURLToPath(import.meta.url))
  process.exitCode = main(process.argv.slice(2));
