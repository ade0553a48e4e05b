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
  assert.is(report.kills, 30);
  assert.ok(report.operations > 50, 'it did work between the kills');
  const { open, ...during } = report.duringOf;
  assert.ok(open > 0, 'it died while opening');
  const kinds = Object.values(during).filter((count) => count > 0).length;
  assert.ok(kinds >= 3, `it died in the middle of ${kinds} kinds of operation`);
});

test('kill -9 of a writer of string keys and metadata: a row has its own, or is not there', async () => {
  const seed = 32;
  console.log(`seed ${seed}`);
  const folder = path.join(makeTempDir(), 'index');
  const options = { kills: 12, seed, mostMs: 200, keyType: 'string' } as const;
  const report = await killLoop(folder, options);
  console.log(report);
  assert.is(report.kills, 12);
  assert.ok(report.operations > 12, 'it did work between the kills');
});

test.run();
