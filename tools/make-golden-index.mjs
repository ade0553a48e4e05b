// Writes test/golden/engine-VERSION: a small index folder in the current format, and its expected answers.
// Run once per released version of the format, after `npm run build`.
//
//   node tools/make-golden-index.mjs 1.1
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const require = createRequire(import.meta.url);
const root = fileURLToPath(new URL('..', import.meta.url));
const { VectorIndex } = require(path.join(root, 'dist/lib/engine.js'));
const { noise } = require(path.join(root, 'dist/test/helpers/vectors.js'));

const version = process.argv[2];
if (!/^\d+\.\d+$/.test(version ?? '')) throw new Error('which version?');
const folder = path.join(root, 'test/golden', `engine-${version}`);
rmSync(folder, { recursive: true, force: true });
mkdirSync(folder, { recursive: true });

// More than 1000 live rows, so that searches use the graph; every kind of record, the last after the snapshot.
const dim = 6;
const index = await VectorIndex.create({
  dim,
  metric: 'euclidean',
  path: folder,
  M: 4,
  efConstruction: 40,
  seed: 11,
  label: 'golden é',
});
const range = (n, from, step) => Array.from({ length: n }, (_, i) => from + i * step);
await index.add(noise(900, dim, 1), { keys: range(900, 10, 2) });
await index.remove(range(20, 10, 80));
await index.add(noise(300, dim, 2), { keys: range(300, 9_000, -3) });
await index.rollbackTo(1_180);
await index.update(range(15, 12, 40), noise(15, dim, 3));
await index.tune({ recall: 0.95, k: 10, queries: noise(20, dim, 4) });
await index.save();
await index.add(noise(2, dim, 5), { keys: [2n ** 60n, -5n] });

const queries = noise(8, dim, 6);
const answers = Array.from({ length: 8 }, (_, q) => {
  const query = queries.subarray(q * dim, (q + 1) * dim);
  const exact = index.searchExact(query, 10);
  return { nodes: [...exact.nodes], distances: [...exact.distances] };
});
const rows = [0, 1, 899, 900, 1_179, 1_180, 1_195, 1_196];
const expected = {
  dim,
  label: 'golden é',
  count: index.count,
  liveCount: index.liveCount,
  rows: rows.map((row) => ({
    row,
    key: String(index.keys64Of([row])[0]),
    live: index.rowOf(index.keys64Of([row])[0]) === row,
    vector: [...index.vectors([row])],
  })),
  queries: [...queries],
  answers,
};
await index.close();
rmSync(path.join(folder, 'LOCK'));
writeFileSync(path.join(folder, 'expected.json'), `${JSON.stringify(expected)}\n`);
console.log(`${folder}: ${expected.count} rows, ${expected.liveCount} live`);
