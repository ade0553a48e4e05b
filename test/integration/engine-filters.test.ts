/** Filters must not lie: not after rows came, went or were renumbered, and not by what predicates return. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { VectorIndex, type Filter } from '../../lib/engine';
import { codeOf } from '../helpers/errors';
import { noise } from '../helpers/vectors';

const SEED = 20_261_129;
const DIM = 12;
const N = 3_000;
console.log(`seed ${SEED}`);

/** Two tenants: even keys and odd ones. */
async function twoTenants(): Promise<{ index: VectorIndex; query: Float32Array }> {
  const index = await VectorIndex.create({ dim: DIM, metric: 'euclidean' });
  await index.add(noise(N, DIM, SEED));
  return { index, query: noise(1, DIM, SEED + 1) };
}

const isEven = (key: number): boolean => key % 2 === 0;
const evenKeys = Array.from({ length: N }, (_, key) => key).filter(isEven);

async function everyAnswer(index: VectorIndex, query: Float32Array, filter: Filter, k = 10) {
  const batch = await index.searchBatch(query, k, { filter });
  return [
    index.search(query, k, { filter }).keys,
    index.searchExact(query, k, { filter }).keys,
    (await index.searchAsync(query, k, { filter })).keys,
    batch.keys.slice(0, batch.counts[0]),
  ];
}

test('a compiled filter stays right when rows come, go, change and are renumbered', async () => {
  const { index, query } = await twoTenants();
  for (const filter of [index.compileFilter(isEven), index.compileFilter(evenKeys)]) {
    const check = async (what: string, also: readonly number[] = []): Promise<void> => {
      for (const keys of await everyAnswer(index, query, filter)) {
        assert.is(keys.length, 10, what);
        assert.ok(keys.every(isEven), `${what}: ${keys.join()}`);
        for (const key of also) assert.ok(keys.includes(key), `${what}: ${key} is missing`);
      }
    };
    await check('as compiled');
    await index.remove([0, 1, 2, 3]);
    await index.compact();
    await check('after compact()');
    // Their new vectors are the nearest of all.
    await index.update([4, 5], Float32Array.from([...query, ...query]));
    await check('after update()', [4]);
    const before = index.count;
    await index.add(query, { keys: [0] });
    await check('after add()', [0, 4]);
    await index.rollbackTo(before);
    await index.add(query, { keys: [1] });
    await check('after rollbackTo()', [4]);
    await index.remove([1, 4, 5]);
    await index.add(noise(5, DIM, SEED + 2), { keys: [0, 1, 2, 3, 4] });
    await index.add(noise(1, DIM, SEED + 3), { keys: [5] });
  }
  await index.close();
});

test('keys that a compiled predicate has not seen are asked for', async () => {
  const { index, query } = await twoTenants();
  const filter = index.compileFilter(isEven);
  await index.add(Float32Array.from([...query, ...query]), { keys: [N, N + 1] });
  for (const keys of await everyAnswer(index, query, filter)) {
    assert.is(keys[0], N);
    assert.not.ok(keys.includes(N + 1));
  }
  await index.close();
});

test('bits of rows that were renumbered or given up are refused, until they are compiled again', async () => {
  const { index, query } = await twoTenants();
  const bits = new Uint8Array(N / 8).fill(0x55);
  const changed = index.compileFilter(evenKeys);
  changed[0] = 0x14;
  const compiledBits = index.compileFilter(bits);
  for (const filter of [bits, changed, compiledBits]) {
    assert.ok(index.search(query, 10, { filter }).keys.every(isEven));
  }
  await index.remove([0]);
  await index.compact();
  for (const filter of [bits, changed, compiledBits]) {
    for (const search of [
      () => index.search(query, 10, { filter }),
      () => index.searchExact(query, 10, { filter }),
      () => index.searchAsync(query, 10, { filter }),
      () => index.searchBatch(query, 10, { filter }),
    ]) {
      assert.is(await codeOf(search), 'ERR_FILTER_STALE');
    }
  }
  // Row 0 has key 1 now.
  const again = index.compileFilter(bits);
  assert.ok(index.search(query, 10, { filter: again }).keys.every((key) => !isEven(key)));
  await index.rollbackTo(index.count - 8);
  assert.is(await codeOf(() => index.search(query, 10, { filter: again })), 'ERR_FILTER_STALE');
  await index.close();
});

test('a filter of another index is refused', async () => {
  const { index, query } = await twoTenants();
  const { index: other } = await twoTenants();
  for (const filter of [
    other.compileFilter(isEven),
    other.compileFilter([1]),
    other.compileFilter(new Uint8Array(4)),
  ]) {
    assert.is(await codeOf(() => index.search(query, 10, { filter })), 'ERR_FILTER_STALE');
    assert.is(await codeOf(() => index.compileFilter(filter)), 'ERR_FILTER_STALE');
  }
  await index.close();
  await other.close();
});

