/** Metadata filters: 100,000 rows of generated metadata against brute force, changes, and wrong filters. */
import path from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { VectorIndex, type Metadata, type MetadataFilter } from '../../lib/engine';
import { codeOf, errorOf } from '../helpers/errors';
import { makeTempDir } from '../helpers/temp';
import { noise, randomOf } from '../helpers/vectors';

const SEED = 71;
const DIM = 4;
const ROWS = 100_000;
console.log(`seed ${SEED}`);

const LANGS = ['de', 'en', 'fr', 'it', 'Ünicode', ''];

/** Every kind of value in every field, fields that are missing, arrays, objects. */
function generated(n: number, seed: number): (Metadata | undefined)[] {
  const random = randomOf(seed);
  const pick = <T>(values: readonly T[]): T => values[Math.floor(random() * values.length)] as T;
  return Array.from({ length: n }, (_, i) => {
    if (random() < 0.02) return undefined;
    return {
      ...(random() < 0.9 ? { year: 1950 + Math.floor(random() * 75) } : {}),
      ...(random() < 0.95 ? { lang: pick(LANGS) } : { lang: null }),
      ...(random() < 0.5 ? { isPublic: random() < 0.3 } : {}),
      mixed: pick([1, '1', true, null, 'x', 2.5, [1, 'x'], { a: 1 }, []]),
      tags: Array.from({ length: Math.floor(random() * 4) }, () => pick(['a', 'b', 'c', 'd'])),
      camera: { make: pick(['Leica', 'Nikon']), lens: { mm: pick([35, 50, 85]) } },
      items: [{ price: Math.floor(random() * 10) }, { price: Math.floor(random() * 100) }],
      ...(i % 50 === 0 ? { rare: i } : {}),
    };
  });
}

/** The rules of the guide, once more and otherwise: values found by walking, compared one by one. */
function valuesAt(value: unknown, names: readonly string[]): unknown[] {
  if (names.length === 0) {
    return Array.isArray(value) && value.length > 0 ? (value as unknown[]) : [value];
  }
  if (Array.isArray(value)) return value.flatMap((one) => valuesAt(one, names));
  const [name = '', ...rest] = names;
  if (typeof value !== 'object' || value === null || !Object.hasOwn(value, name)) return [];
  return valuesAt((value as Record<string, unknown>)[name], rest);
}

function isMatch(metadata: Metadata | undefined, filter: MetadataFilter): boolean {
  return Object.entries(filter).every(([key, wanted]): boolean => {
    if (key === 'and') return (wanted as MetadataFilter[]).every((f) => isMatch(metadata, f));
    if (key === 'or') return (wanted as MetadataFilter[]).some((f) => isMatch(metadata, f));
    if (key === 'not') return !isMatch(metadata, wanted as MetadataFilter);
    const values = metadata === undefined ? [] : valuesAt(metadata, key.split('.'));
    const isObject = typeof wanted === 'object' && wanted !== null;
    const operators = isObject ? (wanted as Record<string, unknown>) : { eq: wanted };
    return Object.entries(operators).every(([op, than]): boolean => {
      const some = (test: (value: never) => boolean) => values.some((v) => test(v as never));
      const sameType = (v: unknown) => typeof v === typeof than;
      if (op === 'eq') return some((v) => v === than);
      if (op === 'ne') return !some((v) => v === than);
      if (op === 'in') return some((v) => (than as unknown[]).includes(v));
      if (op === 'notIn') return !some((v) => (than as unknown[]).includes(v));
      if (op === 'exists') return values.length > 0 === than;
      if (op === 'lt') return some((v) => sameType(v) && v < (than as never));
      if (op === 'lte') return some((v) => sameType(v) && v <= (than as never));
      if (op === 'gt') return some((v) => sameType(v) && v > (than as never));
      if (op === 'gte') return some((v) => sameType(v) && v >= (than as never));
      throw new Error(`no ${op} in the test`);
    });
  });
}

