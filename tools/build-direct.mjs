// The build without a build system: one compiler call per source, a few at a time, then the linker.
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { availableParallelism } from 'node:os';
import path from 'node:path';

const require = createRequire(import.meta.url);
const BASE_FLAGS = ['-std=c++20', '-O3', '-DNDEBUG', '-fPIC', '-Wall', '-Wextra', '-pthread'];
const ADDON_FLAGS = ['-DNAPI_VERSION=8', '-DNODE_ADDON_API_CPP_EXCEPTIONS'];

function call(command, parameters) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, parameters, { stdio: ['ignore', 'inherit', 'pipe'] });
    let errors = '';
    child.stderr.on('data', (chunk) => (errors += chunk));
    child.on('error', reject);
    child.on('close', (code) => {
      if (code === 0) resolve();
      else reject(new Error(`${command} ${parameters.at(-1)} ended with ${code}\n${errors}`));
    });
  });
}

async function findCompiler() {
  const candidates = [process.env.CXX, 'c++', 'g++', 'clang++'].filter(Boolean);
  for (const compiler of candidates) {
    try {
      await call(compiler, ['-std=c++20', '-fsyntax-only', '-x', 'c++', '/dev/null']);
      return compiler;
    } catch {
      // Absent, or too old for C++20: the next one.
    }
  }
  throw new Error(
    `no C++20 compiler found (tried ${candidates.join(', ')}). Debian/Ubuntu: apt install g++, ` +
      'macOS: xcode-select --install, or set CXX.',
  );
}

/** The Node-API headers: the package's, or those that came with this Node. */
function headerFolders() {
  const own = path.resolve(process.execPath, '../../include/node');
  const headers = existsSync(path.join(own, 'node_api.h'))
    ? own
    : require('node-api-headers').include_dir;
  const cpp = require('node-addon-api').include_dir;
  return [path.resolve(headers), path.resolve(cpp)];
}

function sourcesOf(root, target, sources) {
  if (target === 'sightline') return sources;
  const core = sources.filter((source) => !source.startsWith('native/addon/'));
  const folder = target === 'sightline_tests' ? 'test/native' : 'bench/native';
  const own = readdirSync(path.join(root, folder)).filter((name) => name.endsWith('.cc'));
  return [...core, ...own.map((name) => `${folder}/${name}`)];
}

/**
 * Compiles and links one target.
 *
 * @param target  'sightline' (the addon), 'sightline_tests' or 'sightline_bench'
 * @throws Error with the compiler's output
 */
export async function directBuild({ root, build, target, output, sources }) {
  const compiler = await findCompiler();
  const objects = path.join(build, 'direct', target);
  mkdirSync(objects, { recursive: true });
  mkdirSync(path.dirname(output), { recursive: true });
  const isAddon = target === 'sightline';
  const visibility = isAddon ? ['-fvisibility=hidden', '-fvisibility-inlines-hidden'] : [];
  const flags = [...BASE_FLAGS, ...visibility, `-I${root}native`, `-I${root}test/native`];
  const addonFlags = [...ADDON_FLAGS, ...headerFolders().flatMap((dir) => ['-isystem', dir])];

  const jobs = sourcesOf(root, target, sources).map((source) => ({
    source: path.join(root, source),
    object: path.join(objects, `${source.replaceAll('/', '_')}.o`),
    extra: source.startsWith('native/addon/') ? addonFlags : [],
  }));
  const queue = [...jobs];
  const worker = async () => {
    for (let job = queue.shift(); job !== undefined; job = queue.shift()) {
      await call(compiler, [...flags, ...job.extra, '-c', '-o', job.object, job.source]);
    }
  };
  await Promise.all(Array.from({ length: Math.min(8, availableParallelism()) }, worker));

  const shared = process.platform === 'darwin' ? ['-undefined', 'dynamic_lookup'] : [];
  const kind = isAddon ? ['-shared', ...shared] : [];
  const objectFiles = jobs.map((job) => job.object);
  await call(compiler, [...kind, '-pthread', '-o', output, ...objectFiles, '-ldl']);
}
