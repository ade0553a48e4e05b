/** `storage`: the same contract in every mode, walked on codes. Seeds: 81, 82. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { makeClipLike } from '../../bench/clip-like';
import { VectorIndex } from '../../lib/engine';
import { makeTempDir } from '../helpers/temp';

const DIM = 64;
const ROWS = 5000;
const QUERIES = 40;
const K = 10;

const set = makeClipLike(ROWS, QUERIES, DIM, 81);
const query = (all: Float32Array, i: number): Float32Array => all.subarray(i * DIM, (i + 1) * DIM);

function recall(index: VectorIndex, queries: Float32Array, efSearch: number): number {
  let found = 0;
  for (let i = 0; i < QUERIES; i++) {
    const exact = index.searchExact(query(queries, i), K);
    const hits = index.search(query(queries, i), K, { efSearch });
    assert.is(hits.nodes.length, K);
    hits.nodes.forEach((node, at) => {
      const place = exact.nodes.indexOf(node);
      if (place < 0) return;
      found++;
      assert.is(hits.distances[at], exact.distances[place], 'distances are those of the rows');
    });
  }
  return found / (QUERIES * K);
}

for (const storage of ['i4', 'i8', 'f16'] as const) {
  test(`${storage} finds what f32 finds, for pictures and for texts, and is remembered`, async () => {
    const folder = `${makeTempDir()}/index`;
    {
      await using index = await VectorIndex.create({ dim: DIM, path: folder, storage });
      assert.not.ok(index.stats().walksOnCodes, 'no rows, no codes');
      await index.add(set.rows);
      assert.ok(index.stats().walksOnCodes);
      assert.ok(recall(index, set.queries, 100) > 0.95);
      assert.ok(recall(index, set.textQueries, 50) > 0.98);
    }
    {
      await using plain = await VectorIndex.open(folder, { readOnly: true, storage: 'f32' });
      assert.not.ok(plain.stats().walksOnCodes);
      await using coded = await VectorIndex.open(folder, { readOnly: true });
      assert.not.ok(coded.stats().walksOnCodes, 'opening makes none');
      assert.not.ok(coded.isWarm);
      await coded.warm();
      assert.ok(coded.isWarm);
      assert.ok(coded.stats().walksOnCodes);
      assert.ok(coded.stats().bytesResident > plain.stats().bytesResident);
      assert.ok(recall(coded, set.queries, 100) > recall(plain, set.queries, 100) - 0.02);
    }
  });

  test(`${storage} gives the same answers for the same calls, and after a compaction`, async () => {
    const folder = `${makeTempDir()}/index`;
    const gone = Array.from({ length: 300 }, (_, i) => i * 3);
    const answers: Uint32Array[] = [];
    for (const name of ['a', 'b']) {
      await using index = await VectorIndex.create({ dim: DIM, path: folder + name, storage });
      await index.add(set.rows, { threads: 1 });
      await index.remove(gone);
      answers.push((await index.searchBatch(set.queries, K)).nodes);
      if (name === 'a') continue;
      await index.compact({ threads: 1 });
      assert.ok(index.stats().walksOnCodes);
      assert.is(index.stats().count, ROWS - gone.length);
      assert.ok(recall(index, set.queries, 100) > 0.95);
    }
    assert.equal(answers[0], answers[1]);
  });
}

test('i4 answers alike one by one and in batches, and keeps removals and filters', async () => {
  await using index = await VectorIndex.create({ dim: DIM, storage: 'i4' });
  await index.add(set.rows);
  await index.remove(Array.from({ length: 500 }, (_, i) => i * 7));
  const filter = (key: number): boolean => key % 2 === 0;
  const batch = await index.searchBatch(set.queries, K, { filter });
  for (let i = 0; i < QUERIES; i++) {
    const hits = index.search(query(set.queries, i), K, { filter });
    assert.equal(batch.nodes.slice(i * K, (i + 1) * K), hits.nodes);
    for (const key of hits.keys) assert.ok(key % 2 === 0 && (key % 7 !== 0 || key >= 3500));
  }
});

test.run();
