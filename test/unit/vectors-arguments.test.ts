/** Every wrong argument of the engine's facade gives the code that is documented, and changes nothing. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { ERROR_CODES, isLibraryError, VectorIndex, type CreateOptions } from '../../lib/engine';
import { native } from '../../lib/native';
import { codeOf } from '../helpers/errors';
import { noise } from '../helpers/vectors';

const DIM = 4;

async function expectCodes(
  name: string,
  values: readonly unknown[],
  code: string,
  call: (value: never) => unknown,
): Promise<void> {
  assert.ok(Object.hasOwn(ERROR_CODES, code));
  for (const value of values) {
    assert.is(await codeOf(() => call(value as never)), code, `${name} = ${String(value)}`);
  }
}

const notNumbers = ['1', null, {}, [], true, 1n, Symbol('x'), () => 1];
const notObjects = [null, 1, 'x', true];

test('create refuses every wrong option', async () => {
  const create = (options: object) => VectorIndex.create({ dim: DIM, ...options } as CreateOptions);
  await expectCodes('options', [...notObjects, undefined], 'ERR_ARG_TYPE', (value) =>
    VectorIndex.create(value),
  );
  await expectCodes('dim', [...notNumbers, undefined], 'ERR_ARG_TYPE', (dim) => create({ dim }));
  await expectCodes('dim', [0, -1, 1.5, NaN, Infinity, 8193, 2 ** 31], 'ERR_ARG_RANGE', (dim) =>
    create({ dim }),
  );
  await expectCodes('M', notNumbers.slice(0, 1), 'ERR_ARG_TYPE', (M) => create({ M }));
  await expectCodes('M', [1, 0, 129, 2 ** 31, NaN], 'ERR_ARG_RANGE', (M) => create({ M }));
  await expectCodes('efConstruction', [0, 10_001, 1.5], 'ERR_ARG_RANGE', (efConstruction) =>
    create({ efConstruction }),
  );
  await expectCodes('seed', [-1, 0.5, 2 ** 53], 'ERR_ARG_RANGE', (seed) => create({ seed }));
  await expectCodes('metric', [1, null], 'ERR_ARG_TYPE', (metric) => create({ metric }));
  await expectCodes('metric', ['', 'l2', '__proto__'], 'ERR_ARG_RANGE', (metric) =>
    create({ metric }),
  );
  await expectCodes('storage', ['f64', 'x'], 'ERR_ARG_RANGE', (storage) => create({ storage }));
  await expectCodes(
    'label',
    ['x'.repeat(256), 'é'.repeat(128), '\ud800'],
    'ERR_ARG_RANGE',
    (label) => create({ label }),
  );
  await expectCodes('path', [1, null, {}], 'ERR_ARG_TYPE', (path) => create({ path }));
  await expectCodes('path', ['', 'a\0b'], 'ERR_ARG_RANGE', (path) => create({ path }));
});

test('the widest parameters work', async () => {
  for (const options of [
    { dim: 1, M: 2, efConstruction: 1 },
    { dim: 8192, M: 128, efConstruction: 10_000 },
  ]) {
    await using index = await VectorIndex.create({ ...options, metric: 'euclidean' });
    await index.add(noise(5, options.dim, 1));
    assert.is(index.search(noise(1, options.dim, 2), 10, { efSearch: 10_000 }).nodes.length, 5);
  }
});

test('searches refuse every wrong argument', async () => {
  await using index = await VectorIndex.create({ dim: DIM });
  await index.add(noise(10, DIM, 3));
  const query = noise(1, DIM, 4);
  const searches = [
    'search',
    'searchAsync',
    'searchExact',
    'searchExactAsync',
    'searchBatch',
  ] as const;
  for (const name of searches) {
    const search = (q: unknown, k: unknown, o?: unknown) =>
      (index[name] as (...a: unknown[]) => unknown)(q, k, ...(o === undefined ? [] : [o]));
    const wrongArrays = [
      undefined,
      null,
      'x',
      [1, 2, '3', 4],
      [[1, 2, 3, null]],
      new Uint8Array(4),
    ];
    await expectCodes(`${name} query`, wrongArrays, 'ERR_ARG_TYPE', (q) => search(q, 1));
    await expectCodes(
      `${name} query`,
      [new Float32Array(3), new Float32Array(5)],
      'ERR_DIM_MISMATCH',
      (q) => search(q, 1),
    );
    for (const bad of [NaN, Infinity, -Infinity]) {
      const damaged = query.slice();
      damaged[2] = bad;
      assert.is(await codeOf(() => search(damaged, 1)), 'ERR_VECTOR_INVALID');
    }
    assert.is(await codeOf(() => search(new Float32Array(DIM), 1)), 'ERR_VECTOR_INVALID');
    await expectCodes(`${name} k`, [...notNumbers, undefined], 'ERR_ARG_TYPE', (k) =>
      search(query, k),
    );
    await expectCodes(
      `${name} k`,
      [0, -1, 1.5, 10_001, 2 ** 32, 1e308, NaN],
      'ERR_ARG_RANGE',
      (k) => search(query, k),
    );
    await expectCodes(`${name} options`, notObjects, 'ERR_ARG_TYPE', (o) => search(query, 1, o));
    await expectCodes(`${name} efSearch`, [0, 10_001, NaN, 2.5], 'ERR_ARG_RANGE', (efSearch) =>
      search(query, 1, { efSearch }),
    );
    await expectCodes(`${name} efSearch`, ['50', {}], 'ERR_ARG_TYPE', (efSearch) =>
      search(query, 1, { efSearch }),
    );
    assert.is(await codeOf(() => search(query, 1, { threshold: NaN })), 'ERR_ARG_RANGE');
    await expectCodes(
      `${name} filter`,
      [1, 'x', {}, new Uint16Array(1)],
      'ERR_ARG_TYPE',
      (filter) => search(query, 1, { filter }),
    );
    assert.is(await codeOf(() => search(query, 1, { filter: [0.5] })), 'ERR_ARG_RANGE');
    const throwing = {
      filter: () => {
        throw new RangeError('mine');
      },
    };
    const search1 = async (): Promise<unknown> => search(query, 1, throwing);
    assert.instance(await search1().catch((error: unknown) => error), RangeError);
  }
  await expectCodes('threads', [0, 257, -1], 'ERR_ARG_RANGE', (threads) =>
    index.searchBatch(query, 1, { threads }),
  );
});

test('add refuses every wrong argument and adds nothing', async () => {
  await using index = await VectorIndex.create({ dim: DIM });
  await index.add(noise(2, DIM, 5), { keys: [7, 8] });
  const two = noise(2, DIM, 6);
  await expectCodes('vectors', [undefined, null, ['1'], new Uint8Array(4)], 'ERR_ARG_TYPE', (v) =>
    index.add(v),
  );
  assert.is(await codeOf(() => index.add(new Float32Array(7))), 'ERR_DIM_MISMATCH');
  await expectCodes('options', notObjects, 'ERR_ARG_TYPE', (o) => index.add(two, o));
  await expectCodes(
    'keys',
    ['ab', 1, [1, '2'], [1, null], new Uint8Array(2)],
    'ERR_ARG_TYPE',
    (keys) => index.add(two, { keys }),
  );
  await expectCodes(
    'keys',
    [
      [1, 0.5],
      [1, NaN],
      [1, 2 ** 53],
    ],
    'ERR_ARG_RANGE',
    (keys) => index.add(two, { keys }),
  );
  assert.is(await codeOf(() => index.add(two, { keys: [1n, 2n ** 63n] })), 'ERR_ARG_RANGE');
  assert.is(await codeOf(() => index.add(two, { keys: [1] })), 'ERR_DIM_MISMATCH');
  await expectCodes(
    'keys',
    [
      [7, 9],
      [9, 9],
      [9, 8],
    ],
    'ERR_KEY_EXISTS',
    (keys) => index.add(two, { keys }),
  );
  for (const bad of [NaN, Infinity, -Infinity]) {
    const damaged = two.slice();
    damaged[5] = bad;
    try {
      await index.add(damaged);
      assert.unreachable();
    } catch (error) {
      assert.ok(isLibraryError(error) && error.code === 'ERR_VECTOR_INVALID');
      assert.match(error.message, /vector 1\b/, 'names the vector');
    }
  }
  assert.is(await codeOf(() => index.add(new Float32Array(DIM))), 'ERR_VECTOR_INVALID');
  const signal = AbortSignal.abort(new Error('enough'));
  assert.is(await codeOf(() => index.add(two, { signal })), 'ERR_ABORTED');
  await expectCodes('signal', [1, {}, 'x'], 'ERR_ARG_TYPE', (s) => index.add(two, { signal: s }));
  await expectCodes('onProgress', [1, {}], 'ERR_ARG_TYPE', (f) =>
    index.add(two, { onProgress: f }),
  );
  assert.is(index.count, 2);
  assert.equal(await index.add(new Float32Array(0)), { firstRow: 2, rows: 0 });
  assert.equal(await index.add(two, { keys: BigInt64Array.of(-5n, 2n ** 53n - 1n) }), {
    firstRow: 2,
    rows: 2,
  });
  assert.equal(Array.from(index.keysOf([2, 3])), [-5, 2 ** 53 - 1]);
});

test('a large add checks everything before it commits anything', async () => {
  await using index = await VectorIndex.create({ dim: 1, metric: 'euclidean' });
  const many = noise(10_000, 1, 7);
  const keys = Float64Array.from(many, (_, i) => i);
  keys[9_999] = 3;
  assert.is(await codeOf(() => index.add(many, { keys })), 'ERR_KEY_EXISTS');
  many[9_998] = NaN;
  try {
    await index.add(many);
    assert.unreachable();
  } catch (error) {
    assert.match((error as Error).message, /vector 9998\b/);
  }
  assert.is(index.count, 0);
});

test('abort between commits keeps what was committed and says how much', async () => {
  await using index = await VectorIndex.create({ dim: 2, metric: 'euclidean' });
  const abort = new AbortController();
  const seen: number[] = [];
  try {
    await index.add(noise(10_000, 2, 8), {
      signal: abort.signal,
      onProgress: (done, total) => {
        seen.push(done);
        assert.is(total, 10_000);
        abort.abort();
      },
    });
    assert.unreachable();
  } catch (error) {
    assert.ok(isLibraryError(error) && error.code === 'ERR_ABORTED');
    assert.equal(error.details, { rows: seen[0] });
  }
  assert.is(index.count, seen[0]);
});

test('rows, keys, remove and rollback refuse what is not there', async () => {
  await using index = await VectorIndex.create({ dim: DIM });
  await index.add(noise(3, DIM, 9));
  for (const name of ['vectors', 'keysOf'] as const) {
    await expectCodes(name, [null, undefined, 1, {}, () => 1], 'ERR_ARG_TYPE', (v) =>
      index[name](v),
    );
    await expectCodes(name, [[3], [-1], [0.5], [NaN], [2 ** 32]], 'ERR_ARG_RANGE', (v) =>
      index[name](v),
    );
  }
  await expectCodes('rowOf', ['1', null], 'ERR_ARG_TYPE', (key) => index.rowOf(key));
  await expectCodes('rowOf', [0.5, NaN, 2 ** 53], 'ERR_ARG_RANGE', (key) => index.rowOf(key));
  assert.is(index.rowOf(99), undefined);
  await expectCodes('remove', [null, 1, ['x']], 'ERR_ARG_TYPE', (keys) => index.remove(keys));
  assert.is(await index.remove([99, 1, 1]), 1);
  assert.is(await index.remove([1]), 0);
  await expectCodes('rollbackTo', [4, -1, 1.5], 'ERR_ARG_RANGE', (n) => index.rollbackTo(n));
  await expectCodes('rollbackTo', ['1', undefined], 'ERR_ARG_TYPE', (n) => index.rollbackTo(n));
  await expectCodes('open', [1, undefined], 'ERR_ARG_TYPE', (p) => VectorIndex.open(p));
});

test('the raw addon survives wrong calls: an error, never a crash', async () => {
  const binding = native() as unknown as Record<string, (...a: unknown[]) => unknown>;
  const handle = await (binding.create as (...a: unknown[]) => Promise<object>)(
    '',
    4,
    0,
    16,
    10,
    1,
    '',
    0,
    0,
  );
  const seed = 20_241_121;
  console.log(`seed ${seed}`);
  const random = (() => {
    let state = seed;
    return (n: number) => (state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0) % n;
  })();
  const values = [
    undefined,
    null,
    true,
    0,
    -1,
    1,
    1.5,
    2 ** 32,
    1e308,
    NaN,
    1n,
    'x',
    '',
    {},
    [],
    () => 1,
    Symbol('s'),
    handle,
    Object.create(handle),
    new Proxy({}, {}),
    new Float32Array(0),
    new Float32Array(4),
    new Float32Array(5),
    new Uint32Array(2),
    new Float64Array(3),
    new Uint8Array(0),
    new Uint8Array(9),
    new BigInt64Array(2),
    new DataView(new ArrayBuffer(8)),
  ];
  let refused = 0;
  for (let i = 0; i < 5000; i++) {
    // After `endProcess` nothing is done any more.
    const left = ['close', 'kernelName', 'endProcess'];
    const isVerb = (name: string): boolean => typeof binding[name] === 'function';
    const names = Object.keys(binding).filter((name) => isVerb(name) && !left.includes(name));
    const name = names[random(names.length)] as string;
    const args = Array.from({ length: random(11) }, () => values[random(values.length)]);
    if (random(2) === 0) args[0] = handle;
    // Never a path: create and open would make folders.
    if (name === 'create' || name === 'open') args[0] = random(2) === 0 ? '' : 5;
    try {
      await binding[name]?.(...args);
    } catch (error) {
      assert.ok(error instanceof Error && 'status' in error, `${name}: ${String(error)}`);
      refused++;
    }
  }
  assert.ok(refused > 2000, `${refused} refused`);
  await (binding.close as (h: object) => Promise<void>)(handle);
});

test.run();
