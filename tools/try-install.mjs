// Installs the packed package as strangers do and uses it: the engine alone, then everything.
//
//   node tools/try-install.mjs              every package manager on every Node below; minutes, needs the registry
//   node tools/try-install.mjs --short      the npm of this machine on this Node; for CI, about a minute
//   --nodes=/opt/node22/.../bin/node,...    more Nodes than the one that runs this
//   --ways=npm@10,pnpm@10                   some of the managers only; `compiled`: binaries deleted, as README says
//   --packed=FOLDER                         tarballs of tools/pack.mjs; packed anew if absent
//
// `compiled` is the one way with a compiler on the PATH. Each way has an empty project, an empty home, caches of its own, and a PATH without compiler, make and Python.
// It ends with 1 if anything failed, and prints a table of sizes and times.
import { spawn, spawnSync } from 'node:child_process';
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
  lstatSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const require = createRequire(import.meta.url);
const root = fileURLToPath(new URL('..', import.meta.url));
const option = (name) =>
  process.argv.find((arg) => arg.startsWith(`--${name}=`))?.slice(name.length + 3);
const isShort = process.argv.includes('--short');

/** Package to install, its program, the words that add tarballs, and settings. `least`: oldest Node it runs on. */
const WAYS = {
  'npm@10': { program: 'npm/bin/npm-cli.js', add: ['install', '--no-audit', '--no-fund'] },
  'npm@11': { program: 'npm/bin/npm-cli.js', add: ['install', '--no-audit', '--no-fund'] },
  'npm@12': {
    program: 'npm/bin/npm-cli.js',
    add: ['install', '--no-audit', '--no-fund'],
    least: 22,
  },
  'npm@10 --ignore-scripts': {
    program: 'npm/bin/npm-cli.js',
    add: ['install', '--no-audit', '--no-fund', '--ignore-scripts'],
  },
  'pnpm@10': { program: 'pnpm/bin/pnpm.cjs', add: ['add'] },
  'yarn@1': { program: 'yarn/bin/yarn.js', add: ['add', '--no-progress'] },
  '@yarnpkg/cli-dist@4': { program: '@yarnpkg/cli-dist/bin/yarn.js', add: ['add'], isBerry: true },
};

const scratch = mkdtempSync(path.join(tmpdir(), 'sightline-try-'));
process.on('exit', () => rmSync(scratch, { recursive: true, force: true }));

/** What a system has without a compiler. */
const TOOLS = [
  'sh',
  'bash',
  'env',
  'uname',
  'ls',
  'cat',
  'mkdir',
  'rm',
  'sed',
  'tar',
  'dirname',
  'basename',
  'readlink',
  'git',
  'ffmpeg',
  'ffprobe',
];

function pathFolder(node, npmProgram) {
  const folder = mkdtempSync(path.join(scratch, 'bin-'));
  for (const tool of TOOLS) {
    const found = (process.env.PATH ?? '')
      .split(':')
      .map((dir) => path.join(dir, tool))
      .find(existsSync);
    if (found !== undefined) symlinkSync(found, path.join(folder, tool));
  }
  symlinkSync(node, path.join(folder, 'node'));
  writeFileSync(path.join(folder, 'npm'), `#!/bin/sh\nexec node "${npmProgram}" "$@"\n`);
  chmodSync(path.join(folder, 'npm'), 0o755);
  return folder;
}

function sizeOf(folder) {
  const seen = new Set();
  const visit = (file) => {
    const info = lstatSync(file);
    if (info.isDirectory())
      return readdirSync(file).reduce((sum, name) => sum + visit(path.join(file, name)), 0);
    // pnpm links its files.
    if (seen.has(info.ino)) return 0;
    seen.add(info.ino);
    return info.size;
  };
  return visit(folder);
}

class Failure extends Error {}

function must(what, command, args, options) {
  const done = spawnSync(command, args, { encoding: 'utf8', timeout: 900_000, ...options });
  if (done.status === 0) return done.stdout;
  const said = `${done.stdout}\n${done.stderr}`.trim().split('\n').slice(-12).join('\n');
  throw new Failure(`${what} ended with ${done.status ?? done.signal}:\n${said}`);
}