test('what a predicate returns is an answer or an error', async () => {
  const { index, query } = await twoTenants();
  const run = (predicate: (key: number) => unknown) =>
    index.search(query, 10, { filter: predicate as (key: number) => boolean });
  const keysOf = (predicate: (key: number) => unknown) => [...run(predicate).keys];
  const right = keysOf(isEven);
  assert.equal(
    keysOf((key) => 1 - (key % 2)),
    right,
  );
  assert.equal(
    keysOf((key) => (key % 2 === 0 ? 0.5 : NaN)),
    right,
  );
  assert.equal(
    keysOf((key) => (key % 2 === 0 ? true : undefined)),
    right,
  );
  assert.equal(
    keysOf((key) => (key % 2 === 0 ? true : null)),
    right,
  );
  const wrong: ((key: number) => unknown)[] = [
    async () => Promise.reject(new Error('seen by nobody')),
    (key) => Promise.resolve(isEven(key)),
    (key) => ({ then: (done: (value: boolean) => void) => done(isEven(key)) }),
    function* () {
      yield true;
    },
    () => 'false',
    () => ({}),
    () => () => true,
    () => 0n,
    () => Symbol('yes'),
  ];
  for (const predicate of wrong) {
    assert.is(await codeOf(() => run(predicate)), 'ERR_ARG_TYPE');
    assert.is(await codeOf(() => index.compileFilter(predicate as () => boolean)), 'ERR_ARG_TYPE');
  }
  class Mine extends Error {}
  const throws = (): boolean => {
    throw new Mine();
  };
  assert.throws(
    () => run(throws),
    (error: unknown) => error instanceof Mine,
  );
  const asks = (key: number): boolean => isEven(key) && index.search(query, 1).keys.length === 1;
  assert.equal(keysOf(asks), right);
  await index.close();
});

test('a predicate is asked once for each live key, and for large keys by bigint', async () => {
  const index = await VectorIndex.create({ dim: DIM, metric: 'euclidean' });
  const large = [2n ** 60n, 2n ** 60n + 1n, -(2n ** 61n), 7n];
  await index.add(noise(4, DIM, SEED), { keys: large });
  await index.update([7n], noise(1, DIM, SEED + 1));
  await index.remove([2n ** 60n + 1n]);
  const asked: unknown[] = [];
  index.compileFilter((key) => asked.push(key) > 0);
  assert.equal(asked, [2n ** 60n, -(2n ** 61n), 7]);
  const query = noise(1, DIM, SEED + 2);
  const filter = (key: number | bigint): boolean => key === 2n ** 60n;
  const found = index.search(query, 5, {
    filter: filter as (key: number) => boolean,
    keys64: true,
  });
  assert.equal([...(found.keys64 ?? [])], [2n ** 60n]);
  await index.close();
});

test('keys may be a Set, stand twice or be unknown; a Map, an iterator or mixed keys are refused', async () => {
  const { index, query } = await twoTenants();
  const expected = [...index.searchExact(query, 3, { filter: [4, 8, 15] }).keys];
  const forms: Filter[] = [
    new Set([4, 8, 15]),
    new Set([4n, 8n, 15n]),
    [4, 8, 15, 8, 4, 123_456_789, -1],
    [4n, 8n, 15n],
    Float64Array.of(4, 8, 15),
    BigInt64Array.of(4n, 8n, 15n),
  ];
  for (const filter of forms) {
    for (const keys of await everyAnswer(index, query, filter, 3))
      assert.equal([...keys], expected);
  }
  const refused: unknown[] = [
    new Map([[4, true]]),
    [4, 8].values(),
    [4, 8n],
    [1.5],
    ['4'],
    [Promise.resolve(4)],
    Uint32Array.of(4, 8),
    '4',
    4,
    null,
    {},
  ];
  for (const filter of refused) {
    const code = await codeOf(() => index.search(query, 3, { filter: filter as Filter }));
    assert.ok(code === 'ERR_ARG_TYPE' || code === 'ERR_ARG_RANGE', code);
  }
  await index.close();
});

test('searches beside updates never miss a key of their filter', async () => {
  const { index, query } = await twoTenants();
  const keys = [10, 20, 30, 40, 50];
  const filter = index.compileFilter(keys);
  let isDone = false;
  const updates = (async () => {
    for (let round = 0; round < 60; round++) await index.update(keys, noise(5, DIM, SEED + round));
    isDone = true;
  })();
  let searches = 0;
  while (!isDone || searches < 20) {
    const [found, batch] = await Promise.all([
      index.searchAsync(query, 10, { filter: keys }),
      index.searchBatch(query, 10, { filter }),
    ]);
    assert.equal([...found.keys].sort(), keys);
    assert.equal([...batch.keys.slice(0, batch.counts[0])].sort(), keys);
    searches++;
  }
  await updates;
  await index.close();
});

test.run();
