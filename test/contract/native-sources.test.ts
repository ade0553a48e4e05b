/** The one source list of the three native builds is complete and names nothing that is not there. */
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';

const root = path.resolve(__dirname, '../../..');
const read = (name: string): string => readFileSync(path.join(root, name), 'utf8');

const listed = read('native/sources.txt')
  .split('\n')
  .filter((line) => line.endsWith('.cc'))
  .sort();

test('every C++ source is in native/sources.txt once, and every entry exists', () => {
  const present = readdirSync(path.join(root, 'native'), { recursive: true })
    .map((name) => String(name).split(path.sep).join('/'))
    .filter((name) => name.endsWith('.cc'))
    .sort();
  assert.equal(listed, present);
});

test('node-gyp gets the same list', () => {
  const output = execFileSync(process.execPath, [path.join(root, 'tools/native-sources.mjs')], {
    encoding: 'utf8',
  });
  assert.equal(
    output.trim().split('\n').sort(),
    listed.map((name) => `native/${name}`),
  );
  assert.match(read('binding.gyp'), '<!@(node tools/native-sources.mjs)');
  assert.match(read('CMakeLists.txt'), 'file(STRINGS native/sources.txt');
});

test('no build asks for more than the floor of the architecture', () => {
  for (const name of ['CMakeLists.txt', 'binding.gyp', 'tools/build-direct.mjs']) {
    const code = read(name).replace(/^\s*(#|\/\/).*$/gm, '');
    assert.not.match(code, /-m(arch|tune|cpu|avx|fma|sse)/, name);
  }
});

test.run();
