/** Callers of another realm, as test runners make them, and arrays whose memory is not theirs any more. */
import { spawnSync } from 'node:child_process';
import path from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import vm from 'node:vm';
import { isLibraryError } from '../../lib/base/errors';
import { fromNative } from '../../lib/native';
import { VectorIndex } from '../../lib/vectors';
import { scaled } from '../helpers/deadline';
import { codeOf } from '../helpers/errors';

const DIM = 4;
const foreign = <T>(code: string): T => vm.runInNewContext(code) as T;
const floats = (rows: number): Float32Array =>
  Float32Array.from({ length: rows * DIM }, (_, i) => Math.sin(i * 1.7));

test('arrays, keys, filters and options of another realm are taken', async () => {
  await using index = await VectorIndex.create({ dim: DIM });
  await index.add(foreign('Float32Array.of(1, 2, 3, 4)'));
  await index.add(Float32Array.of(2, 2, 3, 4), { keys: foreign('new Float64Array([5])') });
  await index.add(Float32Array.of(3, 2, 3, 4), { keys: foreign('[6]') });
  await index.add(Float32Array.of(4, 2, 3, 4), { keys: foreign('BigInt64Array.of(7n)') });
  await index.add(Float32Array.of(5, 2, 3, 4), foreign('({ keys: [8] })'));
  const query = foreign<Float32Array>('Float32Array.of(1, 2, 3, 4)');
  const filter = foreign<Uint8Array>('Uint8Array.of(31)');
  assert.is(index.search(query, 9, { filter }).keys.length, 5);
  assert.is((await index.searchBatch(query, 9, { filter })).counts[0], 5);
  assert.is(await index.remove(foreign<number[]>('[6, 7]')), 2);
});

test('errors of another realm keep code and class', () => {
  const error = foreign<Error>('Object.assign(new Error("x"), { status: 1 })');
  assert.ok(isLibraryError(fromNative(error)));
  const made = foreign<Error>('Object.assign(new Error("x"), { code: "ERR_CLOSED", details: {} })');
  assert.ok(isLibraryError(made));
});

test('results of a batch are in the arrays that unused places say', async () => {
  await using index = await VectorIndex.create({ dim: DIM });
  await index.add(floats(3));
  const batch = await index.searchBatch(floats(2), 5, {});
  assert.equal([...batch.counts], [3, 3]);
  assert.ok(Number.isNaN(batch.keys[3]));
  assert.is(batch.keys64, undefined);
  const wide = await index.searchBatch(floats(2), 5, { keys64: true });
  assert.equal([...(wide.keys64 ?? [])].slice(0, 3).map(Number), [...batch.keys.slice(0, 3)]);
});

test('memory that went away is refused in every call that takes arrays, shared memory is taken', async () => {
  await using index = await VectorIndex.create({ dim: DIM });
  await index.add(floats(100));
  const gone = <T extends NodeJS.TypedArray>(array: T): T => {
    structuredClone(array.buffer, { transfer: [array.buffer as ArrayBuffer] });
    return array;
  };
  const shrunk = (): Float32Array => {
    const Resizable = ArrayBuffer as unknown as new (
      size: number,
      options: object,
    ) => ArrayBuffer & { resize(size: number): void };
    const buffer = new Resizable(64, { maxByteLength: 64 });
    const array = new Float32Array(buffer, 16, 4);
    buffer.resize(8);
    return array;
  };
  for (const array of [gone(floats(1)), shrunk()]) {
    assert.is(await codeOf(() => index.add(array)), 'ERR_ARG_TYPE');
    assert.is(await codeOf(() => index.update([0], array)), 'ERR_ARG_TYPE');
    assert.is(await codeOf(() => index.searchBatch(array, 3)), 'ERR_ARG_TYPE');
    assert.match(await codeOf(() => index.search(array, 3)), /^ERR_(ARG_TYPE|DIM_MISMATCH)$/);
  }
  assert.is(await codeOf(() => index.remove(gone(Float64Array.of(1)))), 'ERR_ARG_TYPE');
  assert.is(await codeOf(() => index.remove(gone(BigInt64Array.of(1n)))), 'ERR_ARG_TYPE');
  const filter = gone(Uint8Array.of(255));
  assert.is(await codeOf(() => index.search(floats(1), 3, { filter })), 'ERR_ARG_TYPE');
  assert.is(await codeOf(() => index.vectors(gone(Uint32Array.of(0)))), 'ERR_ARG_TYPE');
  assert.is(await codeOf(() => index.add(new Float32Array(0))), 'ok', 'empty is not gone');
  assert.is(index.count, 100);
  const shared = new Float32Array(new SharedArrayBuffer(4 * DIM + 16), 8, DIM);
  shared.set(floats(1));
  assert.equal(index.search(shared, 3).keys, index.search(floats(1), 3).keys);
  assert.is((await index.add(shared)).rows, 1);
});

test('memory that goes while rows are added is an error with a code', async () => {
  await using index = await VectorIndex.create({ dim: DIM });
  const vectors = floats(10_000);
  const adding = index.add(vectors);
  structuredClone(vectors.buffer, { transfer: [vectors.buffer as ArrayBuffer] });
  assert.is(await codeOf(() => adding), 'ERR_ARG_TYPE');
});

test('process.exit ends at once while a long search runs, and what was committed is there', async () => {
  const vectors = path.resolve(__dirname, '../../lib/vectors/index.js');
  const script = `
    const { VectorIndex } = require(${JSON.stringify(vectors)});
    (async () => {
      const index = await VectorIndex.create({ dim: 64 });
      const rows = new Float32Array(64 * 4000).map((_, i) => Math.sin(i * 1.3));
      await index.add(rows);
      const queries = new Float32Array(64 * 200000).fill(1);
      index.searchBatch(queries, 10, { exact: true, threads: 2 }).catch(() => undefined);
      setTimeout(() => { require('node:fs').writeSync(1, String(Date.now())); process.exit(7); }, 50);
    })();`;
  const run = spawnSync(process.execPath, ['-e', script], { encoding: 'utf8' });
  const waited = Date.now() - Number(run.stdout);
  assert.is(run.status, 7);
  // The search alone takes more than ten times as long.
  assert.ok(waited < scaled(2000), `ended after ${waited} ms`);
});

test.run();
