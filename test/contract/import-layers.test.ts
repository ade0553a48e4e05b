/** Imports point down only: the layers of the style guide, checked on every source file. */
import { readdirSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';

const root = path.resolve(__dirname, '../../..');

/** Folder or file below lib/ -> layer. A module may import its own folder and lower layers. */
const LIB_LAYERS: Record<string, number> = {
  base: 0,
  config: 0,
  native: 1,
  vectors: 2,
  catalog: 2,
  media: 2,
  encode: 2,
  scenes: 2,
  exr: 2,
  stores: 2,
  'engine.ts': 3,
  pipeline: 3,
  search: 3,
  delta: 3,
  service: 3,
  library: 4,
  'index.ts': 4,
  server: 5,
  cli: 6,
};

const NATIVE_ORDER = [
  'core',
  'platform',
  'kernels',
  'codes',
  'format',
  'storage',
  'hnsw',
  'exact',
  'index',
  'addon',
];
/** These three see only what lies below all of them. */
const NATIVE_STRANGERS = new Set(['storage', 'hnsw', 'exact']);

function sources(dir: string, pattern: RegExp): string[] {
  return readdirSync(dir).flatMap((name) => {
    const full = path.join(dir, name);
    if (statSync(full).isDirectory()) return sources(full, pattern);
    return pattern.test(name) ? [full] : [];
  });
}

function unitOf(base: string, file: string): string {
  return path.relative(base, file).split(path.sep)[0] ?? '';
}

export function wrongLibEdge(from: string, to: string): boolean {
  if (from === to) return false;
  const a = LIB_LAYERS[from];
  const b = LIB_LAYERS[to];
  if (a === undefined || b === undefined) return true;
  // Layer 0 and layer 4 are single files that may use their own layer; folders of one layer are strangers.
  if (a === b) return !(a === 0 || a === 4);
  return a < b;
}

export function wrongNativeEdge(from: string, to: string): boolean {
  if (from === to) return false;
  const a = NATIVE_ORDER.indexOf(from);
  const b = NATIVE_ORDER.indexOf(to);
  if (a < 0 || b < 0 || b > a) return true;
  return NATIVE_STRANGERS.has(from) && NATIVE_STRANGERS.has(to);
}

test('lib imports point to lower layers only', () => {
  const base = path.join(root, 'lib');
  const wrong: string[] = [];
  const files = sources(base, /\.ts$/);
  for (const file of files) {
    const text = readFileSync(file, 'utf8');
    for (const match of text.matchAll(/(?:from|import|require)\s*\(?\s*'(\.{1,2}\/[^']*)'/g)) {
      const resolved = path.resolve(path.dirname(file), match[1] ?? '');
      if (!resolved.startsWith(base + path.sep)) continue;
      let to = unitOf(base, resolved);
      if (LIB_LAYERS[to] === undefined && LIB_LAYERS[`${to}.ts`] !== undefined) to = `${to}.ts`;
      const from = unitOf(base, file);
      if (wrongLibEdge(from, to)) wrong.push(`${path.relative(root, file)} imports ${match[1]}`);
    }
  }
  assert.ok(files.length > 20, 'the walk found the sources');
  assert.equal(wrong, []);
});

test('only lib/native names the addon binary', () => {
  const base = path.join(root, 'lib');
  const wrong = sources(base, /\.ts$/).filter(
    (file) =>
      unitOf(base, file) !== 'native' &&
      /node-gyp-build|['"`][^'"`\n]*\.node['"`]/.test(readFileSync(file, 'utf8')),
  );
  assert.equal(
    wrong.map((file) => path.relative(root, file)),
    [],
  );
});

test('native includes point to lower folders only', () => {
  const base = path.join(root, 'native');
  const wrong: string[] = [];
  for (const file of sources(base, /\.(cc|h)$/)) {
    const from = unitOf(base, file);
    const text = readFileSync(file, 'utf8');
    for (const match of text.matchAll(/#include "([a-z_]+)\//g)) {
      const to = match[1] ?? '';
      if (wrongNativeEdge(from, to))
        wrong.push(`${path.relative(root, file)} includes ${match[0]}`);
    }
    if (from !== 'addon' && /napi\.h|node_api\.h/.test(text)) wrong.push(`${file} knows Node`);
  }
  assert.equal(wrong, []);
});

test('the rules refuse what they should refuse', () => {
  assert.ok(wrongLibEdge('media', 'catalog'));
  assert.ok(wrongLibEdge('base', 'vectors'));
  assert.ok(wrongLibEdge('search', 'server'));
  assert.not.ok(wrongLibEdge('pipeline', 'media'));
  assert.ok(wrongNativeEdge('hnsw', 'storage'));
  assert.ok(wrongNativeEdge('core', 'kernels'));
  assert.not.ok(wrongNativeEdge('index', 'hnsw'));
});

test.run();
