// Builds the portable engine: the addon's sources as WebAssembly, for machines where no binary loads.
// Needs Emscripten (Debian: apt install emscripten; 3.1.6 or later).
//
//   node tools/build-wasm.mjs            compile what changed, link prebuilds/wasm32/sightline.wasm
//   node tools/build-wasm.mjs --check    say whether it is built and current; exit status 1 if not
//
// Beside the module goes node-api.cjs: emnapi (MIT), which does for a module what Node does for an addon.
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { availableParallelism } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { nativeSources } from './native-sources.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const require = createRequire(import.meta.url);
const objects = path.join(root, 'build', 'wasm');
const output = path.join(root, 'prebuilds', 'wasm32');
const module = path.join(output, 'sightline.wasm');
const nodeApi = path.join(output, 'node-api.cjs');
const compiler = process.env.EMXX || 'em++';

const { version } = JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8'));
const COMPILE = [
  '-std=c++20',
  '-O3',
  '-DNDEBUG',
  // Every engine of today runs both; without the second, each call costs a detour through JavaScript.
  '-msimd128',
  '-fwasm-exceptions',
  '-fvisibility=hidden',
  '-Wall',
  '-Wextra',
  '-DNAPI_VERSION=8',
  '-DNODE_ADDON_API_CPP_EXCEPTIONS',
  `-DSIGHTLINE_VERSION="${version}"`,
];
const LINK = [
  '-O3',
  '-fwasm-exceptions',
  '-sSTANDALONE_WASM=1',
  '--no-entry',
  // All that 32 bits can name; malloc answers null beyond it, which becomes ERR_NO_MEMORY.
  '-sALLOW_MEMORY_GROWTH=1',
  '-sMAXIMUM_MEMORY=4GB',
  '-sABORTING_MALLOC=0',
  // Imports, which the loader gives: Node-API and native/platform/wasm_system.h.
  '-sERROR_ON_UNDEFINED_SYMBOLS=0',
  '-sWARN_ON_UNDEFINED_SYMBOLS=0',
  '-sEXPORTED_FUNCTIONS=_malloc,_free,_napi_register_wasm_v1,_node_api_module_get_api_version_v1',
  '-Wl,--export-table',
];

function call(parameters) {
  return new Promise((resolve, reject) => {
    const child = spawn(compiler, parameters, { stdio: ['ignore', 'inherit', 'inherit'] });
    child.on('error', reject);
    child.on('close', (code) => {
      if (code === 0) resolve();
      else reject(new Error(`${compiler} ended with ${code} for ${parameters.at(-1)}`));
    });
  });
}

const timeOf = (file) => (existsSync(file) ? statSync(file).mtimeMs : 0);

/** Whether `object` is newer than all that it was made of. */
function isCurrent(object) {
  const made = timeOf(object);
  const list = `${object}.d`;
  if (made === 0 || !existsSync(list)) return false;
  const names = readFileSync(list, 'utf8').replaceAll('\\\n', ' ').split(/\s+/).slice(1);
  return names.filter(Boolean).every((name) => existsSync(name) && timeOf(name) <= made);
}

const jobs = nativeSources().map((source) => ({
  source: path.join(root, source),
  object: path.join(objects, `${source.replaceAll('/', '_')}.o`),
}));
const isBuilt = () =>
  existsSync(nodeApi) &&
  jobs.every(({ object }) => isCurrent(object) && timeOf(object) <= timeOf(module));

async function build() {
  mkdirSync(objects, { recursive: true });
  mkdirSync(output, { recursive: true });
  const headers = [require('node-addon-api').include_dir, require('node-api-headers').include_dir];
  const includes = headers.flatMap((folder) => ['-isystem', path.resolve(folder)]);
  const flags = [...COMPILE, `-I${path.join(root, 'native')}`, ...includes];
  const queue = jobs.filter(({ object }) => !isCurrent(object));
  const worker = async () => {
    for (let job = queue.shift(); job !== undefined; job = queue.shift()) {
      const { source, object } = job;
      await call([...flags, '-MMD', '-MF', `${object}.d`, '-c', '-o', object, source]);
    }
  };
  await Promise.all(Array.from({ length: Math.min(8, availableParallelism()) }, worker));
  await call([...LINK, ...jobs.map(({ object }) => object), '-o', module]);

  const { build: bundle } = await import('esbuild');
  const emnapi = path.dirname(require.resolve('@emnapi/core'));
  const license = readFileSync(path.join(emnapi, 'LICENSE'), 'utf8');
  await bundle({
    stdin: {
      contents:
        "export { createNapiModule } from '@emnapi/core';\nexport { createContext } from '@emnapi/runtime';",
      resolveDir: root,
    },
    bundle: true,
    minify: true,
    platform: 'node',
    format: 'cjs',
    target: 'node20',
    outfile: nodeApi,
    banner: { js: `/* @emnapi/core, @emnapi/runtime\n${license}*/` },
    logLevel: 'warning',
  });
}

if (process.argv.includes('--check')) {
  process.exitCode = isBuilt() ? 0 : 1;
} else if (isBuilt()) {
  console.log('wasm: up to date');
} else if (spawnSync(compiler, ['--version'], { stdio: 'ignore' }).status !== 0) {
  console.error(
    `wasm: ${compiler} (Emscripten) does not run. Debian/Ubuntu: apt install emscripten; ` +
      'or set EMXX to its path',
  );
  process.exitCode = 1;
} else {
  const started = Date.now();
  await build();
  const kilobytes = Math.round(statSync(module).size / 1024);
  const seconds = ((Date.now() - started) / 1000).toFixed(1);
  console.log(`wasm: built ${path.relative(root, module)} (${kilobytes} KB) in ${seconds} s`);
}
