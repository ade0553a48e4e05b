/** What `require` and `import` give: the same things, one state, and nothing heavy before it is needed. */
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { MODEL_RUNTIME, SQLITE } from '../../lib/base/parts/parts';
import { VERSION } from '../../lib/base/version';

const root = path.resolve(__dirname, '../../..');

/** Runs a script with the package's own name resolvable and returns what it prints. */
function run(script: string, type: 'commonjs' | 'module'): string {
  const result = spawnSync(process.execPath, [`--input-type=${type}`, '-e', script], {
    cwd: root,
    encoding: 'utf8',
  });
  assert.is(result.status, 0, result.stderr);
  return result.stdout.trim();
}

const LOADED = `
  const { createRequire } = require('node:module');
  const names = Object.keys(require.cache).join('\\n');
  console.log(['sharp', 'onnxruntime-node', 'better-sqlite3', 'fastify'].filter((name) =>
    names.includes('node_modules/' + name + '/')).join(' ') || 'nothing');`;

test('the engine alone loads neither sharp, onnxruntime, SQLite nor the server', () => {
  assert.is(run(`require('sightline/engine');${LOADED}`, 'commonjs'), 'nothing');
});

test('the package loads them only when a call needs them', () => {
  assert.is(run(`require('sightline');${LOADED}`, 'commonjs'), 'nothing');
});

test('require and import share one copy of everything', () => {
  const script = `
    import * as esm from 'sightline';
    import * as engine from 'sightline/engine';
    import { createRequire } from 'node:module';
    const cjs = createRequire(process.cwd() + '/package.json')('sightline');
    const names = Object.keys(cjs).sort();
    const same = names.every((name) => cjs[name] === esm[name]);
    console.log(JSON.stringify({ same, engineSame: engine.VectorIndex === cjs.VectorIndex, names }));`;
  const answer = JSON.parse(run(script, 'module')) as {
    same: boolean;
    engineSame: boolean;
    names: string[];
  };
  assert.ok(answer.same);
  assert.ok(answer.engineSame);
  for (const name of [
    'openLibrary',
    'findLibrary',
    'VectorIndex',
    'isLibraryError',
    'ERROR_CODES',
  ]) {
    assert.ok(answer.names.includes(name), `${name} is exported`);
  }
});

test('the server is an entry of its own, with the same libraries behind it', () => {
  const script = `
    import server, { createHandler, sightlinePlugin, startServer } from 'sightline/server';
    import { createRequire } from 'node:module';
    const cjs = createRequire(process.cwd() + '/package.json')('sightline/server');
    console.log([createHandler, sightlinePlugin, startServer].every((one) => one === cjs[one.name]), server === cjs);`;
  assert.is(run(script, 'module'), 'true true');
});

test('the version in the code is that of package.json', () => {
  const { version } = JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8')) as {
    version: string;
  };
  assert.is(VERSION, version);
});

test('what setup installs is what its lock files pin, and what this checkout tests with', () => {
  for (const part of [MODEL_RUNTIME, SQLITE]) {
    const lock = (folder: string): Record<string, { version?: string; integrity?: string }> =>
      (
        JSON.parse(readFileSync(path.join(root, folder, 'package-lock.json'), 'utf8')) as {
          packages: Record<string, { version?: string; integrity?: string }>;
        }
      ).packages;
    const entry = `node_modules/${part.name}`;
    const pinned = lock(`setup/${part.folder}`)[entry];
    assert.is(pinned?.version, part.version);
    assert.match(pinned?.integrity ?? '', /^sha512-/);
    if (part === MODEL_RUNTIME) assert.is(lock('.')[entry]?.version, part.version);
  }
});

test('every path that package.json names exists in the build', () => {
  const manifest = JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8')) as {
    main: string;
    types: string;
    bin: Record<string, string>;
    exports: Record<string, unknown>;
  };
  const paths: string[] = [manifest.main, manifest.types, ...Object.values(manifest.bin)];
  const collect = (value: unknown): void => {
    if (typeof value === 'string') paths.push(value);
    else if (typeof value === 'object' && value !== null) Object.values(value).forEach(collect);
  };
  collect(manifest.exports);
  assert.ok(paths.length >= 10);
  for (const one of paths) assert.ok(existsSync(path.join(root, one)), one);
});

test('nothing in the dependency tree needs an install script to work', () => {
  const manifest = JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8')) as {
    scripts: Record<string, string>;
    dependencies: Record<string, string>;
  };
  for (const name of ['preinstall', 'install', 'postinstall'])
    assert.is(manifest.scripts[name], undefined);
  const lock = JSON.parse(readFileSync(path.join(root, 'package-lock.json'), 'utf8')) as {
    packages: Record<string, { hasInstallScript?: boolean; optional?: boolean; dev?: boolean }>;
  };
  const scripted = Object.entries(lock.packages)
    .filter(([, entry]) => entry.hasInstallScript === true && !entry.optional && !entry.dev)
    .map(([name]) => name);
  assert.equal(scripted, []);
});

test.run();
