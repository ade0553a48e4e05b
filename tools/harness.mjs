// Builds and runs the harnesses that try to break the native core (docs/TESTING.md). Needs cmake.
//
//   node tools/harness.mjs NAME ... [--long] [--seed=N] [--source=FOLDER] [other arguments of the harness]
//
// Ends with 0 if all held, 1 if one found something, 77 if this machine cannot build them.
import { spawnSync } from 'node:child_process';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const plain = ['-DCMAKE_BUILD_TYPE=Release'];

/** Each with the build it needs and the arguments of its long form; without arguments: the short one. */
export const HARNESSES = {
  faults: { build: 'plain', options: plain, long: ['--scripts=12', '--length=24'] },
  power_cut: { build: 'plain', options: plain, long: ['--scripts=40', '--cuts=24', '--length=20'] },
  damage: { build: 'plain', options: plain, long: ['--cases=0'] },
  mixtures: { build: 'plain', options: plain, long: ['--histories=12'] },
  // Not a binary: it kills processes that use the package (after `npm run build`).
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

/** @returns the path of the binary or script, or undefined */
export function buildHarness(name, source) {
  const { build, options, script } = HARNESSES[name];
  if (script !== undefined) return path.join(source, script);
  const folder = path.join(source, 'build', build);
  if (run('cmake', ['-S', source, '-B', folder, ...options], source, true) !== 0) return undefined;
  const target = `harness_${name}`;
  const parameters = ['--build', folder, '--target', target, '--parallel', '2'];
  return run('cmake', parameters, source, true) === 0 ? path.join(folder, target) : undefined;
}

function main(args) {
  const source = args.find((arg) => arg.startsWith('--source='))?.slice('--source='.length);
  const root = path.resolve(source ?? fileURLToPath(new URL('..', import.meta.url)));
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
    const binary = buildHarness(name, root);
    if (binary === undefined) return 2;
    const long = args.includes('--long') ? HARNESSES[name].long : [];
    // The first of two equal arguments counts, so what was asked for wins.
    const isScript = binary.endsWith('.js');
    const parameters = [...(isScript ? [binary] : []), ...rest, ...long];
    if (run(isScript ? process.execPath : binary, parameters, root, false) !== 0) {
      console.error(`harness ${name} failed`);
      status = 1;
    }
  }
  return status;
}

if (process.argv[1] === fileURLToPath(import.meta.url))
  process.exitCode = main(process.argv.slice(2));
