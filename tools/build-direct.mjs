// The build without a build system: one compiler call per source, a few at a time, then the linker.
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { availableParallelism } from 'node:os';
import path from 'node:path';

const require = createRequire(import.meta.url);
const BASE_FLAGS = ['-std=c++20', '-O3', '-DNDEBUG', '-fPIC', '-Wall', '-Wextra', '-pthread'];
const ADDON_FLAGS = ['-DNAPI_VERSION=8', '-DNODE_ADDON_API_CPP_EXCEPTIONS'];

function call([command, ...first], parameters) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, [...first, ...parameters], {
      stdio: ['ignore', 'inherit', 'pipe'],
    });
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
      await call([compiler], ['-std=c++20', '-fsyntax-only', '-x', 'c++', '/dev/null']);
      return [compiler];
    } catch {
      // Absent, or too old for C++20: the next one.
    }
  }
  throw new Error(
    `no C++20 compiler found (tried ${candidates.join(', ')}). Debian/Ubuntu: apt install g++, ` +
      'macOS: xcode-select --install, or set CXX.',
  );
}

/** The folder of headers of a package that only a build needs, and that is not installed with ours. */
function headersOf(name) {
  try {
    return require(name).include_dir;
  } catch (cause) {
    throw new Error(
      `the headers of ${name} are missing: run "npm install --no-save ${name}" beside the package first`,
      { cause },
    );
  }
}

/** The Node-API headers: those that came with this Node, or the package's. */
function headerFolders() {
  const own = path.resolve(process.execPath, '../../include/node');
  const headers = existsSync(path.join(own, 'node_api.h')) ? own : headersOf('node-api-headers');
  return [path.resolve(headers), path.resolve(headersOf('node-addon-api'))];
}

/** What the addon says it is; the loader compares it with the package's version. */
function versionFlag(root) {
  const { version } = JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8'));
  return `-DSIGHTLINE_VERSION="${version}"`;
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
 * @param compiler  command and first arguments of a cross compiler; the system's if absent
 * @param link  more arguments of the link
 * @throws Error with the compiler's output
 */
export async function directBuild({
  root,
  build,
  target,
  output,
  sources,
  compiler: given,
  link = [],
}) {
  const compiler = given ?? (await findCompiler());
  const objects = path.join(build, 'direct', target);
  mkdirSync(objects, { recursive: true });
  mkdirSync(path.dirname(output), { recursive: true });
  const isAddon = target === 'sightline';
  const visibility = isAddon ? ['-fvisibility=hidden', '-fvisibility-inlines-hidden'] : [];
  const flags = [...BASE_FLAGS, ...visibility, `-I${root}native`, `-I${root}test/native`];
  const headers = headerFolders().flatMap((dir) => ['-isystem', dir]);
  const addonFlags = [...ADDON_FLAGS, versionFlag(root), ...headers];

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
  await call(compiler, [...kind, '-pthread', '-o', output, ...objectFiles, ...link, '-ldl']);
}
