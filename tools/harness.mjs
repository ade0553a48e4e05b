// Builds and runs the harnesses of the native core (docs/TESTING.md). Needs cmake.
//
//   node tools/harness.mjs NAME ... [--long] [--seed=N] [--source=FOLDER] [other arguments of the harness]
//
// Exit status: 0 if all passed, 1 if one found something, 77 if this machine cannot build them.
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url)).replace(/[\\/]$/, '');
const plain = ['-DCMAKE_BUILD_TYPE=Release'];

/**
 * Each with its build, the arguments of its long form, and those of the short form if the default takes more
 * than 20 s of one core: the same kinds of fault at fewer places.
 */
export const HARNESSES = {
  faults: { build: 'plain', options: plain, long: ['--scripts=12', '--length=24'] },
  memory: { build: 'plain', options: plain, short: ['--most=1'], long: ['--most=40'] },
  threads: {
    build: 'tsan',
    options: [
      '-DCMAKE_BUILD_TYPE=RelWithDebInfo',
      // Enough for the lines of a report, and quick to compile.
      '-DCMAKE_CXX_FLAGS_RELWITHDEBINFO=-O1 -g1 -DNDEBUG',
      '-DSIGHTLINE_UNITY=ON',
      '-DSIGHTLINE_SANITIZE_THREADS=ON',
      '-DSIGHTLINE_YIELD_POINTS=ON',
    ],
    short: ['--seconds=8'],
    long: ['--seconds=3600'],
  },
  // Without the sanitizer there are ten times as many interleavings.
  threads_plain: {
    build: 'yield',
    target: 'harness_threads',
    options: [...plain, '-DSIGHTLINE_YIELD_POINTS=ON'],
    long: ['--seconds=1800'],
  },
  power_cut: {
    build: 'plain',
    options: plain,
    long: ['--scripts=40', '--cuts=24', '--length=20'],
  },
  damage: { build: 'plain', options: plain, short: ['--cases=300'], long: ['--cases=0'] },
  mixtures: { build: 'plain', options: plain, long: ['--histories=12'] },
  // A script that kills processes using the package; needs `npm run build`.
  kill: { script: 'dist/test/helpers/engine-kill.js', long: ['--kills=5000'] },
};

function run(command, parameters, cwd, quiet) {
  const result = spawnSync(command, parameters, {
    cwd,
    encoding: 'utf8',
    stdio: quiet ? 'pipe' : ['ignore', 'inherit', 'inherit'],
  });
  if (quiet && result.status !== 0) console.error(`${result.stdout ?? ''}${result.stderr ?? ''}`);
  return result.status ?? 1;
}

/** Whether programs with the thread sanitizer can be built and run here. */
function hasThreadSanitizer() {
  const compiler = process.env.CXX ?? 'c++';
  const folder = mkdtempSync(path.join(tmpdir(), 'sightline-tsan-'));
  const program = path.join(folder, 'empty');
  const make = [compiler, '-fsanitize=thread', '-x', 'c++', '-o', program, '-'];
  const made = spawnSync(make[0], make.slice(1), { input: 'int main() {}' });
  const ran = made.status === 0 && spawnSync(program).status === 0;
  rmSync(folder, { recursive: true });
  return ran;
}

/** @returns the path of the binary or script, or undefined */
export function buildHarness(name, source) {
  const { build, options, script, target = `harness_${name}` } = HARNESSES[name];
  if (script !== undefined) return path.join(source, script);
  if (build === 'plain' && source === root) {
    // The addon's own build has the core compiled already, with these flags.
    const tool = ['tools/build-native.mjs', `--target=${target}`, '--strict'];
    if (run(process.execPath, tool, root, true) === 0) return path.join(root, 'build', target);
  }
  const folder = path.join(source, 'build', build);
  // Two tests may build in one folder concurrently.
  mkdirSync(folder, { recursive: true });
  const cmake = (...parameters) =>
    run('flock', [path.join(folder, 'lock'), 'cmake', ...parameters], source, true) === 0;
  const isBuilt =
    cmake('-S', source, '-B', folder, ...options) &&
    cmake('--build', folder, '--target', target, '--parallel', '2');
  return isBuilt ? path.join(folder, target) : undefined;
}

function main(args) {
  const source = args.find((arg) => arg.startsWith('--source='))?.slice('--source='.length);
  const tree = path.resolve(source ?? root);
  const names = args.filter((arg) => !arg.startsWith('--'));
  const rest = args.filter((arg) => /^--/.test(arg) && !/^--(long$|source=)/.test(arg));
  if (spawnSync('cmake', ['--version']).status !== 0) {
    console.log('skip: harnesses: cmake is not installed');
    return 77;
  }
  let status = 0;
  for (const name of names.length > 0 ? names : Object.keys(HARNESSES)) {
    if (!(name in HARNESSES)) {
      console.error(`no harness is called ${name}: ${Object.keys(HARNESSES).join(', ')}`);
      return 2;
    }
    if (HARNESSES[name].build === 'tsan' && !hasThreadSanitizer()) {
      console.log(`skip: harness ${name}: the compiler has no thread sanitizer that works here`);
      if (names.length === 1) return 77;
      continue;
    }
    const binary = buildHarness(name, tree);
    if (binary === undefined) return 2;
    const { short = [], long } = HARNESSES[name];
    const form = args.includes('--long') ? long : short;
    // The first of two equal arguments wins, so given ones precede the defaults.
    const isScript = binary.endsWith('.js');
    const parameters = [...(isScript ? [binary] : []), ...rest, ...form];
    if (run(isScript ? process.execPath : binary, parameters, tree, false) !== 0) {
      console.error(`harness ${name} failed`);
      status = 1;
    }
  }
  return status;
}

if (process.argv[1] === fileURLToPath(import.meta.url))
  process.exitCode = main(process.argv.slice(2));
