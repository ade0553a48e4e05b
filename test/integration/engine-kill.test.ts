/** kill -9 at any moment of any operation: what was acknowledged is there, the rest wholly or not. */
import path from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { killLoop } from '../helpers/engine-kill';
import { makeTempDir } from '../helpers/temp';

test('kill -9 at any moment of adding, updating, removing, rolling back, saving, compacting, tuning', async () => {
  const seed = 31;
  console.log(`seed ${seed}`);
  const folder = path.join(makeTempDir(), 'index');
  const report = await killLoop(folder, { kills: 30, seed, mostMs: 150 });
  console.log(report);
  assert.ok(report.operations > 50, 'it did work between the kills');
});

test.run();
