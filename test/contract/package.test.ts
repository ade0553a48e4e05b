/**
 * The package as others get it: packed, unpacked into a project of its own, type-checked under every
 * module resolution, linted, bundled, and loaded from odd places.
 */
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import ts from 'typescript';
import { makeTempDir } from '../helpers/temp';
import { textOf, typeErrors } from '../helpers/typescript';

const root = path.resolve(__dirname, '../../..');
const bin = (name: string): string => path.join(root, 'node_modules', '.bin', name);

function run(command: string, args: readonly string[], cwd: string, env: NodeJS.ProcessEnv = {}) {
  const done = spawnSync(command, args, { cwd, encoding: 'utf8', env: { ...process.env, ...env } });
  return { status: done.status, text: done.stdout + done.stderr };
}

/** Folder of a project whose only dependency is the packed package; the package's own lie beside it. */
let project = '';
let tarball = '';

function install(folder: string): void {
  const modules = path.join(folder, 'node_modules');
  mkdirSync(modules, { recursive: true });
  assert.is(run('tar', ['-xzf', tarball, '-C', modules], folder).status, 0);
  cpSync(path.join(modules, 'package'), path.join(modules, 'sightline'), { recursive: true });
  // A packed package has prebuilt binaries; here it has that of this checkout.
  symlinkSync(path.join(root, 'build'), path.join(modules, 'sightline', 'build'));
  for (const name of readdirSync(path.join(root, 'node_modules')))
    if (!name.startsWith('.') && name !== 'package' && name !== 'sightline')
      symlinkSync(path.join(root, 'node_modules', name), path.join(modules, name));
}

test.before(() => {
  project = makeTempDir('package');
  const pack = path.join(root, 'tools', 'pack.mjs');
  const packed = run(process.execPath, [pack, project, '--this-machine'], root);
  assert.is(packed.status, 0, packed.text);
  tarball = path.join(project, 'sightline.tgz');
  install(project);
});

const BODY = `
  const index = await VectorIndex.create({ dim: 2, metric: 'euclidean' });
  await index.add(Float32Array.of(1, 2));
  const hits: Hits = index.search(Float32Array.of(1, 2), 1, { efSearch: 10 });
  const key: number | undefined = hits.keys[0];
  void key;`;

const SOURCES: Readonly<Record<string, string>> = {
  'named.mts': `import { VectorIndex, type Hits } from 'sightline/engine';${BODY}`,
  'root.mts': `import { openLibrary, VectorIndex, type Hits } from 'sightline';${BODY}
    void openLibrary('.', { model: 'builtin' });`,
  'whole.mts': `import sightline, { type Hits } from 'sightline';
    const { VectorIndex } = sightline;${BODY}`,
  'server.mts': `import { openLibrary } from 'sightline';
    import { createHandler, sightlinePlugin } from 'sightline/server';
    import fastify from 'fastify';
    import { createServer } from 'node:http';
    const library = await openLibrary('.');
    createServer(createHandler(library, { prefix: '/photos' }));
    await fastify().register(sightlinePlugin, { library, prefix: '/photos' });`,
  'named.cts': `import { VectorIndex, type Hits } from 'sightline/engine';
    void (async () => {${BODY}})();`,
  'require.cts': `import engine = require('sightline/engine');
    type Hits = engine.Hits; const { VectorIndex } = engine;
    void (async () => {${BODY}})();`,
  'whole.cts': `import sightline, { type Hits } from 'sightline';
    const { VectorIndex } = sightline;
    void (async () => {${BODY}})();`,
};

const WRONG = `import { VectorIndex } from 'sightline/engine';
import { openLibrary } from 'sightline';
const index = await VectorIndex.create({ dim: 'four' });
index.nonsense();
index.search(Float32Array.of(1), 1, { filters: [1] });
void openLibrary('.', { modle: 'builtin' });
`;

/** The errors of a program, as `file:line`. */
function errorsOf(resolution: keyof typeof RESOLUTIONS, files: readonly string[]): string[] {
  const errors = typeErrors(
    files.map((file) => path.join(project, file)),
    {
      ...RESOLUTIONS[resolution],
      noEmit: true,
      strict: true,
      esModuleInterop: true,
      target: ts.ScriptTarget.ES2022,
      lib: ['lib.es2022.d.ts', 'lib.esnext.disposable.d.ts'],
      types: ['node'],
      typeRoots: [path.join(project, 'node_modules', '@types')],
      skipLibCheck: true,
    },
  );
  return errors.map((error) => {
    const { file, start } = error;
    const line = file === undefined ? 0 : file.getLineAndCharacterOfPosition(start ?? 0).line + 1;
    return `${path.basename(file?.fileName ?? '')}:${line} ${textOf(error, ' ').slice(0, 200)}`;
  });
}

