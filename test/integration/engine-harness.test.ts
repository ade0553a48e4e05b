/** Short forms of the harnesses of docs/TESTING.md: faults, power cuts, damage, races, hostile files. */
import { spawnSync } from 'node:child_process';
import path from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';

const root = path.resolve(__dirname, '../../..');

const HARNESSES = [
  ['faults', 'every I/O call that fails is a typed error and loses nothing acknowledged'],
  ['memory', 'every allocation that fails is ERR_NO_MEMORY and changes nothing'],
  ['threads', 'every kind of call from many threads at once is sound, under the thread sanitizer'],
  ['power_cut', 'a power cut at any moment loses nothing acknowledged'],
  ['damage', 'flipped bits and cut files give a typed error or the right answers'],
  ['mixtures', 'files that do not belong together, and things that are not ours'],
] as const;

function skipReason(): string | undefined {
  if (process.platform !== 'linux') return 'they are written for Linux';
  if (spawnSync('cmake', ['--version']).status !== 0) return 'cmake is not installed';
  return undefined;
}

for (const [name, sentence] of HARNESSES) {
  test(sentence, () => {
    const reason = skipReason();
    if (reason !== undefined) return console.log(`skip: harness ${name}: ${reason}`);
    const tool = path.join(root, 'tools/harness.mjs');
    const run = spawnSync(process.execPath, [tool, name], { cwd: root, encoding: 'utf8' });
    if (run.status === 77) return console.log(run.stdout.trim());
    assert.is(run.status, 0, `${run.stdout}${run.stderr}`);
    console.log(run.stdout.trim());
  });
}

test('fuzzed files are read without a crash, a leak or a hit out of order', () => {
  const tool = path.join(root, 'tools/fuzz.mjs');
  const parameters = [tool, '--seconds=6', '--seed=1'];
  const run = spawnSync(process.execPath, parameters, { cwd: root, encoding: 'utf8' });
  if (run.status !== 77) assert.is(run.status, 0, `${run.stdout}${run.stderr}`);
  console.log(run.stdout.trim());
});

test.run();
