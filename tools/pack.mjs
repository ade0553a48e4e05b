// Makes the two tarballs that are published, from the build in dist/ and the binaries in prebuilds/:
//
//   node tools/pack.mjs [FOLDER]      default: build/packed; prints one line each, and refuses what is not built
//   --this-machine    for trying them here: other systems' binaries may be missing, and where that of this one
//                     is, the one just built takes its place
//
//   sightline         everything
//   sightline-engine  what `sightline/engine` loads, and nothing else: no dependency at all
//
// The engine's files are found by following what the code loads, so that the list cannot be wrong.
import { spawnSync } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const args = process.argv.slice(2);
const target = path.resolve(
  args.find((arg) => !arg.startsWith('--')) ?? path.join(root, 'build/packed'),
);
const read = (file) => readFileSync(path.join(root, file), 'utf8');
const manifest = JSON.parse(read('package.json'));

/** Binaries of a release; whoever has another system compiles (`tools/build-native.mjs`). */
export const PREBUILDS = [
  ...['linux-x64/sightline.glibc.node', 'linux-x64/sightline.musl.node'],
  ...['linux-arm64/sightline.glibc.node', 'linux-arm64/sightline.musl.node'],
  ...['darwin-x64/sightline.node', 'darwin-arm64/sightline.node'],
];

function npm(parameters, cwd) {
  const done = spawnSync('npm', parameters, { cwd, encoding: 'utf8' });
  if (done.status !== 0) throw new Error(`npm ${parameters.join(' ')}: ${done.stderr}`);
  return JSON.parse(done.stdout);
}

/** npm 11 gives a list, npm 12 an object by name. */
const only = (answer) => (Array.isArray(answer) ? answer[0] : Object.values(answer)[0]);

/** What npm takes by the list `files` of package.json. */
function listedFiles() {
  const answer = only(npm(['pack', '--dry-run', '--json', '--ignore-scripts'], root));
  return answer.files.map((file) => file.path.split(path.sep).join('/'));
}

/** Every file of dist/ that `entries` load, with its types. */
function closure(entries) {
  const found = new Set();
  const visit = (file) => {
    if (found.has(file) || !existsSync(path.join(root, file))) return;
    found.add(file);
    for (const [, specifier] of read(file).matchAll(
      /(?:require|import|from)\s*\(?\s*['"](\.[^'"]+)['"]/g,
    )) {
      const base = path.posix.join(path.posix.dirname(file), specifier.replace(/\.js$/, ''));
      for (const name of [base, `${base}/index`])
        for (const extension of ['.js', '.d.ts', '']) {
          const candidate = `${name}${extension}`;
          const full = path.join(root, candidate);
          if (existsSync(full) && statSync(full).isFile()) visit(candidate);
        }
    }
  };
  entries.forEach(visit);
  return [...found];
}

/** Where this machine's own binary would be, and where the build puts it. */
const libc = { linux: process.report.getReport().header.glibcVersionRuntime ? '.glibc' : '.musl' };
const own = `prebuilds/${process.platform}-${process.arch}/sightline${libc[process.platform] ?? ''}.node`;
const sourceOf = (file) =>
  path.join(
    root,
    file === own && !existsSync(path.join(root, own)) ? 'build/Release/sightline.node' : file,
  );

/** Copies into a fresh folder; source maps stay behind, and with them the lines that name them. */
function stage(name, files, changed) {
  const folder = path.join(root, 'build', 'staged', name);
  rmSync(folder, { recursive: true, force: true });
  for (const file of files) {
    const to = path.join(folder, file);
    mkdirSync(path.dirname(to), { recursive: true });
    if (/^dist\/.*\.m?js$/.test(file))
      writeFileSync(to, read(file).replace(/^\/\/# sourceMappingURL=.*\n?/gm, ''), {
        mode: statSync(path.join(root, file)).mode,
      });
    else cpSync(sourceOf(file), to);
  }
  for (const [file, text] of Object.entries(changed)) writeFileSync(path.join(folder, file), text);
  const packed = only(
    npm(['pack', '--json', '--ignore-scripts', '--pack-destination', target], folder),
  );
  rmSync(folder, { recursive: true, force: true });
  const file = path.join(target, `${name}.tgz`);
  renameSync(path.join(target, packed.filename), file);
  const mb = (bytes) => (bytes / 1e6).toFixed(1);
  console.log(
    `${file}  ${packed.entryCount} files, ${mb(packed.size)} MB, unpacked ${mb(packed.unpackedSize)} MB`,
  );
}

/** A section of README.md, by its heading. */
function section(heading) {
  const text = read('README.md');
  const start = text.indexOf(`## ${heading}\n`);
  if (start < 0) throw new Error(`README.md has no section "${heading}"`);
  const end = text.indexOf('\n## ', start + 1);
  // Links lead to files that the engine's package does not have.
  return text
    .slice(start, end)
    .replace(/\[([^\]]+)\]\([^)]*\)/g, '$1')
    .replaceAll('sightline/engine', 'sightline-engine');
}

const missing = PREBUILDS.filter((file) => !existsSync(path.join(root, 'prebuilds', file)));
const isTrial = args.includes('--this-machine');
if (missing.length > 0 && !isTrial) {
  console.error(`pack: prebuilds/ lacks ${missing.join(', ')}`);
  process.exit(1);
}
mkdirSync(target, { recursive: true });

const all = [...new Set([...listedFiles(), ...(isTrial ? [own] : [])])];
/** Of no use to who installs. */
const OURS = ['scripts', 'devDependencies', 'allowScripts'];
const rest = Object.fromEntries(Object.entries(manifest).filter(([key]) => !OURS.includes(key)));
// For the tests on Node 20. Its script fetches or compiles, so an installed package has `sightline setup` instead.
delete rest.optionalDependencies['better-sqlite3'];
const asText = (value) => `${JSON.stringify(value, null, 2)}\n`;
stage('sightline', all, { 'package.json': asText(rest) });

const entries = [
  'dist/lib/engine.js',
  'dist/lib/engine.mjs',
  'dist/lib/engine.d.ts',
  'dist/lib/engine.d.mts',
];
const beside = all.filter(
  (file) =>
    /^(native|prebuilds|tools)\//.test(file) ||
    ['LICENSE', 'CMakeLists.txt', 'docs/guide/ENGINE.md', 'docs/reference/FORMAT.md'].includes(
      file,
    ),
);
const { version, license, engines } = manifest;
stage('sightline-engine', [...closure(entries), ...beside], {
  'README.md': `# sightline-engine\n\nThe vector engine of Sightline, alone: no dependency, no install script.\n\n${section('The engine in ten lines')}`,
  'dist/lib/engine.mjs': read('dist/lib/engine.mjs').replaceAll(
    'sightline/engine',
    'sightline-engine',
  ),
  'package.json': asText({
    name: 'sightline-engine',
    version,
    description:
      'Vector search in C++ behind TypeScript: HNSW, exact scan, filters, crash-safe files',
    license,
    engines,
    type: 'commonjs',
    main: 'dist/lib/engine.js',
    types: 'dist/lib/engine.d.ts',
    exports: { '.': manifest.exports['./engine'], './package.json': './package.json' },
    gypfile: false,
  }),
});
