/**
 * Search of the 2 % of the rows that a metadata filter lets pass, written out at each search, beside the same
 * rows as a compiled filter and as a bitset of the caller's; and what the first filter of a field costs.
 * The passes of the three take turns, so that a load of the machine falls on all of them.
 */
import { VectorIndex, type Filter, type MetadataFilter } from '../../lib/vectors';
import { median } from '../curves';
import { comparedRows, type BenchOptions } from '../options';
import { makeClipLike, Random } from '../clip-like';
import { round } from '../statistics';
import type { SuiteResult } from '../suite';
import { formatTable } from '../table';

const SEED = 98;
const QUERIES = 200;
/** Processor time of a pass. */
const PASS_US = 200_000;
const GROUPS = 50;

const FILTERS: Record<string, MetadataFilter> = {
  'one field': { group: 7 },
  'three fields': { group: { in: [7, 8, 9, 10] }, isPublic: true, lang: { ne: 'fr' } },
};

function metadataOf(rows: number): { group: number; isPublic: boolean; lang: string }[] {
  const random = new Random(SEED);
  return Array.from({ length: rows }, () => ({
    group: Math.floor(random.unit() * GROUPS),
    isPublic: random.unit() < 0.4,
    lang: ['en', 'de', 'fr'][Math.floor(random.unit() * 3)] as string,
  }));
}

function spentSince(before: NodeJS.CpuUsage): number {
  const { user, system } = process.cpuUsage(before);
  return user + system;
}

/** Microseconds of processor time a search. */
function passOf(queries: readonly Float32Array[], search: (query: Float32Array) => void): number {
  const before = process.cpuUsage();
  let spent = 0;
  let rounds = 0;
  for (; spent < PASS_US; rounds++) {
    for (const query of queries) search(query);
    spent = spentSince(before);
  }
  return spent / (rounds * queries.length);
}

export async function metadataSuite(options: BenchOptions): Promise<SuiteResult> {
  const { k, dim, repeat } = options;
  const rows = comparedRows(options);
  const { rows: base, queries: flat } = makeClipLike(rows, QUERIES, dim, SEED);
  const queries = Array.from({ length: QUERIES }, (_, i) => flat.slice(i * dim, (i + 1) * dim));
  await using index = await VectorIndex.create({ dim });
  await index.add(base, { metadata: metadataOf(rows), threads: options.threads });
  const results = Object.entries(FILTERS).map(([name, filter]) => {
    const started = process.cpuUsage();
    const compiled = index.compileFilter(filter);
    const first = spentSince(started);
    const again = process.cpuUsage();
    // Another text of the same fields: their columns are there.
    index.compileFilter({ and: [filter, { group: { gte: 0 } }] });
    const next = spentSince(again);
    const matches = compiled.reduce(
      (sum, byte) => sum + (byte.toString(2).match(/1/g)?.length ?? 0),
      0,
    );
    const ways: Record<string, Filter> = { bitset: compiled.slice(), compiled, metadata: filter };
    const times: Record<string, number[]> = {};
    for (let turn = -1; turn < repeat; turn++) {
      for (const [way, given] of Object.entries(ways)) {
        const us = passOf(queries, (query) => void index.search(query, k, { filter: given }));
        if (turn >= 0) (times[way] ??= []).push(us);
      }
    }
    const us = (way: string): number => median(times[way] ?? []);
    return {
      name,
      share: round(matches / rows, 4),
      bitsetUs: round(us('bitset'), 3),
      compiledUs: round(us('compiled'), 3),
      metadataUs: round(us('metadata'), 3),
      toBitset: round(us('metadata') / us('bitset'), 3),
      toCompiled: round(us('metadata') / us('compiled'), 3),
      firstUsPerRow: round(first / rows, 3),
      nextUsPerRow: round(next / rows, 4),
    };
  });
  return {
    data: { rows, dim, k, seed: SEED, queries: QUERIES, results },
    tables: [
      formatTable(
        `metadata: ${rows} rows of ${dim}, microseconds of processor time a search, k ${k}`,
        [
          'filter',
          'share',
          'bitset',
          'compiled',
          'metadata',
          'to bitset',
          'to compiled',
          'first us/row',
          'next us/row',
        ],
        results.map((r) => [
          r.name,
          `${round(r.share * 100, 2)} %`,
          r.bitsetUs,
          r.compiledUs,
          r.metadataUs,
          r.toBitset,
          r.toCompiled,
          r.firstUsPerRow,
          r.nextUsPerRow,
        ]),
      ),
    ],
  };
}