const ENGINE = (name) => `
const started = performance.now();
const { VectorIndex } = require('${name}');
const loadMs = performance.now() - started;
(async () => {
  const index = await VectorIndex.create({ dim: 64, path: './index' });
  const rows = Float32Array.from({ length: 64 * 500 }, (_, i) => Math.sin(i * i));
  await index.add(rows);
  const hits = index.search(rows.slice(64 * 7, 64 * 8), 3);
  await index.close();
  if (hits.keys[0] !== 7) throw new Error('row 7 does not find itself: ' + hits.keys);
  console.log(JSON.stringify({ loadMs, node: process.version }));
})();`;

function useEngine(name, project, env) {
  rmSync(path.join(project, 'index'), { recursive: true, force: true });
  const file = path.join(project, `${name.replace('/', '-')}.cjs`);
  writeFileSync(file, ENGINE(name));
  return JSON.parse(must(`the engine of ${name}`, env.NODE, [file], { cwd: project, env })).loadMs;
}

function search(project, env) {
  const cli = path.join(project, 'node_modules', '.bin', 'sightline');
  const text = must(
    'sightline search',
    cli,
    ['search', 'a red circle', './pictures', '--json', '--quiet'],
    { cwd: project, env },
  );
  const { results } = JSON.parse(text);
  if (!(results.length > 0)) throw new Failure(`sightline search found nothing: ${text}`);
}

async function serve(project, env) {
  const cli = path.join(project, 'node_modules', '.bin', 'sightline');
  const server = spawn(cli, ['serve', './pictures', '--port', '0'], { cwd: project, env });
  try {
    const address = await new Promise((resolve, reject) => {
      let said = '';
      for (const stream of [server.stdout, server.stderr])
        stream.setEncoding('utf8').on('data', (text) => {
          said += text;
          const found = /http:\/\/127\.0\.0\.1:\d+/.exec(said);
          if (found !== null) resolve(found[0]);
        });
      server.on('close', (code) =>
        reject(new Failure(`sightline serve ended with ${code}:\n${said}`)),
      );
    });
    const answer = await fetch(`${address}/search?q=a%20red%20circle&k=3`);
    const { results } = await answer.json();
    if (results?.length !== 3) throw new Failure(`/search answered ${answer.status}`);
    const page = await fetch(`${address}/`);
    if (!page.ok) throw new Failure(`the page answered ${page.status}`);
  } finally {
    server.removeAllListeners('close');
    const ended = new Promise((resolve) => server.on('close', resolve));
    server.kill('SIGINT');
    await ended;
  }
}

/** No binary fits: README's two commands make one. Without the portable engine, which would hide a failure. */
function compile(name, tarball, node, manager) {
  const home = mkdtempSync(path.join(scratch, 'home-'));
  const project = mkdtempSync(path.join(scratch, 'compiled-'));
  const env = { ...process.env, NODE: node, HOME: home, npm_config_cache: manager.cache };
  env.PATH = `${path.dirname(node)}:${env.PATH}`;
  const npmCli = path.join(manager.modules, WAYS['npm@11'].program);
  const npmRun = (what, ...words) => must(what, node, [npmCli, ...words], { cwd: project, env });
  writeFileSync(path.join(project, 'package.json'), '{ "name": "stranger", "private": true }\n');
  npmRun(`installing ${name}`, 'install', '--no-audit', '--no-fund', `file:${tarball}`);
  const folder = path.join(project, 'node_modules', name);
  rmSync(path.join(folder, 'prebuilds'), { recursive: true });
  writeFileSync(
    path.join(project, 'without.cjs'),
    `require('${name === 'sightline' ? 'sightline/engine' : name}').VectorIndex.create({ dim: 2 })`,
  );
  const without = spawnSync(node, ['without.cjs'], { cwd: project, env, encoding: 'utf8' });
  const commands = [
    'npm install --no-save node-addon-api node-api-headers',
    `node node_modules/${name}/tools/build-native.mjs`,
  ];
  for (const command of commands)
    if (!without.stderr.includes(command))
      throw new Failure(`without a binary the error does not name "${command}": ${without.stderr}`);
  const started = performance.now();
  npmRun('the headers', ...commands[0].split(' ').slice(1), '--no-audit', '--no-fund');
  must(commands[1], node, commands[1].split(' ').slice(1), { cwd: project, env });
  const seconds = (performance.now() - started) / 1000;
  useEngine(name === 'sightline' ? 'sightline/engine' : name, project, env);
  return seconds;
}

