/** String keys: every method takes and gives strings, in memory, in a folder and after opening again. */
import path from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { VectorIndex } from '../../lib/engine';
import { codeOf, errorOf } from '../helpers/errors';
import { makeTempDir } from '../helpers/temp';
import { noise } from '../helpers/vectors';

const SEED = 41;
const DIM = 8;
console.log(`seed ${SEED}`);

const names = (n: number, from = 0): string[] =>
  Array.from({ length: n }, (_, i) => `doc/${from + i} ${'ü'.repeat((from + i) % 7)}`);

async function sample(folder?: string): Promise<VectorIndex<string>> {
  const index = await VectorIndex.create({
    dim: DIM,
    metric: 'euclidean',
    keyType: 'string',
    ...(folder === undefined ? {} : { path: folder }),
  });
  await index.add(noise(100, DIM, SEED), { keys: names(100) });
  return index;
}

const rowOfSeed = (row: number, seed = SEED): Float32Array =>
  noise(row + 1, DIM, seed).subarray(row * DIM);

test('strings go in and come out of every method, also after opening, compacting and rolling back', async () => {
  const folder = path.join(makeTempDir(), 'index');
  for (const where of [undefined, folder]) {
    let index = await sample(where);
    assert.is(index.keyType, 'string');
    assert.is(index.rowOf(names(1, 17)[0] as string), 17);
    assert.is(index.rowOf('nobody'), undefined);
    assert.equal(index.keysOf([0, 99]), [names(1)[0], names(1, 99)[0]]);
    assert.equal(index.search(rowOfSeed(42), 1).keys, names(1, 42));
    assert.equal((await index.searchAsync(rowOfSeed(42), 1)).keys, names(1, 42));
    const batch = await index.searchBatch(rowOfSeed(42), 3, { filter: names(2, 42) });
    assert.equal([...batch.keys].sort(), ['', ...names(2, 42)]);

    await index.update(names(1, 5), noise(1, DIM, SEED + 1));
    assert.is(index.rowOf(names(1, 5)[0] as string), 100);
    await index.update(['new'], noise(1, DIM, SEED + 2), { insertMissing: true });
    assert.is(index.liveCount, 101);
    assert.is(await index.remove(['nobody', ...names(3, 10)]), 3);
    assert.is(index.rowOf(names(1, 10)[0] as string), undefined);
    assert.is(index.keysOf([10])[0], names(1, 10)[0], 'removed rows keep their key');
    await index.add(noise(2, DIM, SEED + 3), { keys: [names(1, 10)[0] as string, 'last'] });
    assert.is(index.rowOf(names(1, 10)[0] as string), 102);
    await index.rollbackTo(103);
    assert.is(index.rowOf('last'), undefined);
    await index.add(noise(1, DIM, SEED + 4), { keys: ['another'] });
    assert.is(index.rowOf('another'), 103);
    assert.is(index.rowOf('last'), undefined, 'a row number that was given twice has its new key');

    const wanted = [...names(10), 'another', 'new', ...names(1, 10), ...names(87, 13)].sort();
    const live = (): string[] =>
      index
        .keysOf(Array.from({ length: index.count }, (_, row) => row))
        .filter((key, row) => index.rowOf(key) === row)
        .sort();
    assert.equal(live(), wanted);
    await index.compact();
    assert.is(index.count, wanted.length);
    assert.equal(live(), wanted);
    await index.add(noise(1, DIM, SEED + 5), { keys: ['after'] });
    assert.equal(index.search(rowOfSeed(0, SEED + 5), 1).keys, ['after']);
    await index.close();
    if (where === undefined) continue;
    for (const readOnly of [true, false]) {
      index = await VectorIndex.open(where, { readOnly, keyType: 'string' });
      assert.equal(live(), ['after', ...wanted].sort());
      assert.equal((await index.verify()).problems, []);
      await index.close();
    }
  }
});

test('filters of strings: arrays, sets and predicates', async () => {
  await using index = await sample();
  const query = rowOfSeed(3);
  const wanted = names(3, 20).sort();
  const found = (filter: Parameters<typeof index.compileFilter>[0]): string[] =>
    [...index.search(query, 10, { filter }).keys].sort();
  assert.equal(found([...wanted, 'nobody']), wanted);
  assert.equal(found(new Set(wanted)), wanted);
  assert.equal(
    found((key: string) => wanted.includes(key)),
    wanted,
  );
  const compiled = index.compileFilter([...wanted, 'later']);
  assert.equal(found(compiled), wanted);
  await index.add(noise(1, DIM, SEED + 9), { keys: ['later'] });
  assert.equal(found(compiled), ['later', ...wanted].sort(), 'a new row of a key that was named');
  assert.equal(found([]), []);
});

