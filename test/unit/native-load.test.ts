/** Loading the addon: the error says what to do, and the kernel can be forced. */
import { spawnSync } from 'node:child_process';
import path from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { isLibraryError } from '../../lib/base/errors';
import { fromNative, loadFrom, native } from '../../lib/native';
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
