/**
 * Recall does not depend on how rows are spread, how they came, or what was done to the index since:
 * every storage finds what hnswlib finds with the same M, efConstruction and efSearch.
 */
import path from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { drawDistributions, labelOf, type Distribution } from '../../bench/distributions';
import {
  askEngine,
  askHnswlib,
  DistributionJudge,
  recallOfEngine,
  type PeerAnswer,
  SETTINGS,
} from '../../bench/peers/on-distribution';
import { VectorIndex, type Storage } from '../../lib/engine';
import { isLong } from '../helpers/campaign';
import { makeTempDir } from '../helpers/temp';

/** The least that row codes are made for is 4,096. */
const ROWS = 4_200;
const QUERIES = 100;
const ALLOWED = 0.01;
/** Where there is no hnswlib to compare with: what it found, less 0.02. */
const FLOORS: Readonly<Record<string, number>> = {
  'tight clusters, sorted, 64-d, cosine': 0.97,
  'loose clusters, sorted, 64-d, euclidean': 0.98,
  'scenes, sorted, 128-d, cosine': 0.98,
  'one row of 1e8, 32-d, euclidean': 0.95,
  '1 % of rows at 1e3, 32-d, euclidean': 0.95,
  'power-law norms, 64-d, euclidean': 0.88,
  'power-law norms, 64-d, dot': 0.96,
  '50 rows, copied, 64-d, cosine': 0.92,
  'integers 0 to 7, 16-d, euclidean': 0.98,
  'one-hot, 96-d, euclidean': 0.98,
  'one-hot, 96-d, cosine': 0.98,
  'gauss, 3-d, cosine': 0.98,
  'gauss, 31-d, cosine': 0.95,
  'gauss, 31-d, euclidean': 0.97,
};
/**
 * Further below hnswlib than is allowed, and by how much, as docs/PERFORMANCE.md says: codes that pass
 * for good enough with rows as queries, and lose 0.01 to 0.03 with others.
 */
const EXCEPTIONS: Readonly<Record<string, number>> = {
  'power-law norms, 64-d, euclidean: inline': 0.01,
  'integers 0 to 7, 16-d, euclidean: inline': 0.01,
};
const STORAGES: readonly Storage[] = ['f32', 'f16', 'i8', 'i4', 'inline'];
/** A minute's worth; the bench suite `distributions` has all. */
const isTaken = (label: string): boolean =>
  !/shuffled|tighter| [12]-d|uniform|[0-9]{3}-d/.test(label) || label.startsWith('scenes');
/** `f32` and one of the others, in turn, so that each storage meets several kinds of spread. */
const storagesOf = (spread: number): readonly Storage[] =>
  isLong ? STORAGES : STORAGES.filter((_, i) => i === 0 || i === 1 + (spread % 4));
const isChosen = (label: string): boolean => /tight .*sorted|scenes|1e8/.test(label);

test('recall on every distribution, in every storage, is not below hnswlib', async () => {
  const folder = path.join(makeTempDir(), 'set');
  const failures: string[] = [];
  let hasPeer = true;
  let spread = 0;
  for (const set of drawDistributions(ROWS, QUERIES, isTaken)) {
    const judge = new DistributionJudge(set);
    const peer: PeerAnswer | undefined = hasPeer
      ? await askHnswlib(set, judge, folder, 1)
      : undefined;
    if (hasPeer && peer === undefined) console.log('no hnswlib: compared with what it found once');
    hasPeer = peer !== undefined;
    const floor = peer === undefined ? (FLOORS[labelOf(set)] ?? 1) : peer.recall - ALLOWED;
    const line = [];
    for (const storage of storagesOf(spread++)) {
      const { recall, codes } = await askEngine(set, storage, judge, 1);
      line.push(`${storage} ${recall.toFixed(3)}${codes.used ? '' : ' (rows)'}`);
      if (recall < floor - (EXCEPTIONS[`${labelOf(set)}: ${storage}`] ?? 0)) {
        failures.push(`${labelOf(set)}: ${storage} ${recall}, floor ${floor}`);
      }
    }
    console.log(`${labelOf(set)}: ${line.join(', ')}; floor ${floor.toFixed(3)}`);
  }
  assert.equal(failures, []);
});

async function build(set: Distribution, rowsPerCall: number, folder?: string) {
  const { dim, metric } = set;
  const { M, efConstruction } = SETTINGS;
  const where = folder === undefined ? {} : { path: folder };
  const index = await VectorIndex.create({ dim, metric, M, efConstruction, ...where });
  for (let at = 0; at < set.rows.length; at += rowsPerCall * dim) {
    // One thread: the same graph every time.
    await index.add(set.rows.slice(at, at + rowsPerCall * dim), { threads: 1 });
  }
  return index;
}

test('many calls, a compaction and a reopening change nothing', async () => {
  for (const set of drawDistributions(ROWS, QUERIES, isChosen)) {
    const judge = new DistributionJudge(set);
    const folder = path.join(makeTempDir(), 'index');
    const whole = await build(set, ROWS, folder);
    const once = await recallOfEngine(whole, judge, set);
    const parts = await build(set, 100);
    const inParts = await recallOfEngine(parts, judge, set);
    await parts.close();
    // A row that is gone makes the compaction write all of it again, with the others' numbers kept.
    await whole.add(set.rows.slice(0, set.dim), { keys: [ROWS] });
    await whole.remove([ROWS]);
    await whole.compact();
    const compacted = await recallOfEngine(whole, judge, set);
    await whole.close();
    await using again = await VectorIndex.open(folder);
    const reopened = await recallOfEngine(again, judge, set);
    const figures = { once, inParts, compacted, reopened };
    console.log(labelOf(set), figures);
    for (const [name, recall] of Object.entries(figures)) {
      assert.ok(recall >= once - ALLOWED, `${labelOf(set)}: ${name} ${recall}, once ${once}`);
    }
  }
});

test('stats say which codes are used, and why not', async () => {
  const dim = 8;
  const rows = Float32Array.from({ length: 5_000 * dim }, (_, i) => Math.sin(i * i * 0.37));
  await using plain = await VectorIndex.create({ dim });
  assert.equal(plain.stats().codes, {
    kind: null,
    used: false,
    reason: 'storage f32 has none',
  });
  await using coded = await VectorIndex.create({ dim, storage: 'i8' });
  await coded.add(rows.slice(0, 100 * dim));
  assert.equal(coded.stats().codes, { kind: 'i8', used: false, reason: 'too few rows' });
  await coded.add(rows.slice(100 * dim));
  assert.equal(coded.stats().codes, { kind: 'i8', used: true, reason: 'used' });
  await using inline = await VectorIndex.create({ dim, storage: 'inline' });
  const copies = new Float32Array(5_000 * dim);
  for (let at = 0; at < copies.length; at += dim) {
    copies.set(rows.subarray(0, dim), at);
  }
  await inline.add(copies);
  assert.equal(inline.stats().codes.used, false);
  assert.equal(inline.stats().codes.reason, 'copies crowd the lists');
});

test.run();
