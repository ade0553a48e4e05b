// Builds the native addon into build/Release/sightline.node. Needs Node and a C++20 compiler; no network.
//
//   node tools/build-native.mjs            build the addon if a source changed
//   node tools/build-native.mjs --tests    build and run the C++ tests (arguments after it: name parts)
//   node tools/build-native.mjs --target=NAME   build another target (sightline_bench, harness_faults)
//   --direct     do not use CMake      --force     build even if nothing changed
//   --strict     do not fall back from CMake to the direct build; set by CI=true
//
// With cmake on the PATH cmake-js does it, incrementally. Without, or if that fails, the compiler is
// called directly on the same list of sources: it is slower and does not treat warnings as errors,
// so that a compiler we have not met cannot keep anybody from building.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { directBuild } from './build-direct.mjs';
import { nativeSources } from './native-sources.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const build = path.join(root, 'build');
const require = createRequire(import.meta.url);
const args = process.argv.slice(2);
const has = (flag) => args.includes(flag);

function filesBelow(folder, pattern) {
  if (!existsSync(folder)) return [];
  return readdirSync(folder)
    .sort()
    .flatMap((name) => {
      const full = path.join(folder, name);
      if (statSync(full).isDirectory()) return filesBelow(full, pattern);
      return pattern.test(name) ? [full] : [];
    });
}

/** In an installed package the headers may be those that came with Node. */
function versionOf(name) {
  try {
    return require(`${name}/package.json`).version;
  } catch {
    return 'absent';
  }
}

/** One number for everything the result depends on. */
function stampOf(folders) {
  const hash = createHash('sha256');
  for (const name of ['CMakeLists.txt', 'native/sources.txt', 'tools/build-direct.mjs']) {
    hash.update(readFileSync(path.join(root, name)));
  }
  for (const folder of folders) {
    for (const file of filesBelow(path.join(root, folder), /\.(cc|h|def)$/)) {
      hash.update(path.relative(root, file)).update('\0').update(readFileSync(file));
    }
  }
  for (const name of ['node-addon-api', 'node-api-headers']) hash.update(versionOf(name));
  hash.update(JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8')).version);
  return hash.update(`${process.env.CXX ?? ''} ${has('--direct')} ${process.arch}`).digest('hex');
}

/** A source that is not in the list would be missing from the published binary only. */
function checkList() {
  const listed = new Set(nativeSources());
  const present = filesBelow(path.join(root, 'native'), /\.cc$/).map((file) =>
    path.relative(root, file).split(path.sep).join('/'),
  );
  const missing = present.filter((file) => !listed.has(file));
  if (missing.length > 0)
    console.error(`native: not in native/sources.txt, so not built: ${missing.join(', ')}`);
}

/** Two builds in one folder would trip over each other; the second waits for the first. */
async function withLock(work) {
  mkdirSync(build, { recursive: true });
  const file = path.join(build, 'native.lock');
  for (;;) {
    try {
      const handle = openSync(file, 'wx');
      writeFileSync(handle, String(process.pid));
      closeSync(handle);
      break;
    } catch (error) {
      if (error.code !== 'EEXIST') throw error;
      let alive = false;
      try {
        process.kill(Number(readFileSync(file, 'utf8')), 0);
        alive = true;
      } catch (reason) {
        alive = reason.code === 'EPERM';
      }
      if (!alive) rmSync(file, { force: true });
      else await delay(200);
    }
  }
  try {
    return await work();
  } finally {
    rmSync(file, { force: true });
  }
}

function run(command, parameters) {
  const result = spawnSync(command, parameters, { cwd: root, encoding: 'utf8' });
  if (result.status === 0) return undefined;
  return `${result.error?.message ?? ''}${result.stdout ?? ''}${result.stderr ?? ''}`.trimEnd();
}

/** @returns undefined, or what went wrong */
function cmakeBuild(target) {
  if (spawnSync('cmake', ['--version']).status !== 0) return 'cmake is not installed';
  let tool;
  try {
    tool = require.resolve('cmake-js/bin/cmake-js');
  } catch {
    return 'cmake-js is not installed';
  }
  const common = ['--directory', root, '--out', build, '--log-level', 'error'];
  // Not `compile`: on an error in a source that configures and compiles everything once more.
  const command = [tool, 'build', ...common, '--target', target, '--parallel', '2'];
  const problem = run(process.execPath, command);
  const isStale = /CMakeCache\.txt|unknown target|No rule to make target/.test(problem ?? '');
  if (!isStale) return problem;
  // A build folder that was moved, or configured before a target existed: start over.
  rmSync(path.join(build, 'CMakeCache.txt'), { force: true });
  rmSync(path.join(build, 'CMakeFiles'), { recursive: true, force: true });
  return run(process.execPath, command);
}

/** An error of our own code is the same in every build; only its tools and warnings differ. */
function isOurError(problem) {
  const errors = problem.split('\n').filter((line) => / (fatal )?error: /.test(line));
  return errors.some((line) => !line.includes('-Werror'));
}

/** Where the sources of a target are, beside those of the core. */
function folderOf(target) {
  return target.startsWith('harness_') ? ['test/harness'] : ['test/native', 'bench/native'];
}

/** @returns the path of what was built */
async function buildTarget(target) {
  const isAddon = target === 'sightline';
  const output = isAddon ? path.join(build, 'Release', 'sightline.node') : path.join(build, target);
  const stampFile = path.join(build, `${target}.stamp`);
  const stamp = stampOf(isAddon ? ['native'] : ['native', ...folderOf(target)]);
  const current = existsSync(stampFile) ? readFileSync(stampFile, 'utf8') : '';
  if (!has('--force') && current === stamp && existsSync(output)) {
    if (isAddon) console.log('native: up to date');
    return output;
  }
  const started = Date.now();
  rmSync(stampFile, { force: true });
  let how = 'cmake-js';
  const problem = has('--direct') ? 'asked to' : cmakeBuild(target);
  if (problem !== undefined) {
    if (has('--strict') || process.env.CI === 'true' || isOurError(problem))
      throw new Error(problem);
    if (!has('--direct')) console.error(`native: building without CMake, because: ${problem}`);
    how = 'the compiler directly';
    await directBuild({ root, build, target, output, sources: nativeSources() });
  }
  writeFileSync(stampFile, stamp);
  const seconds = ((Date.now() - started) / 1000).toFixed(1);
  console.log(`native: built ${path.relative(root, output)} with ${how} in ${seconds} s`);
  return output;
}

try {
  checkList();
  const target =
    args.find((arg) => arg.startsWith('--target='))?.slice('--target='.length) ??
    (has('--tests') ? 'sightline_tests' : 'sightline');
  const output = await withLock(() => buildTarget(target));
  if (has('--tests')) {
    const names = args.filter((arg) => !arg.startsWith('--'));
    process.exitCode = spawnSync(output, names, { stdio: 'inherit' }).status ?? 1;
  }
} catch (error) {
  console.error(`native: the build failed\n${error.message}`);
  process.exitCode = 1;
}