const FILTERS: MetadataFilter[] = [
  { year: 2000 },
  { year: { gt: 2000 } },
  { year: { gte: 1990, lt: 2000 }, lang: 'en' },
  { year: { ne: 2000 } },
  { year: { notIn: [2000, 2001, '2002'] } },
  { year: { exists: false } },
  { year: { lte: Infinity } },
  { year: { gt: Infinity } },
  { year: { gte: -Infinity } },
  { lang: { in: ['de', 'fr', 'none'] } },
  { lang: { gt: 'en' } },
  { lang: { lte: 'fr' } },
  { lang: null },
  { lang: '' },
  { isPublic: true },
  { isPublic: { ne: true } },
  { isPublic: { in: [false, null] } },
  { mixed: 1 },
  { mixed: '1' },
  { mixed: { gt: 0 } },
  { mixed: { gt: '' } },
  { mixed: { in: [1, '1', true, null] } },
  { mixed: { exists: true } },
  { tags: 'a' },
  { tags: { in: ['a', 'b'] }, not: { tags: 'c' } },
  { tags: { ne: 'a' } },
  { 'camera.make': 'Leica', 'camera.lens.mm': { gte: 50 } },
  { camera: { exists: true } },
  { camera: 'Leica' },
  { 'items.price': { gt: 95 } },
  { or: [{ year: { lt: 1960 } }, { rare: { gt: 50_000 } }] },
  { and: [{ or: [{ lang: 'de' }, { lang: 'it' }] }, { not: { isPublic: false } }] },
  { or: [] },
  { not: { and: [{ year: { gt: 1960 } }, { tags: 'd' }] } },
  { nowhere: 1 },
  { nowhere: { ne: 1 } },
];

function rowsIn(bits: Uint8Array, count: number): number[] {
  return Array.from({ length: count }, (_, row) => row).filter(
    (row) => ((bits[row >> 3] as number) >> (row & 7)) & 1,
  );
}

test('100,000 rows: each filter matches what brute force matches, also after changes and opening', async () => {
  const folder = path.join(makeTempDir(), 'index');
  const random = randomOf(SEED + 1);
  const wanted = generated(ROWS, SEED);
  const check = (index: VectorIndex, filters: readonly MetadataFilter[]): void => {
    const live = wanted.map((_, row) => row);
    for (const filter of filters) {
      const truth = live.filter((row) => isMatch(wanted[row], filter));
      const found = rowsIn(index.compileFilter(filter), index.count);
      assert.is(found.length, truth.length, JSON.stringify(filter));
      assert.ok(
        found.every((row, i) => row === truth[i]),
        JSON.stringify(filter),
      );
      const query = noise(1, DIM, SEED + 5);
      const hits = index.searchExact(query, 10, { filter });
      assert.is(hits.nodes.length, Math.min(10, truth.length));
      const allowed = new Set(truth);
      assert.ok(hits.nodes.every((row) => allowed.has(row)));
    }
  };
  {
    await using index = await VectorIndex.create({
      dim: DIM,
      metric: 'euclidean',
      path: folder,
      M: 4,
      efConstruction: 10,
    });
    const half = ROWS / 2;
    const vectors = noise(ROWS, DIM, SEED);
    await index.add(vectors.subarray(0, half * DIM), { metadata: wanted.slice(0, half) });
    const first = wanted.splice(half);
    check(index, FILTERS.slice(0, 5));
    wanted.push(...first);
    await index.add(vectors.subarray(half * DIM), { metadata: wanted.slice(half) });
    check(index, FILTERS);
    // Other metadata for rows that were read already.
    const keys = Array.from({ length: 2000 }, (_, i) => i * 37);
    const fresh = generated(keys.length, SEED + 2);
    await index.setMetadata(keys, fresh);
    keys.forEach((key, i) => (wanted[key] = fresh[i]));
    check(
      index,
      FILTERS.filter(() => random() < 0.4),
    );
  }
  await using reader = await VectorIndex.open(folder, { readOnly: true });
  check(
    reader,
    FILTERS.filter(() => random() < 0.4),
  );
});

