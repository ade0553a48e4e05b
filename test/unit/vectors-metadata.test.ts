/** Metadata of rows: what goes in comes out, and hostile values are refused before anything is written. */
import path from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { VectorIndex, type Metadata } from '../../lib/engine';
import { codeOf, errorOf } from '../helpers/errors';
import { makeTempDir } from '../helpers/temp';
import { noise } from '../helpers/vectors';

const SEED = 61;
const DIM = 4;
console.log(`seed ${SEED}`);

const SAMPLES: Metadata[] = [
  { title: 'a "quoted" text\n', year: 1999, ok: true, none: null, tags: ['x', 'ü', '\u{1f600}'] },
  {
    nested: { deep: { er: [1, { a: false }] } },
    zero: -0,
    tiny: 5e-324,
    large: 1.7976931348623157e308,
  },
  { '': 'empty name', 'a.b': 1, constructor: 'c', toString: 't', hasOwnProperty: 'h' },
  { lone: '\ud800', nul: 'a\0b' },
];

test('metadata comes back, in memory, in a folder, as a reader, after compacting and from a backup', async () => {
  const folder = path.join(makeTempDir(), 'index');
  const wanted = [...SAMPLES, undefined, undefined];
  for (const where of [undefined, folder]) {
    const index = await VectorIndex.create({
      dim: DIM,
      metric: 'euclidean',
      ...(where === undefined ? {} : { path: where }),
    });
    await index.add(noise(2, DIM, SEED), { keys: [100, 101] });
    await index.add(noise(6, DIM, SEED + 1), { metadata: [...SAMPLES, null, {}] });
    const rows = [2, 3, 4, 5, 6, 7];
    assert.equal(index.metadataOf([0, 1]), [undefined, undefined]);
    assert.equal(index.metadataOf(rows), wanted);
    const query = noise(1, DIM, SEED + 1);
    const hits = index.search(query, 2, { metadata: true, filter: [2, 101] });
    assert.equal(hits.metadata, [SAMPLES[0], undefined]);
    assert.is(index.search(query, 1).metadata, undefined);
    const one = await index.searchAsync(query, 1, { metadata: true });
    assert.equal(one.metadata, [SAMPLES[0]]);
    const onProgress = (): void => undefined;
    for (const more of [{}, { onProgress }]) {
      const batch = await index.searchBatch(query, 3, { metadata: true, filter: [2], ...more });
      assert.equal(batch.metadata, [SAMPLES[0], undefined, undefined]);
    }
    await index.remove([100]);
    await index.compact();
    assert.equal(index.metadataOf(rows.map((row) => row - 1)), wanted);
    if (where !== undefined) await index.backup(`${where}-copy`);
    await index.close();
    if (where === undefined) continue;
    for (const at of [where, `${where}-copy`]) {
      for (const readOnly of [true, false]) {
        await using again = await VectorIndex.open(at, { readOnly });
        assert.equal(again.metadataOf(rows.map((row) => row - 1)), wanted);
      }
    }
  }
});

test('an update keeps the metadata of its keys, or replaces it where some is given', async () => {
  await using index = await VectorIndex.create({ dim: DIM });
  await index.add(noise(3, DIM, SEED), { metadata: [{ a: 1 }, { a: 2 }, null] });
  const one = noise(1, DIM, SEED + 1);
  const of = (key: number): unknown => index.metadataOf([index.rowOf(key) as number])[0];
  await index.update([0], one);
  assert.equal(of(0), { a: 1 });
  await index.update([0], one, { metadata: [{ b: 1 }] });
  assert.equal(of(0), { b: 1 });
  await index.update([1], one, { metadata: [null] });
  assert.is(of(1), undefined);
  await index.update([2, 7], noise(2, DIM, SEED + 2), { insertMissing: true });
  assert.is(of(7), undefined);
  await index.update([7, 8], noise(2, DIM, SEED + 2), {
    insertMissing: true,
    metadata: [{ c: 7 }, { c: 8 }],
  });
  assert.equal([of(7), of(8)], [{ c: 7 }, { c: 8 }]);
});

test('setMetadata changes metadata alone, of all keys or of none, and stays', async () => {
  const folder = path.join(makeTempDir(), 'index');
  {
    await using index = await VectorIndex.create({ dim: DIM, path: folder, metric: 'euclidean' });
    await index.add(noise(4, DIM, SEED));
    const before = index.vectors([0, 1, 2, 3]);
    await index.setMetadata([1, 3], [{ a: 1 }, { a: 3 }]);
    await index.setMetadata([3], [{ a: 33 }]);
    assert.equal(index.metadataOf([0, 1, 2, 3]), [undefined, { a: 1 }, undefined, { a: 33 }]);
    assert.equal(index.vectors([0, 1, 2, 3]), before);
    assert.is(await codeOf(() => index.setMetadata([1, 9], [{}, {}])), 'ERR_NOT_FOUND');
    assert.is(await codeOf(() => index.setMetadata([1, 1], [{}, {}])), 'ERR_KEY_EXISTS');
    assert.is(await codeOf(() => index.setMetadata([1], [{}, {}])), 'ERR_DIM_MISMATCH');
    assert.is(await codeOf(() => index.setMetadata([1], 7 as never)), 'ERR_ARG_TYPE');
    await index.setMetadata([], []);
    await index.setMetadata([1], [null]);
  }
  await using again = await VectorIndex.open(folder, { readOnly: true });
  assert.equal(again.metadataOf([1, 3]), [undefined, { a: 33 }]);
  assert.is(await codeOf(() => again.setMetadata([1], [{}])), 'ERR_READ_ONLY');
});

