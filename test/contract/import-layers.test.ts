/** Imports point down only, and never in a circle: the layers of the style guide, checked on every source file. */
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';

const root = path.resolve(__dirname, '../../..');
const LIB = path.join(root, 'lib');
const SAMPLE = path.join(root, 'sample');

/**
 * Folders and files of lib/, lowest first, and sample/ beside it. Each may import itself and what stands in a line above; those of
 * one line do not import each other. A folder stands for all that lies below it.
 */
const LIB_LAYERS: readonly (readonly string[])[] = [
  ['base'],
  ['config'],
  ['native'],
  ['models', 'exr'],
  ['vectors', 'catalog', 'media', 'encode', 'sample', 'stores'],
  ['engine', 'pipeline', 'search', 'service', 'delta', 'queue', 'analyze', 'sql'],
  ['library'],
  ['index'],
  ['server'],
  ['cli'],
];

const NATIVE_ORDER = [
  'core',
  'platform',
  'image',
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
const NATIVE_SIBLINGS = new Set(['storage', 'hnsw', 'exact']);

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

interface Import {
  readonly from: string;
  readonly to: string;
  /** Runs when the importing file is loaded; types are gone by then, `await import()` comes later. */
  readonly isAtOnce: boolean;
}

/** Every import of a file of lib/ or sample/ by another. */
function libImports(): Import[] {
  return [LIB, SAMPLE]
    .flatMap((dir) => sources(dir, /\.ts$/))
    .flatMap((from) => {
      const text = readFileSync(from, 'utf8');
      const found = text.matchAll(
        /(?:(?:import|export)\s+(type\s)?([^;'"]*?)\sfrom|(import|require)\s*\()\s*'(\.[^']*)'/g,
      );
      return [...found].map(([, type, names, call, specifier = '']) => {
        const base = path.resolve(path.dirname(from), specifier.replace(/\.js$/, ''));
        const to = [`${base}.ts`, `${base}.d.ts`, path.join(base, 'index.ts')].find((file) =>
          existsSync(file),
        );
        assert.ok(to, `${from} imports ${specifier}, which is no file here`);
        const areTypes = /^\{(\s*type\s[^,}]*,?)*\s*\}$/.test(names ?? '');
        return { from, to, isAtOnce: type === undefined && call !== 'import' && !areTypes };
      });
    });
}

/** The first circle that is found, as the path through it. */
export function findCircle(edges: Iterable<readonly [string, string]>): string[] | undefined {
  const next = new Map<string, Set<string>>();
  for (const [from, to] of edges) {
    if (from !== to) next.set(from, (next.get(from) ?? new Set()).add(to));
  }
  const done = new Set<string>();
  const visit = (node: string, way: readonly string[]): string[] | undefined => {
    if (way.includes(node)) return [...way.slice(way.indexOf(node)), node];
    if (done.has(node)) return undefined;
    for (const one of next.get(node) ?? []) {
      const circle = visit(one, [...way, node]);
      if (circle !== undefined) return circle;
    }
    done.add(node);
    return undefined;
  };
  for (const node of next.keys()) {
    const circle = visit(node, []);
    if (circle !== undefined) return circle;
  }
  return undefined;
}

/** Subfolders of one folder that an import goes from and to; undefined where it stays in one, or leaves it. */
function neighbors({ from, to }: Import): [string, string] | undefined {
  const [a, b] = [from, to].map((file) => path.relative(LIB, path.dirname(file)).split(path.sep));
  const depth = (a as string[]).findIndex((name, i) => name !== b?.[i]);
  if (depth < 0 || b?.[depth] === undefined) return undefined;
  return [a, b].map((names) => (names as string[]).slice(0, depth + 1).join('/')) as [
    string,
    string,
  ];
}

export function wrongLibEdge(from: string, to: string): boolean {
  if (from === to) return false;
  const [a, b] = [from, to].map((unit) => LIB_LAYERS.findIndex((layer) => layer.includes(unit)));
  return a === undefined || b === undefined || a < 0 || b < 0 || a <= b;
}

export function wrongNativeEdge(from: string, to: string): boolean {
  if (from === to) return false;
  const a = NATIVE_ORDER.indexOf(from);
  const b = NATIVE_ORDER.indexOf(to);
  if (a < 0 || b < 0 || b > a) return true;
  return NATIVE_SIBLINGS.has(from) && NATIVE_SIBLINGS.has(to);
}

test('lib imports point to lower layers only', () => {
  const imports = libImports();
  const unit = (file: string): string =>
    file.startsWith(SAMPLE) ? 'sample' : unitOf(LIB, file).replace(/\.ts$/, '');
  const wrong = imports
    .filter(({ from, to }) => wrongLibEdge(unit(from), unit(to)))
    .map(({ from, to }) => `${path.relative(root, from)} imports ${path.relative(root, to)}`);
  assert.ok(imports.length > 1000, 'the walk found the imports');
  assert.equal(wrong, []);
});

test('no file of lib imports itself through others', () => {
  const edges = libImports().filter(({ isAtOnce }) => isAtOnce);
  const circle = findCircle(edges.map(({ from, to }) => [from, to]));
  assert.is(circle?.map((file) => path.relative(root, file)).join(' -> '), undefined);
});

test('folders of lib do not import each other in a circle; subfolders count as part of their folder', () => {
  const edges = libImports().map(neighbors);
  assert.ok(
    edges.some((edge) => edge?.[0] === 'media/video'),
    'subfolders are looked at',
  );
  const circle = findCircle(edges.filter((edge) => edge !== undefined));
  assert.is(circle?.join(' -> '), undefined);
});

test('only lib/native names the addon binary', () => {
  const wrong = sources(LIB, /\.ts$/).filter(
    (file) =>
      unitOf(LIB, file) !== 'native' &&
      /['"`][^'"`\n]*\.node['"`]/.test(readFileSync(file, 'utf8')),
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
  assert.ok(wrongLibEdge('base', 'config'));
  assert.ok(wrongLibEdge('nowhere', 'base'));
  const edge = (text: string): [string, string] => [text.charAt(0), text.charAt(1)];
  assert.equal(findCircle(['ab', 'ac', 'cb', 'bd', 'dc'].map(edge)), ['b', 'd', 'c', 'b']);
  assert.is(findCircle(['ab', 'ac', 'cb', 'bd'].map(edge)), undefined);
  assert.ok(wrongNativeEdge('hnsw', 'storage'));
  assert.ok(wrongNativeEdge('core', 'kernels'));
  assert.not.ok(wrongNativeEdge('index', 'hnsw'));
});

test.run();