test('a filter follows updates, removals, rollbacks and compactions, compiled or not', async () => {
  await using index = await VectorIndex.create({ dim: DIM, metric: 'euclidean' });
  const filter: MetadataFilter = { color: 'red' };
  const red = { metadata: [{ color: 'red' }] };
  await index.add(noise(30, DIM, SEED), {
    metadata: Array.from({ length: 30 }, (_, i) => ({ color: i % 3 === 0 ? 'red' : 'blue' })),
  });
  const compiled = index.compileFilter(filter);
  const keys = (): number[] => {
    const query = noise(1, DIM, SEED);
    const given = [...index.search(query, 50, { filter }).keys].sort((a, b) => a - b);
    const kept = [...index.search(query, 50, { filter: compiled }).keys].sort((a, b) => a - b);
    assert.equal(kept, given);
    return given;
  };
  const thirds = [0, 3, 6, 9, 12, 15, 18, 21, 24, 27];
  assert.equal(keys(), thirds);
  await index.update([1], noise(1, DIM, 1), red);
  assert.equal(keys(), [0, 1, ...thirds.slice(1)]);
  await index.remove([0]);
  assert.equal(keys(), [1, ...thirds.slice(1)]);
  await index.add(noise(1, DIM, 2), { keys: [100], ...red });
  assert.equal(keys(), [1, ...thirds.slice(1), 100]);
  await index.rollbackTo(index.count - 1);
  assert.equal(keys(), [1, ...thirds.slice(1)]);
  // The number of the row that was dropped, with other metadata.
  await index.add(noise(1, DIM, 3), { keys: [101], metadata: [{ color: 'blue' }] });
  assert.equal(keys(), [1, ...thirds.slice(1)]);
  await index.setMetadata([101, 3], [{ color: ['blue', 'red'] }, null]);
  assert.equal(keys(), [1, ...thirds.slice(2), 101]);
  await index.compact();
  assert.equal(keys(), [1, ...thirds.slice(2), 101]);
  await index.add(noise(1, DIM, 4), { keys: [102], ...red });
  assert.equal(keys(), [1, ...thirds.slice(2), 101, 102]);
  await using other = await VectorIndex.create({ dim: DIM });
  const stale = () => other.search(noise(1, DIM, 1), 1, { filter: compiled });
  assert.is(await codeOf(stale), 'ERR_FILTER_STALE');
});

test('searches beside writes are filtered by what is there', async () => {
  await using index = await VectorIndex.create({ dim: DIM, metric: 'euclidean' });
  await index.add(noise(2000, DIM, SEED), {
    metadata: Array.from({ length: 2000 }, (_, i) => ({ n: i % 10, even: i % 2 === 0 })),
  });
  let isDone = false;
  let turns = 0;
  const searching = (async () => {
    while (!isDone) {
      const filter = { even: true, n: { lt: 6 } };
      for (const hits of [
        index.search(noise(1, DIM, turns), 20, { filter, metadata: true }),
        await index.searchAsync(noise(1, DIM, turns), 20, { filter, metadata: true }),
      ]) {
        assert.is(hits.nodes.length, 20);
        for (const one of hits.metadata ?? []) {
          assert.ok(one?.['even'] === true && (one['n'] as number) < 6);
        }
      }
      turns++;
    }
  })();
  for (let round = 0; round < 25; round++) {
    const metadata = Array.from({ length: 50 }, (_, i) => ({ n: i % 10, even: i % 2 === 0 }));
    await index.add(noise(50, DIM, round), {
      keys: Array.from({ length: 50 }, (_, i) => 10_000 + 50 * round + i),
      metadata,
    });
    if (round % 3 === 0) await index.rollbackTo(index.count - 25);
    if (round % 10 === 9) await index.compact();
  }
  isDone = true;
  await searching;
  assert.ok(turns > 0);
});