const RESOLUTIONS = {
  node16: {
    module: ts.ModuleKind.Node16,
    moduleResolution: ts.ModuleResolutionKind.Node16,
  },
  nodenext: {
    module: ts.ModuleKind.NodeNext,
    moduleResolution: ts.ModuleResolutionKind.NodeNext,
  },
  bundler: {
    module: ts.ModuleKind.Preserve,
    moduleResolution: ts.ModuleResolutionKind.Bundler,
  },
} as const;

for (const resolution of Object.keys(RESOLUTIONS) as (keyof typeof RESOLUTIONS)[])
  test(`types resolve under ${resolution}, and wrong use does not compile`, () => {
    for (const [name, text] of Object.entries(SOURCES))
      writeFileSync(path.join(project, name), text);
    writeFileSync(path.join(project, 'wrong.mts'), WRONG);
    const errors = errorsOf(resolution, [...Object.keys(SOURCES), 'wrong.mts']);
    const lines = errors.map((error) => error.split(' ')[0]);
    const expected = ['wrong.mts:3', 'wrong.mts:4', 'wrong.mts:5', 'wrong.mts:6'];
    assert.equal(lines, expected, errors.join('\n'));
  });

test('publint and are-the-types-wrong find nothing', () => {
  for (const [tool, args] of [
    ['publint', ['run', tarball, '--strict']],
    ['attw', [tarball, '--no-color']],
  ] as const) {
    const { status, text } = run(bin(tool), args, project);
    assert.is(status, 0, text);
  }
});

const FOUND = `const index = await VectorIndex.create({ dim: 2 });
  await index.add(Float32Array.of(1, 2));
  console.log('found', index.search(Float32Array.of(1, 2), 1).keys[0]);
  await index.close();`;
const COMMONJS = `const { VectorIndex } = require('sightline/engine');
  (async () => {${FOUND}})().catch((error) => console.log(error.code, error.message));`;
const MODULE = `import sightline, { VectorIndex } from 'sightline/engine';
  if (sightline.VectorIndex !== VectorIndex) throw new Error('two of them');
  ${FOUND}`;

test('a bundle finds the package that is installed beside it, or says what to do', () => {
  writeFileSync(path.join(project, 'app.cjs'), COMMONJS);
  writeFileSync(path.join(project, 'app.mjs'), MODULE);
  // Where the package is installed, and where there is nothing.
  const places = { beside: path.join(project, 'out'), alone: makeTempDir('bundle') };
  mkdirSync(places.beside, { recursive: true });
  const addon = path.join(root, 'build', 'Release', 'sightline.node');
  for (const format of ['cjs', 'esm'])
    for (const source of ['app.cjs', 'app.mjs']) {
      if (format === 'cjs' && source === 'app.mjs') continue; // Top-level await.
      for (const [place, folder] of Object.entries(places)) {
        const file = path.join(folder, `${source}.${format === 'cjs' ? 'cjs' : 'mjs'}`);
        const bundle = ['--bundle', '--platform=node', `--format=${format}`, `--outfile=${file}`];
        const built = run(bin('esbuild'), [source, ...bundle, '--log-level=error'], project);
        assert.is(built.status, 0, built.text);
        // CommonJS within an ES module bundle has no require at all: that is esbuild's own message.
        if (format === 'esm' && source === 'app.cjs') continue;
        const { text } = run(process.execPath, [file], folder);
        if (place === 'beside') assert.match(text, /^found 0/, `${source} as ${format}`);
        else assert.match(text, /ERR_ADDON_LOAD[\s\S]*--external:sightline/, `${source} ${format}`);
        if (place === 'alone' && format === 'cjs') {
          const named = run(process.execPath, [file], folder, { SIGHTLINE_ADDON: addon });
          assert.match(named.text, /^found 0/);
          const wrong = run(process.execPath, [file], folder, { SIGHTLINE_ADDON: file });
          assert.match(wrong.text, /ERR_ADDON_LOAD SIGHTLINE_ADDON is/);
        }
      }
    }
});

