/** Tests of the engine, run once more on the portable one. */
import { spawnSync } from 'node:child_process';
import path from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { noPortable, PORTABLE } from '../helpers/portable';
import { testUnless } from '../helpers/skip';

const FILES = [
  'unit/native-lock',
  'unit/vectors-arguments',
  'unit/vectors-states',
  'integration/engine-filters',
];

for (const file of FILES) {
  testUnless(noPortable)(`${file} passes on the portable engine`, () => {
    const run = spawnSync(process.execPath, [path.resolve(__dirname, `../${file}.test.js`)], {
      env: { ...process.env, SIGHTLINE_ADDON: PORTABLE },
      encoding: 'utf8',
    });
    assert.is(run.status, 0, run.stdout + run.stderr);
  });
}

test.run();