/** @returns the row of the table. The headers differ between Nodes, the packages only in their name. */
function tryCompiled(way, node, { tarballs, manager }) {
  const isOwn = node === process.execPath;
  const seconds = isOwn
    ? compile('sightline', tarballs.whole, node, manager)
    : compile('sightline-engine', tarballs.engine, node, manager);
  return {
    way,
    node: must('node', node, ['--version'], {}).trim(),
    'compile s': seconds.toFixed(1),
  };
}

/** @returns the row of the table */
async function tryWay(way, node, { tarballs, manager, pictures, setupDir }) {
  const { program, add, isBerry } = WAYS[way] ?? WAYS['npm@11'];
  const home = mkdtempSync(path.join(scratch, 'home-'));
  const npmProgram = realpathSync(manager.npm);
  const env = {
    NODE: node,
    HOME: home,
    PATH: pathFolder(node, npmProgram),
    NO_COLOR: '1',
    npm_config_cache: isShort ? manager.cache : path.join(home, 'npm'),
    npm_config_store_dir: path.join(home, 'pnpm'),
    YARN_CACHE_FOLDER: path.join(home, 'yarn'),
    YARN_NODE_LINKER: 'node-modules',
    YARN_ENABLE_GLOBAL_CACHE: 'false',
    YARN_ENABLE_IMMUTABLE_INSTALLS: 'false',
    SIGHTLINE_SETUP_DIR: setupDir,
  };
  const install = (name, tarball) => {
    const project = mkdtempSync(path.join(scratch, `${name}-`));
    writeFileSync(
      path.join(project, 'package.json'),
      '{ "name": "stranger", "version": "1.0.0", "private": true }\n',
    );
    if (isBerry) writeFileSync(path.join(project, 'yarn.lock'), '');
    const started = performance.now();
    const words = [...add, ...(isShort ? ['--prefer-offline'] : [])];
    const file = isBerry ? `${name}@file:${tarball}` : `file:${tarball}`;
    must(`${way}, ${name}`, node, [path.join(manager.modules, program), ...words, file], {
      cwd: project,
      env,
    });
    const seconds = (performance.now() - started) / 1000;
    return { project, seconds, mb: sizeOf(path.join(project, 'node_modules')) / 1e6 };
  };

  const engine = install('sightline-engine', tarballs.engine);
  const loadMs = useEngine('sightline-engine', engine.project, env);
  const whole = install('sightline', tarballs.whole);
  cpSync(pictures, path.join(whole.project, 'pictures'), { recursive: true });
  useEngine('sightline/engine', whole.project, env);
  const cli = path.join(whole.project, 'node_modules', '.bin', 'sightline');
  const early = spawnSync(cli, ['search', 'a red circle', './pictures'], {
    cwd: whole.project,
    env: { ...env, SIGHTLINE_SETUP_DIR: path.join(home, 'none') },
    encoding: 'utf8',
  });
  if (early.status !== 4 && early.status !== 2)
    throw new Failure(`without setup, search ended with ${early.status}: ${early.stderr}`);
  if (!early.stderr.includes('npx sightline setup'))
    throw new Failure(`without setup, search said: ${early.stderr}`);
  const started = performance.now();
  must('sightline setup', cli, ['setup'], { cwd: whole.project, env });
  const setupSeconds = (performance.now() - started) / 1000;
  search(whole.project, env);
  await serve(whole.project, env);
  return {
    way,
    node: must('node', node, ['--version'], {}).trim(),
    'engine MB': engine.mb.toFixed(1),
    'engine s': engine.seconds.toFixed(1),
    'require ms': loadMs.toFixed(0),
    'whole MB': whole.mb.toFixed(1),
    'whole s': whole.seconds.toFixed(1),
    'setup s': setupSeconds.toFixed(1),
    'setup MB': (sizeOf(setupDir) / 1e6).toFixed(1),
  };
}

