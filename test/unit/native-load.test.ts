/** Loading the addon: the error says what to do, and the kernel can be forced. */
import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { isLibraryError } from '../../lib/base/errors';
import { VERSION } from '../../lib/base/version';
import { fromNative, loadFrom, native } from '../../lib/native';
import { candidatesIn } from '../../lib/native/candidates';
import { makeTempDir } from '../helpers/temp';

test('a missing binary is ERR_ADDON_LOAD with the remedy', () => {
  try {
    loadFrom(makeTempDir());
    assert.unreachable();
  } catch (error) {
    assert.ok(isLibraryError(error) && error.code === 'ERR_ADDON_LOAD');
    assert.match(error.message, /npm run build:native/);
    assert.match(error.message, new RegExp(process.arch));
    assert.ok(error.cause instanceof Error);
  }
});

const built = path.resolve(__dirname, '../../../build/Release/sightline.node');

/** A package folder whose binaries hold these bytes, by their place. */
function packageWith(files: Readonly<Record<string, Uint8Array>>): string {
  const root = makeTempDir();
  for (const [place, bytes] of Object.entries(files)) {
    mkdirSync(path.dirname(path.join(root, place)), { recursive: true });
    writeFileSync(path.join(root, place), bytes);
  }
  return root;
}

function refusal(root: string): string {
  try {
    loadFrom(root);
  } catch (error) {
    assert.ok(isLibraryError(error) && error.code === 'ERR_ADDON_LOAD');
    assert.match(error.message, /reinstall the package for this system, or compile it/);
    return error.message;
  }
  return 'it was loaded';
}

const COMPILED = 'build/Release/sightline.node';

test('a binary that is cut off, of another system or of another architecture is refused with that reason', () => {
  const whole = readFileSync(built);
  assert.match(
    refusal(packageWith({ [COMPILED]: Buffer.from('<html>') })),
    /Release.sightline.node/,
  );
  if (process.platform !== 'linux') return;
  assert.match(refusal(packageWith({ [COMPILED]: Buffer.alloc(0) })), /not a binary of Linux/);
  const half = refusal(packageWith({ [COMPILED]: whole.subarray(0, whole.length >> 1) }));
  assert.match(half, new RegExp(`cut off: it has ${whole.length >> 1} bytes of \\d+`));
  const other = Buffer.from(whole);
  // e_machine of the ELF head: 62 is x64, 183 arm64.
  other.writeUInt16LE(process.arch === 'x64' ? 183 : 62, 18);
  const wanted = process.arch === 'x64' ? 'it is for arm64' : 'it is for x64';
  assert.match(refusal(packageWith({ [COMPILED]: other })), wanted);
});

test('a binary of another version is refused, and one that fits beside it is taken', () => {
  const old = Buffer.from(readFileSync(built));
  const at = old.indexOf(`${VERSION}\0`, 0, 'latin1');
  assert.ok(at > 0, 'the binary holds its version');
  for (let i = at; i >= 0; i = old.indexOf(`${VERSION}\0`, i + 1, 'latin1')) old.write('9', i);
  const root = packageWith({ [COMPILED]: old });
  assert.match(refusal(root), new RegExp(`of version 9${VERSION.slice(1)}, and the package is of`));

  const prebuilt = path.join(root, 'prebuilds', `${process.platform}-${process.arch}`);
  mkdirSync(prebuilt, { recursive: true });
  const libc = process.platform === 'linux' ? '.glibc' : '';
  copyFileSync(built, path.join(prebuilt, `sightline${libc}.node`));
  assert.is(candidatesIn(root).length, 2);
  assert.match(loadFrom(root).kernelName(), /^[a-z0-9]+$/);
});

test('the addon is loaded once and names its kernel', () => {
  assert.is(native(), native());
  assert.match(native().kernelName(), /^(scalar|avx2|avx512|neon)$/);
});

test('what the addon throws becomes ours; what a callback threw stays', () => {
  const ours = fromNative(Object.assign(new Error('held'), { status: 22 }));
  assert.ok(isLibraryError(ours) && ours.code === 'ERR_FILE_LOCKED' && ours.message === 'held');
  const theirs = new RangeError('mine');
  assert.is(fromNative(theirs), theirs);
});

test('SIGHTLINE_KERNEL forces a kernel; one that is unknown is ERR_CPU_UNSUPPORTED', () => {
  const engine = path.resolve(__dirname, '../../lib/engine.js');
  const program = `
    const { VectorIndex } = require(${JSON.stringify(engine)});
    VectorIndex.create({ dim: 3 }).then(
      (index) => console.log(index.stats().kernel),
      (error) => console.log(error.code));`;
  const run = (kernel: string) =>
    spawnSync(process.execPath, ['-e', program], {
      env: { ...process.env, SIGHTLINE_KERNEL: kernel },
      encoding: 'utf8',
    }).stdout.trim();
  assert.is(run('scalar'), 'scalar');
  assert.is(run('abacus'), 'ERR_CPU_UNSUPPORTED');
  assert.is(run(''), native().kernelName());
});

test('requiring the engine loads nothing that only a first use needs', () => {
  // Each of these costs some milliseconds of a start that should take 40.
  const engine = path.resolve(__dirname, '../../lib/engine.js');
  const program = `
    const before = new Set(process.moduleLoadList);
    require(${JSON.stringify(engine)});
    console.log(process.moduleLoadList.filter((name) => !before.has(name)).join('\\n'));
    console.log(Object.keys(require.cache).join('\\n'));`;
  const { stdout } = spawnSync(process.execPath, ['-e', program], { encoding: 'utf8' });
  assert.match(stdout, /lib.native.index/);
  assert.not.match(stdout, /NativeModule (crypto|worker_threads|child_process|net|http)$/m);
  assert.not.match(stdout, /native.wasm|vectors.files.(add-file|export-file|indexes)/);
});

test('the engine alone loads neither sharp nor onnxruntime nor SQLite', () => {
  const engine = path.resolve(__dirname, '../../lib/engine.js');
  const program = `
    const { VectorIndex } = require(${JSON.stringify(engine)});
    VectorIndex.create({ dim: 3 }).then(() => console.log(Object.keys(require.cache).join('\\n')));`;
  const { stdout } = spawnSync(process.execPath, ['-e', program], { encoding: 'utf8' });
  assert.match(stdout, /lib\/vectors/);
  assert.not.match(
    stdout,
    /sharp|onnxruntime|sqlite|fastify|piscina|lib\/catalog|lib\/media|lib\/encode|lib\/models/,
  );
});

test.run();