function nested(levels: number): Metadata {
  let value: Metadata = { end: 1 };
  for (let i = 1; i < levels; i++) value = { a: value };
  return value;
}

/** Few objects, and more text than there is memory. */
function shared(): Metadata {
  let value: Metadata = { text: 'x'.repeat(1000) };
  for (let i = 0; i < 30; i++) value = { a: value, b: value };
  return value;
}

test('what is not JSON, too deep, cyclic or too large is refused, and nothing is added', async () => {
  await using index = await VectorIndex.create({ dim: DIM });
  await index.add(noise(1, DIM, SEED));
  const cyclic: Record<string, unknown> = {};
  cyclic['self'] = cyclic;
  const ring: unknown[] = [];
  ring.push(ring, ring);
  class Point {
    x = 1;
    toJSON(): string {
      return 'x';
    }
  }
  const cases: [string, unknown][] = [
    ['ERR_ARG_TYPE', 'text'],
    ['ERR_ARG_TYPE', 1],
    ['ERR_ARG_TYPE', [1]],
    ['ERR_ARG_TYPE', () => 1],
    ['ERR_ARG_TYPE', new Map()],
    ['ERR_ARG_TYPE', new Date()],
    ['ERR_ARG_TYPE', new Point()],
    ['ERR_ARG_TYPE', { a: 1n }],
    ['ERR_ARG_TYPE', { a: Symbol('s') }],
    ['ERR_ARG_TYPE', { a: () => 1 }],
    ['ERR_ARG_TYPE', { a: new Date() }],
    ['ERR_ARG_TYPE', { a: [undefined] }],
    ['ERR_ARG_TYPE', { a: new Array(2 ** 32 - 1) }],
    ['ERR_ARG_TYPE', { a: Buffer.from('x') }],
    ['ERR_ARG_RANGE', { a: NaN }],
    ['ERR_ARG_RANGE', { a: [1, -Infinity] }],
    ['ERR_ARG_RANGE', cyclic],
    ['ERR_ARG_RANGE', { ring }],
    ['ERR_ARG_RANGE', nested(33)],
    ['ERR_ARG_RANGE', shared()],
    ['ERR_ARG_RANGE', { text: 'x'.repeat(1 << 20) }],
    ['ERR_ARG_RANGE', { text: 'é'.repeat(1 << 19) }],
    ['ERR_ARG_RANGE', { text: '"'.repeat(1 << 19) }],
  ];
  for (const [code, metadata] of cases) {
    const add = () => index.add(noise(2, DIM, SEED), { metadata: [{ ok: 1 }, metadata as never] });
    const error = await errorOf(add);
    assert.is(error.code, code, error.message);
    assert.match(error.message, /metadata\[1\]/);
    assert.is(await codeOf(() => index.setMetadata([0], [metadata as never])), code);
  }
  const both = { metadata: [{}, {}] };
  assert.is(await codeOf(() => index.add(noise(1, DIM, SEED), both)), 'ERR_DIM_MISMATCH');
  assert.is(
    await codeOf(() => index.add(noise(1, DIM, SEED), { metadata: {} as never })),
    'ERR_ARG_TYPE',
  );
  assert.is(index.count, 1);
  // The largest and the deepest that are taken.
  const text = 'x'.repeat((1 << 20) - '{"text":""}'.length);
  await index.add(noise(2, DIM, SEED), { keys: [5, 6], metadata: [{ text }, nested(32)] });
  assert.equal(index.metadataOf([1, 2]), [{ text }, nested(32)]);
});

test('__proto__ is a name like others, getters are read once, and no prototype changes', async () => {
  await using index = await VectorIndex.create({ dim: DIM });
  const hostile = JSON.parse('{"__proto__":{"polluted":true},"a":1}') as Metadata;
  let reads = 0;
  const getter = {
    get value() {
      return ++reads;
    },
  };
  await index.add(noise(2, DIM, SEED), { metadata: [hostile, getter] });
  const [first, second] = index.metadataOf([0, 1]);
  assert.is(JSON.stringify(first), '{"__proto__":{"polluted":true},"a":1}');
  assert.is(({} as { polluted?: boolean }).polluted, undefined);
  assert.equal(second, { value: 1 });
  assert.is(reads, 1);
  const filter = JSON.parse('{"__proto__.polluted":true}') as { a: boolean };
  const query = noise(1, DIM, SEED);
  assert.equal([...index.search(query, 5, { filter }).nodes], [0]);
  const inherited = index.search(query, 5, { filter: { toString: { exists: true } } as never });
  assert.is(inherited.nodes.length, 0);
});

test.run();
