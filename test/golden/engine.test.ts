/** Index folders of every released version of the format open and answer as recorded. */
import { cpSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { VectorIndex } from '../../lib/engine';
import { makeTempDir } from '../helpers/temp';

interface Expected {
  dim: number;
  label: string;
  count: number;
  liveCount: number;
  rows: { row: number; key: string; live: boolean; vector: number[] }[];
  queries: number[];
  answers: { nodes: number[]; distances: number[] }[];
}

const golden = path.resolve(__dirname, '../../../test/golden');
const folders = readdirSync(golden).filter((name) => name.startsWith('engine-1.'));

function check(index: VectorIndex, expected: Expected): void {
  assert.is(index.count, expected.count);
  assert.is(index.liveCount, expected.liveCount);
  for (const { row, key, live, vector } of expected.rows) {
    assert.is(String(index.keys64Of([row])[0]), key);
    assert.is(index.rowOf(BigInt(key)) === row, live, `row ${row}`);
    assert.equal([...index.vectors([row])], vector, `row ${row}`);
  }
  const queries = Float32Array.from(expected.queries);
  let found = 0;
  expected.answers.forEach(({ nodes, distances }, q) => {
    const query = queries.subarray(q * expected.dim, (q + 1) * expected.dim);
    const exact = index.searchExact(query, nodes.length);
    // Kernels differ in the last bit, which may change the order of rows that are as far away.
    exact.distances.forEach((d, i) => assert.ok(Math.abs(d - distances[i]!) < 1e-5));
    assert.equal([...exact.nodes].sort(), [...nodes].sort(), `query ${q}`);
    const walked = new Set(index.search(query, nodes.length, { efSearch: 100 }).nodes);
    found += nodes.filter((node) => walked.has(node)).length;
  });
  assert.ok(found >= 0.9 * expected.answers.length * 10, `${found} found by the graph`);
}

test('every released version has a golden folder', () => {
  assert.equal(folders, ['engine-1.1']);
});

for (const name of folders) {
  test(`${name} opens, answers as recorded and can be written to`, async () => {
    // A copy: a writer leaves a lock file, and a test must not change what it is tested against.
    const folder = path.join(makeTempDir(), name);
    cpSync(path.join(golden, name), folder, { recursive: true });
    const file = path.join(folder, 'expected.json');
    const expected = JSON.parse(readFileSync(file, 'utf8')) as Expected;
    for (const readOnly of [true, false]) {
      await using index = await VectorIndex.open(folder, { readOnly, label: expected.label });
      assert.is(index.stats().graphProblem, undefined);
      assert.ok(index.stats().measured, 'tuning.json was read');
      check(index, expected);
      assert.equal((await index.verify()).problems, []);
      if (readOnly) continue;
      await index.add(new Float32Array(expected.dim).fill(3), { keys: [77_777] });
      await index.save();
    }
    await using again = await VectorIndex.open(folder);
    assert.is(again.count, expected.count + 1);
    assert.is(again.search(new Float32Array(expected.dim).fill(3), 1).keys[0], 77_777);
  });
}

test.run();
