/** A handle whose folder is not its own any more: another process made a new index under its path. */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import path from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { VectorIndex } from '../../lib/engine';
import { codeOf } from '../helpers/errors';
import { makeTempDir } from '../helpers/temp';
import { noise } from '../helpers/vectors';

const DIM = 8;
const ROWS = 400;

const digestOf = (folder: string): string =>
  readdirSync(folder)
    .sort()
    .map(
      (name) =>
        `${name} ${createHash('sha256')
          .update(readFileSync(path.join(folder, name)))
          .digest('hex')}`,
    )
    .join('\n');

/** By another process, which has come and gone when this returns. */
function makeNewcomer(folder: string): void {
  const engine = path.resolve(__dirname, '../../lib/engine.js');
  const code = `
    const { VectorIndex } = require(${JSON.stringify(engine)});
    (async () => {
      const index = await VectorIndex.create({ dim: ${DIM}, path: ${JSON.stringify(folder)}, storage: 'i8' });
      await index.add(Float32Array.from({ length: 50 * ${DIM} }, (_, i) => Math.sin(i + 1)));
      await index.tune({ sampleQueries: 10 });
      await index.close();
    })();`;
  const run = spawnSync(process.execPath, ['-e', code], { encoding: 'utf8' });
  assert.is(run.status, 0, run.stderr);
}

const VERBS: Readonly<Record<string, (index: VectorIndex) => Promise<unknown>>> = {
  add: (index) => index.add(noise(5, DIM, 5)),
  update: (index) => index.update([7], noise(1, DIM, 6)),
  remove: (index) => index.remove([8]),
  rollbackTo: (index) => index.rollbackTo(10),
  compact: (index) => index.compact(),
  tune: (index) => index.tune({ sampleQueries: 10 }),
  save: (index) => index.save(),
  close: (index) => index.close(),
};

for (const how of ['deleted', 'renamed'] as const) {
  for (const [verb, call] of Object.entries(VERBS)) {
    test(`${verb} of a handle whose folder was ${how} and made again leaves the newcomer alone`, async () => {
      const root = makeTempDir();
      const folder = path.join(root, 'index');
      const base = noise(ROWS, DIM, 1);
      const old = await VectorIndex.create({ dim: DIM, path: folder });
      await old.add(base); // and is not saved
      await old.remove([3]);
      if (how === 'deleted') rmSync(folder, { recursive: true });
      else renameSync(folder, path.join(root, 'away'));
      makeNewcomer(folder);
      const before = digestOf(folder);
      assert.is(await codeOf(() => call(old)), 'ERR_FILE_REPLACED');
      assert.is(digestOf(folder), before);
      if (verb !== 'close') {
        assert.is(old.search(base.subarray(0, DIM), 1).keys[0], 0);
        const report = await old.exportFile(path.join(root, 'rows.npy'));
        assert.is(report.rows, ROWS - 1);
        await codeOf(() => old.close());
        assert.is(digestOf(folder), before);
      }
      await using again = await VectorIndex.open(folder);
      assert.is(again.count, 50);
      assert.is(again.stats().graphProblem, undefined);
      if (how === 'deleted') return;
      await using away = await VectorIndex.open(path.join(root, 'away'));
      assert.is(away.liveCount, ROWS - 1);
    });
  }
}

test('a folder that is only deleted is not made again, and closing it says what was lost', async () => {
  const folder = path.join(makeTempDir(), 'index');
  const index = await VectorIndex.create({ dim: DIM, path: folder });
  await index.add(noise(ROWS, DIM, 1));
  rmSync(folder, { recursive: true });
  assert.is(await codeOf(() => index.add(noise(1, DIM, 2))), 'ERR_FILE_MISSING');
  assert.is(await codeOf(() => index.tune({ sampleQueries: 10 })), 'ERR_FILE_MISSING');
  assert.is(await codeOf(() => index.close()), 'ERR_FILE_MISSING');
  assert.not.ok(existsSync(folder));
});

test('a reader whose folder was replaced answers with what it opened, and writes nothing', async () => {
  const folder = path.join(makeTempDir(), 'index');
  const base = noise(ROWS, DIM, 1);
  {
    await using index = await VectorIndex.create({ dim: DIM, path: folder, metric: 'euclidean' });
    await index.add(base);
  }
  const reader = await VectorIndex.open(folder, { readOnly: true });
  rmSync(folder, { recursive: true });
  makeNewcomer(folder);
  const before = digestOf(folder);
  await reader.tune({ sampleQueries: 10 });
  await reader.warm({ rows: true });
  for (const row of [0, 99, 399]) {
    const hits = reader.search(base.subarray(row * DIM, (row + 1) * DIM), 1);
    assert.is(hits.keys[0], row);
    assert.is(hits.distances[0], 0);
  }
  await reader.close();
  assert.is(digestOf(folder), before);
});

test.run();
