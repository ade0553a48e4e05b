/** The log of many small writes: it stays short, says the same, and readers of the long one go on. */
import { statSync } from 'node:fs';
import path from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { VectorIndex } from '../../lib/engine';
import { makeTempDir } from '../helpers/temp';
import { noise, randomOf } from '../helpers/vectors';

const SEED = 20_261_130;
console.log(`seed ${SEED}`);

const logBytes = (folder: string): number => statSync(path.join(folder, 'embeddings.idx')).size;

/** Everything an index holds: key and vector of each row, and which rows live. */
function contentOf(index: VectorIndex): unknown {
  const rows = Uint32Array.from({ length: index.count }, (_, row) => row);
  const keys = index.keysOf(rows);
  return {
    keys: [...keys],
    live: rows.filter((row) => index.rowOf(keys[row] as number) === row).length,
    vectors: Buffer.from(index.vectors(rows).buffer).toString('base64'),
  };
}

for (const [dim, most] of [
  [1, 3],
  [24, 2],
  [300, 2],
] as const) {
  test(`one-row writes of ${dim} floats: the log is folded, and says the same`, async () => {
    const folder = path.join(makeTempDir(), 'index');
    const random = randomOf(SEED + dim);
    const index = await VectorIndex.create({ dim, metric: 'euclidean', path: folder });
    const calls = 700;
    const rows = noise(calls, dim, SEED);
    let longest = 0;
    let reader: VectorIndex | undefined;
    let seen: unknown;
    for (let i = 0; i < calls; i++) {
      const vector = rows.subarray(i * dim, (i + 1) * dim);
      const dice = random();
      if (dice < 0.6 || index.liveCount < 5) await index.add(vector, { keys: [i] });
      else {
        const row = Math.floor(random() * index.count);
        const key = index.keysOf([row])[0] as number;
        if (dice < 0.8) await index.update([key], vector, { insertMissing: true });
        else if (dice < 0.97) await index.remove([key]);
        else await index.rollbackTo(index.count - 3);
      }
      longest = Math.max(longest, logBytes(folder));
      if (i === 50) {
        reader = await VectorIndex.open(folder, { readOnly: true });
        seen = contentOf(reader);
      }
    }
    // Not folded it would be 2.8 MB.
    assert.ok(longest < most * 256 * 1024, `${longest} bytes`);
    const content = contentOf(index);
    await index.save();
    assert.ok(logBytes(folder) <= 96 * 1024, `${logBytes(folder)} bytes after save`);
    assert.equal((await index.verify()).problems, []);
    await index.add(rows.subarray(0, dim), { keys: [1_000_000] });
    await index.rollbackTo(index.count - 1);
    assert.equal(contentOf(index), content);
    await index.close();

    // What was open before is as it was.
    assert.equal(contentOf(reader as VectorIndex), seen);
    assert.equal((await (reader as VectorIndex).verify()).problems, []);
    await reader?.close();
    for (const readOnly of [true, false]) {
      await using again = await VectorIndex.open(folder, { readOnly });
      assert.equal(contentOf(again), content);
      assert.is(again.stats().graphProblem, undefined, 'the graph is that of the folded log');
      assert.equal((await again.verify()).problems, []);
    }
    const last = await VectorIndex.open(folder);
    // In the middle of what was joined.
    const kept = last.count - 7;
    await last.rollbackTo(kept);
    await last.close();
    await using shorter = await VectorIndex.open(folder, { readOnly: true });
    assert.is(shorter.count, kept);
    assert.equal((await shorter.verify()).problems, []);
    assert.is(shorter.vectors([kept - 1]).length, dim);
  });
}

test('a large append is not written again, and a log that cannot be shorter is left alone', async () => {
  const dim = 40;
  const folder = path.join(makeTempDir(), 'index');
  const index = await VectorIndex.create({ dim, metric: 'euclidean', path: folder });
  // 102 rows to a checksum: 60 and 60 do not join.
  const rows = noise(60, dim, SEED + 9);
  for (let i = 0; i < 150; i++) await index.add(rows);
  const before = logBytes(folder);
  await index.save();
  await index.save();
  assert.is(logBytes(folder), before);
  await index.close();
  await using again = await VectorIndex.open(folder);
  assert.is(again.count, 150 * 60);
  assert.equal((await again.verify()).problems, []);
});

test.run();