test('keys that stand twice, are there or are missing change nothing, and the error names the string', async () => {
  await using index = await sample();
  const one = noise(1, DIM, SEED + 1);
  const two = noise(2, DIM, SEED + 1);
  const there = await errorOf(() => index.add(two, { keys: ['x', names(1, 7)[0] as string] }));
  assert.is(there.code, 'ERR_KEY_EXISTS');
  assert.is(there.details['key'], names(1, 7)[0]);
  assert.is(await codeOf(() => index.add(two, { keys: ['x', 'x'] })), 'ERR_KEY_EXISTS');
  const missing = await errorOf(() => index.update(['nobody'], one));
  assert.is(missing.code, 'ERR_NOT_FOUND');
  assert.is(missing.details['key'], 'nobody');
  assert.is(await codeOf(() => index.update(['x', 'x'], two)), 'ERR_KEY_EXISTS');
  assert.is(index.count, 100);
  // Larger than one commit.
  const many = noise(5000, DIM, SEED + 2);
  const keys = names(5000, 1000);
  keys[4999] = names(1)[0] as string;
  assert.is(await codeOf(() => index.add(many, { keys })), 'ERR_KEY_EXISTS');
  assert.is(index.count, 100);
  keys[4999] = 'free';
  await index.add(many, { keys });
  assert.is(index.rowOf('free'), 5099);
});

test('keys of the wrong kind are refused in both kinds of index', async () => {
  await using texts = await sample();
  await using numbers = await VectorIndex.create({ dim: DIM });
  const one = noise(1, DIM, SEED);
  const bad = texts as unknown as VectorIndex;
  const mixed = numbers as unknown as VectorIndex<string>;
  await numbers.add(one, { keys: [1] });
  for (const work of [
    () => bad.add(one),
    () => bad.add(one, { keys: [5] }),
    () => bad.update([5], one),
    () => bad.remove([5]),
    () => bad.rowOf(5),
    () => bad.search(one, 1, { filter: [5] }),
    () => bad.search(one, 1, { filter: new Set([5]) }),
    () => bad.search(one, 1, { keys64: true }),
    () => bad.keys64Of([0]),
    () => bad.addFile('none.npy'),
    () => bad.exportFile('none.npy'),
    () => bad.setMetadata([5], [{}]),
    () => mixed.add(one, { keys: ['5'] }),
    () => mixed.update(['5'], one),
    () => mixed.remove(['5']),
    () => mixed.rowOf('5'),
    () => mixed.search(one, 1, { filter: ['5'] }),
    () => mixed.setMetadata(['5'], [{}]),
  ]) {
    assert.is(await codeOf(work), 'ERR_ARG_TYPE', String(work));
  }
  for (const key of ['', 'a\0b', '\ud800', 'x'.repeat(1025), 'é'.repeat(513)]) {
    assert.is(await codeOf(() => texts.add(one, { keys: [key] })), 'ERR_ARG_RANGE');
  }
  await texts.add(one, { keys: ['é'.repeat(512)] });
  for (const key of ['__proto__', 'constructor', 'x'.repeat(1024), '5']) {
    await texts.add(one, { keys: [key] });
    assert.equal(texts.keysOf([texts.rowOf(key) as number]), [key]);
  }
  const given = { keyType: 'text' } as unknown as { keyType: 'string' };
  assert.is(await codeOf(() => VectorIndex.create({ dim: DIM, ...given })), 'ERR_ARG_RANGE');
});

test('the key type belongs to the folder', async () => {
  const folder = path.join(makeTempDir(), 'index');
  await (await sample(folder)).close();
  assert.is(await codeOf(() => VectorIndex.open(folder, { keyType: 'integer' })), 'ERR_ARG_TYPE');
  const backup = path.join(makeTempDir(), 'copy');
  {
    await using index = await VectorIndex.open(folder);
    assert.is(index.keyType, 'string');
    await index.backup(backup);
  }
  await using copy = await VectorIndex.open(backup, { readOnly: true, keyType: 'string' });
  assert.is(copy.rowOf(names(1, 17)[0] as string), 17);
});

test('searches beside rollbacks and adds never give a row the key of another', async () => {
  await using index = await sample();
  let turns = 0;
  let isDone = false;
  const searching = (async () => {
    while (!isDone) {
      const hits = await index.searchExactAsync(rowOfSeed(50), 5);
      const sync = index.search(rowOfSeed(50), 5);
      assert.equal(hits.keys[0], names(1, 50)[0]);
      assert.equal(sync.keys[0], names(1, 50)[0]);
      turns++;
    }
  })();
  for (let round = 0; round < 30; round++) {
    // Rows near the query, whose numbers are given again and again.
    const near = rowOfSeed(50).map((value) => value + 0.001 * (round + 1));
    await index.add(near, { keys: [`round ${round}`] });
    assert.is(index.search(near, 1).keys[0], `round ${round}`);
    await index.rollbackTo(100);
  }
  isDone = true;
  await searching;
  assert.ok(turns > 0);
});

test.run();