/** The managers, by the npm of this machine, in a folder that is not the project's. */
function fetchManager(way) {
  const [name] = way.split(' ');
  const folder = path.join(scratch, 'managers', name.replace(/[@/]/g, '_'));
  if (!existsSync(folder)) {
    mkdirSync(folder, { recursive: true });
    must(
      `fetching ${name}`,
      'npm',
      ['install', '--prefix', folder, '--no-audit', '--no-fund', '--ignore-scripts', name],
      { cwd: folder },
    );
  }
  return path.join(folder, 'node_modules');
}

function ownNpm() {
  const found = (process.env.PATH ?? '')
    .split(':')
    .map((dir) => path.join(dir, 'npm'))
    .find(existsSync);
  if (found === undefined) throw new Failure('npm is not on the PATH');
  return realpathSync(found);
}

function tarballsOf() {
  const given = option('packed');
  const folder = given ?? path.join(scratch, 'packed');
  if (given === undefined)
    must(
      'tools/pack.mjs',
      process.execPath,
      [path.join(root, 'tools/pack.mjs'), folder, '--this-machine'],
      { cwd: root },
    );
  return {
    whole: path.resolve(folder, 'sightline.tgz'),
    engine: path.resolve(folder, 'sightline-engine.tgz'),
  };
}

/** In the short form setup finds the runtime of this checkout, so that nothing large is fetched. */
function presetSetup(folder) {
  const { MODEL_RUNTIME, SQLITE, thisSystem } = require(
    path.join(root, 'dist/lib/base/parts/parts.js'),
  );
  for (const part of [MODEL_RUNTIME, SQLITE]) {
    const place = path.join(folder, `${part.folder}-${part.version}-${thisSystem()}`);
    mkdirSync(place, { recursive: true });
    symlinkSync(path.join(root, 'node_modules'), path.join(place, 'node_modules'));
  }
}

const { drawPictures } = require(path.join(root, 'dist/test/helpers/media-folder.js'));
const pictures = path.join(scratch, 'pictures');
await drawPictures(pictures, isShort ? 4 : 12);
const tarballs = tarballsOf();
const npm = ownNpm();
const cache = spawnSync('npm', ['config', 'get', 'cache'], { encoding: 'utf8' }).stdout.trim();
const nodes = [process.execPath, ...(option('nodes')?.split(',').filter(Boolean) ?? [])];
const ways = isShort ? ['npm'] : (option('ways')?.split(',') ?? [...Object.keys(WAYS), 'compiled']);
const rows = [];
let failed = 0;
for (const node of nodes) {
  const line = Number(
    /^v(\d+)/.exec(spawnSync(node, ['--version'], { encoding: 'utf8' }).stdout)?.[1],
  );
  // The first way pays for the fetch; the others find what it left, as a second project does.
  const setupDir = path.join(scratch, `setup-${line}`);
  if (isShort) presetSetup(setupDir);
  for (const way of ways) {
    if (line < (WAYS[way]?.least ?? 0)) continue;
    try {
      const modules = isShort
        ? path.resolve(npm, '../../..')
        : fetchManager(way === 'compiled' ? 'npm@11' : way);
      const tryIt = way === 'compiled' ? tryCompiled : tryWay;
      const manager = { npm, modules, cache };
      const row = await tryIt(way, node, { tarballs, pictures, setupDir, manager });
      rows.push(row);
      console.log(`ok   ${way} on ${row.node}`);
    } catch (error) {
      failed++;
      console.log(
        `FAIL ${way} on Node ${line}: ${error instanceof Failure ? error.message : error.stack}`,
      );
    }
  }
}
if (rows.length > 0) console.table(rows);
console.log(`${rows.length} passed, ${failed} failed`);
process.exitCode = failed > 0 || rows.length === 0 ? 1 : 0;
