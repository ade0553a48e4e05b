/** Replaces a fifth of the rows in each of six rounds; compares with a fresh build of the same rows. */
import { VectorIndex } from '../../lib/vectors';
import { makeClipLike, Random } from '../clip-like';
import { comparedRows, type BenchOptions } from '../options';
import { rowsOf } from '../engine-index';
import { recall, round } from '../statistics';
import type { SuiteResult } from '../suite';
import { formatTable } from '../table';

const ROUNDS = 6;
const SHARE = 0.2;
const QUERIES = 300;
const EF_SEARCH = 64;
const SEED = 5;
/** Half of the largest size: the set contains rows and replacements. */
const most = (options: BenchOptions): number => Math.min(50_000, comparedRows(options) / 2);

function measure(index: VectorIndex, queries: readonly Float32Array[], k: number) {
  let share = 0;
  let took = 0;
  for (const query of queries) {
    const truth = index.searchExact(query, k).distances;
    const started = performance.now();
    const found = index.search(query, k, { efSearch: EF_SEARCH }).distances;
    took += performance.now() - started;
    share += recall(found, truth);
  }
  return { recall: share / queries.length, ms: took / queries.length };
}

export async function churnSuite(options: BenchOptions): Promise<SuiteResult> {
  const { dim, k, threads } = options;
  const live = Math.floor(most(options));
  const batch = Math.floor(live * SHARE);
  const set = makeClipLike(live + ROUNDS * batch, QUERIES, dim);
  const queries = rowsOf(set.queries, dim);
  const part = (from: number, count: number): Float32Array =>
    set.rows.subarray(from * dim, (from + count) * dim);
  const random = new Random(SEED);
  const keys = Array.from({ length: live }, (_, i) => i);

  await using index = await VectorIndex.create({ dim });
  const started = performance.now();
  await index.add(part(0, live), { threads });
  const buildMsPerRow = (performance.now() - started) / live;
  const rounds = [{ round: 0, addMsPerRow: buildMsPerRow, ...measure(index, queries, k) }];
  for (let turn = 1; turn <= ROUNDS; turn++) {
    const gone = Array.from(
      { length: batch },
      () => keys.splice(random.below(keys.length), 1)[0] ?? -1,
    );
    const from = live + (turn - 1) * batch;
    const fresh = Array.from({ length: batch }, (_, i) => from + i);
    const before = performance.now();
    await index.remove(gone);
    await index.add(part(from, batch), { keys: fresh, threads });
    const addMsPerRow = (performance.now() - before) / batch;
    keys.push(...fresh);
    rounds.push({ round: turn, addMsPerRow, ...measure(index, queries, k) });
  }

  const content = new Float32Array(keys.length * dim);
  for (const [i, key] of keys.entries()) content.set(part(key, 1), i * dim);
  await using again = await VectorIndex.create({ dim });
  const restarted = performance.now();
  await again.add(content, { threads });
  const rebuildMsPerRow = (performance.now() - restarted) / keys.length;
  const rebuilt = { round: 'fresh', addMsPerRow: rebuildMsPerRow, ...measure(again, queries, k) };
  const loss = round((rebuilt.recall - (rounds.at(-1)?.recall ?? 0)) * 100, 3);
  return {
    data: { dim, k, live, batch, seed: SEED, efSearch: EF_SEARCH, rounds, rebuilt, loss },
    tables: [
      formatTable(
        `churn: ${live} live rows, ${ROUNDS} times ${SHARE * 100} % replaced, efSearch ${EF_SEARCH}; ` +
          `${loss} points of recall below a fresh build`,
        ['round', 'recall', 'search ms', 'replace ms/row'],
        [...rounds, rebuilt].map((row) => [
          ...[String(row.round), row.recall.toFixed(4), round(row.ms), round(row.addMsPerRow)],
        ]),
      ),
    ],
  };
}