test('wrong filters are refused, and say what was meant', async () => {
  await using index = await VectorIndex.create({ dim: DIM });
  await index.add(noise(1, DIM, SEED), { metadata: [{ a: 1 }] });
  const query = noise(1, DIM, SEED);
  const search = (filter: unknown) => () => index.search(query, 1, { filter: filter as never });
  const suggestions: [unknown, string][] = [
    [{ a: { $gt: 1 } }, 'gt'],
    [{ a: { nin: [1] } }, 'notIn'],
    [{ a: { '>=': 1 } }, 'gte'],
    [{ a: { GT: 1 } }, 'gt'],
    [{ a: { exist: true } }, 'exists'],
    [{ $and: [{ a: 1 }] }, 'and'],
  ];
  for (const [filter, meant] of suggestions) {
    const error = await errorOf(search(filter));
    assert.is(error.code, 'ERR_ARG_TYPE');
    assert.is(error.details['suggestion'], meant, error.message);
  }
  const cyclic: Record<string, unknown> = {};
  cyclic['not'] = cyclic;
  const many = { and: Array.from({ length: 1001 }, () => ({ a: 1 })) };
  const cases: [string, unknown][] = [
    ['ERR_ARG_TYPE', {}],
    ['ERR_ARG_TYPE', { a: undefined }],
    ['ERR_ARG_TYPE', { and: [{}] }],
    ['ERR_ARG_TYPE', { a: {} }],
    ['ERR_ARG_TYPE', { a: [1, 2] }],
    ['ERR_ARG_TYPE', { a: { in: 'abc' } }],
    ['ERR_ARG_TYPE', { a: { in: [[1]] } }],
    ['ERR_ARG_TYPE', { a: { gt: true } }],
    ['ERR_ARG_TYPE', { a: { gt: null } }],
    ['ERR_ARG_TYPE', { a: { exists: 1 } }],
    ['ERR_ARG_TYPE', { a: 1n }],
    ['ERR_ARG_TYPE', { a: () => true }],
    ['ERR_ARG_TYPE', { a: new Date() }],
    ['ERR_ARG_TYPE', { and: { a: 1 } }],
    ['ERR_ARG_TYPE', { not: [{ a: 1 }] }],
    ['ERR_ARG_TYPE', new Map([['a', 1]])],
    ['ERR_ARG_TYPE', new Date()],
    ['ERR_ARG_RANGE', { a: NaN }],
    ['ERR_ARG_RANGE', { a: { in: [Infinity] } }],
    ['ERR_ARG_RANGE', { a: { in: new Array(100_001).fill(1) } }],
    ['ERR_ARG_RANGE', cyclic],
    ['ERR_ARG_RANGE', many],
  ];
  for (const [code, filter] of cases) assert.is(await codeOf(search(filter)), code);
});

test('filters that look alike and differ are told apart, and getters are read once', async () => {
  await using index = await VectorIndex.create({ dim: DIM, metric: 'euclidean' });
  await index.add(noise(4, DIM, SEED), {
    metadata: [{ a: null }, { a: 1 }, { a: '1' }, { a: 'null' }],
  });
  const query = noise(1, DIM, SEED);
  const rows = (filter: unknown): number[] =>
    [...index.search(query, 5, { filter: filter as never }).nodes].sort();
  assert.equal(rows({ a: null }), [0]);
  assert.is(await codeOf(() => rows({ a: NaN })), 'ERR_ARG_RANGE');
  assert.is(await codeOf(() => rows({ a: { in: [undefined] } })), 'ERR_ARG_TYPE');
  assert.equal(rows({ a: { in: [null] } }), [0]);
  assert.equal(rows({ a: 1 }), [1]);
  assert.equal(rows({ a: '1' }), [2]);
  assert.equal(rows({ a: 'null' }), [3]);
  assert.equal(rows({ a: { gt: 0 } }), [1]);
  assert.equal(rows({ a: { gt: '0' } }), [2, 3]);
  assert.is(await codeOf(() => rows({ a: new Date(0) })), 'ERR_ARG_TYPE');
  class Wanted {
    a = 1;
  }
  assert.equal(rows(new Wanted()), [1]);
  let reads = 0;
  const getter = {
    get a() {
      return ++reads;
    },
  };
  assert.equal(rows(getter), [1]);
  assert.is(reads, 1);
  let shared: unknown = { a: 1 };
  for (let i = 0; i < 30; i++) shared = { or: [shared, shared] };
  assert.is(await codeOf(() => rows(shared)), 'ERR_ARG_RANGE');
  const long = { a: { in: Array.from({ length: 20_000 }, (_, i) => `value ${i}`).concat('1') } };
  assert.equal(rows(long), [2]);
});

test('a stranger who names many fields fills no memory: columns and filters are given up', async () => {
  await using index = await VectorIndex.create({ dim: DIM });
  await index.add(noise(50, DIM, SEED), {
    metadata: Array.from({ length: 50 }, (_, i) => ({ [`f${i}`]: i, n: i })),
  });
  const query = noise(1, DIM, SEED);
  for (let i = 0; i < 500; i++) {
    const hits = index.search(query, 5, { filter: { [`f${i}`]: { exists: true } } });
    assert.is(hits.nodes.length, i < 50 ? 1 : 0);
  }
  const { core } = index as unknown as {
    core: { expressions: Map<string, unknown>; columns: { columns: Map<string, unknown> } };
  };
  assert.ok(core.expressions.size <= 64);
  assert.ok(core.columns.columns.size <= 64);
});

test.run();