test('the package loads through a link, from a path with spaces and signs, and twice at once', () => {
  const odd = path.join(makeTempDir('odd'), 'Ärger & 日本 (1)');
  mkdirSync(odd);
  install(odd);
  const linked = makeTempDir('linked');
  mkdirSync(path.join(linked, 'node_modules'));
  symlinkSync(
    path.join(odd, 'node_modules', 'sightline'),
    path.join(linked, 'node_modules', 'sightline'),
  );
  for (const folder of [odd, linked]) {
    writeFileSync(path.join(folder, 'app.cjs'), COMMONJS);
    writeFileSync(path.join(folder, 'app.mjs'), MODULE);
    for (const app of ['app.cjs', 'app.mjs'])
      assert.match(run(process.execPath, [app], folder).text, /^found 0/, `${folder} ${app}`);
  }
  const copies = [project, odd].map((folder) =>
    JSON.stringify(path.join(folder, 'node_modules', 'sightline')),
  );
  const both = `const [one, two] = [${copies.join(', ')}].map((copy) => require(copy + '/dist/lib/engine.js'));
    (async () => {
      if (one.VectorIndex === two.VectorIndex) throw new Error('one copy only');
      for (const { VectorIndex } of [one, two]) { ${FOUND} }
      const error = await two.VectorIndex.create({ dim: 0 }).catch((error) => error);
      console.log(error.code, one.isLibraryError(error));
    })();`;
  const { text } = run(process.execPath, ['-e', both], project);
  assert.equal(text.trim().split('\n'), ['found 0', 'found 0', 'ERR_ARG_RANGE true']);
});

test('what is packed holds no tests, no figures, no maps without sources, and no sources of ours but the addon', () => {
  const { text } = run('tar', ['-tzf', tarball], project);
  const names = text.trim().split('\n');
  assert.not.ok(names.some((name) => /\.map$|\/bench\/.*\.js$|binding\.gyp$/.test(name)));
  const code = readFileSync(path.join(project, 'node_modules/sightline/dist/lib/index.js'), 'utf8');
  assert.not.match(code, /sourceMappingURL/);
  assert.ok(names.includes('package/dist/lib/engine.d.mts'));
  assert.not.ok(names.some((name) => /_test\.cc$|\/test\/|\.test\.js$/.test(name)));
  assert.match(
    readFileSync(path.join(project, 'node_modules/sightline/dist/lib/engine.d.mts'), 'utf8'),
    /engine\.js/,
  );
});

test('the engine alone has no dependency, and works with nothing beside it', () => {
  const folder = makeTempDir('engine');
  assert.is(run('tar', ['-xzf', path.join(project, 'sightline-engine.tgz')], folder).status, 0);
  // The figures are read from where npm would unpack it.
  const place = path.join(folder, 'package');
  const own = path.join(folder, 'node_modules', 'sightline-engine');
  cpSync(place, own, { recursive: true });
  const manifest = JSON.parse(readFileSync(path.join(own, 'package.json'), 'utf8')) as object;
  for (const key of ['dependencies', 'optionalDependencies', 'peerDependencies', 'scripts'])
    assert.not.ok(key in manifest, key);
  mkdirSync(path.join(own, 'build', 'Release'), { recursive: true });
  cpSync(
    path.join(root, 'build', 'Release', 'sightline.node'),
    path.join(own, 'build', 'Release', 'sightline.node'),
  );
  writeFileSync(path.join(folder, 'app.cjs'), COMMONJS.replace('/engine', '-engine'));
  writeFileSync(path.join(folder, 'app.mjs'), MODULE.replace('/engine', '-engine'));
  for (const app of ['app.cjs', 'app.mjs'])
    assert.match(run(process.execPath, [app], folder).text, /^found 0/, app);
});

test('every file that packed code loads is packed', () => {
  const dist = path.join(project, 'node_modules', 'sightline', 'dist');
  const files = readdirSync(dist, { recursive: true, encoding: 'utf8' }).filter((name) =>
    name.endsWith('.js'),
  );
  const missing = files.flatMap((name) => {
    const file = path.join(dist, name);
    const found = readFileSync(file, 'utf8').matchAll(/(?:require|import)\(['"](\.[^'"]*)['"]\)/g);
    const { resolve } = createRequire(file);
    return [...found].flatMap(([, specifier = '']) => {
      try {
        resolve(specifier);
        return [];
      } catch {
        return [`${name} loads ${specifier}`];
      }
    });
  });
  assert.ok(files.length > 300, 'the walk found the code');
  assert.equal(missing, []);
});

test.run();
