/** Index files of hnswlib and usearch, as those libraries wrote them, cut, changed and lying. */
import { mkdirSync, readdirSync, truncateSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { isLibraryError, VectorIndex, type ImportOptions } from '../../lib/engine';
import { makeTempDir } from '../helpers/temp';
import { codeOf, errorOf } from '../helpers/errors';
import { fileOf, goldenFiles, goldenFloats } from '../helpers/vector-files';
import { randomOf } from '../helpers/vectors';

const seed = Number(process.env.SIGHTLINE_TEST_SEED ?? 20_261_126);
console.log(`seed ${seed}`);
const random = randomOf(seed);
const below = (n: number): number => Math.floor(random() * n);

const hnswlib = goldenFiles('hnswlib');
const usearch = goldenFiles('usearch');
const DIM = 5;
const l2 = (): Buffer => Buffer.from(hnswlib.get('l2') as Buffer);
const f32 = (): Buffer => Buffer.from(usearch.get('l2-f32') as Buffer);
const load = (bytes: Uint8Array, options: ImportOptions = {}): Promise<VectorIndex> =>
  VectorIndex.importFrom(fileOf(bytes, '.bin'), options);
const codeOfLoad = (bytes: Uint8Array, options?: ImportOptions): Promise<string> =>
  codeOf(async () => (await load(bytes, options)).close());

const all = goldenFloats(8 * DIM);
const rowsOf = (values: Float32Array, ...rows: number[]): Float32Array =>
  Float32Array.from(rows.flatMap((row) => [...values.subarray(row * DIM, (row + 1) * DIM)]));

/** Where the head with the magic bytes begins in a usearch file. */
const HEAD = 8 + 4 * DIM * 4;

test('hnswlib: live rows, labels and parameters', async () => {
  for (const metric of ['euclidean', 'dot'] as const) {
    const bytes = hnswlib.get(metric === 'dot' ? 'ip' : 'l2') as Buffer;
    await using index = await load(bytes, { metric });
    assert.equal([index.dim, index.count, index.metric], [DIM, 7, metric]);
    assert.equal(Array.from(index.keysOf([0, 1, 6])), [100, 114, 149], '107 was deleted');
    assert.equal(index.vectors([0, 1, 6]), rowsOf(all, 0, 2, 7));
    const { M, efConstruction } = index.stats();
    assert.equal([M, efConstruction], [4, 33]);
    if (metric === 'euclidean') assert.is(index.search(all.subarray(10, 15), 1).keys[0], 114);
    assert.ok((await index.verify()).ok);
  }
  await using cosine = await load(hnswlib.get('cosine') as Buffer, { metric: 'cosine' });
  assert.is(cosine.search(all.subarray(20, 25), 1).keys[0], 128);
  await using empty = await load(hnswlib.get('empty') as Buffer, { metric: 'dot' });
  assert.equal([empty.dim, empty.count], [DIM, 0]);
});

test('usearch: every scalar that is read, with keys of 64 bits and the metric of the file', async () => {
  for (const [name, tolerance] of [
    ['l2-f32', 0],
    ['l2-f64', 0],
    ['l2-f16', 0],
    ['l2-bf16', 2 ** -7],
  ] as const) {
    await using index = await load(usearch.get(name) as Buffer);
    assert.equal([index.dim, index.count, index.metric], [DIM, 3, 'euclidean'], name);
    assert.equal(index.keys64Of([0, 1, 2]), BigInt64Array.of(10n, 2n ** 40n, 2n ** 60n));
    for (const [i, value] of index.vectors([0, 1, 2]).entries()) {
      const wanted = rowsOf(all, 0, 2, 3)[i] as number;
      assert.ok(Math.abs(value - wanted) <= Math.abs(wanted) * tolerance, `${name} ${i}`);
    }
    assert.is(index.stats().M, 8);
    assert.ok((await index.verify()).ok);
  }
  await using bytes = await load(usearch.get('l2-i8') as Buffer);
  const [row] = [bytes.vectors([1])];
  const length = Math.hypot(...row!);
  assert.ok(Math.abs(length - 1) < 0.02, 'usearch makes i8 vectors of unit length');
  const wanted = rowsOf(all, 2);
  for (const [i, value] of row!.entries()) {
    assert.ok(Math.abs(value - (wanted[i] as number) / Math.hypot(...wanted)) < 1 / 127);
  }
  for (const [name, metric] of [
    ['cos-f32', 'cosine'],
    ['ip-f32', 'dot'],
    ['empty', 'cosine'],
  ] as const) {
    await using index = await load(usearch.get(name) as Buffer);
    assert.is(index.metric, metric);
  }
  assert.is(await codeOfLoad(usearch.get('l2-b1') as Buffer), 'ERR_FILE_UNSUPPORTED');
  assert.is(await codeOfLoad(usearch.get('pearson-f32') as Buffer), 'ERR_ARG_TYPE');
  await using given = await load(usearch.get('pearson-f32') as Buffer, { metric: 'cosine' });
  assert.is(given.count, 3);
});

test('the caller may choose, and must where the file is silent', async () => {
  const error = await errorOf(() => load(l2()));
  assert.is(error.code, 'ERR_ARG_TYPE');
  assert.match(error.message, /metric/);
  await using index = await load(l2(), {
    metric: 'cosine',
    M: 9,
    efConstruction: 77,
    label: 'model',
    format: 'hnswlib',
    dim: DIM,
  });
  const { M, efConstruction, label } = index.stats();
  assert.equal([M, efConstruction, label], [9, 77, 'model']);
  assert.is(await codeOfLoad(l2(), { metric: 'cosine', dim: 6 }), 'ERR_DIM_MISMATCH');
  assert.is(await codeOfLoad(l2(), { metric: 'x' as never }), 'ERR_ARG_RANGE');
  assert.is(await codeOfLoad(l2(), { metric: 'dot', M: 1 }), 'ERR_ARG_RANGE');
  assert.is(await codeOfLoad(l2(), { metric: 'dot', format: 'faiss' as never }), 'ERR_ARG_RANGE');
  assert.is(await codeOfLoad(l2(), { metric: 'dot', format: 1 as never }), 'ERR_ARG_TYPE');
  assert.is(await codeOfLoad(l2(), { metric: 'dot', format: 'usearch' }), 'ERR_FILE_CORRUPT');
  assert.is(await codeOfLoad(f32(), { metric: 'dot', format: 'hnswlib' }), 'ERR_FILE_CORRUPT');
  assert.is(await codeOfLoad(l2(), { metric: 'dot', signal: 1 as never }), 'ERR_ARG_TYPE');
  assert.is(await codeOfLoad(l2(), { metric: 'dot', onProgress: 1 as never }), 'ERR_ARG_TYPE');
  assert.is(await codeOfLoad(l2(), null as never), 'ERR_ARG_TYPE');
  assert.is(await codeOf(() => VectorIndex.importFrom('/nowhere/x')), 'ERR_FILE_MISSING');
  assert.is(
    await codeOfLoad(Buffer.from('something else'), { metric: 'dot' }),
    'ERR_FILE_UNSUPPORTED',
  );
});

test('a folder appears when it is complete, and not otherwise', async () => {
  const parent = makeTempDir();
  const target = path.join(parent, 'deep', 'index');
  const seen: [number, number][] = [];
  await using index = await load(l2(), {
    metric: 'euclidean',
    path: target,
    onProgress: (done, total) => seen.push([done, total]),
  });
  assert.equal(seen, [[8, 8]]);
  assert.equal([index.path, index.count], [target, 7]);
  assert.equal(readdirSync(path.dirname(target)), ['index']);
  await index.add(Float32Array.of(1, 2, 3, 4, 5), { keys: [1] });

  const empty = path.join(parent, 'empty');
  mkdirSync(empty);
  await (await load(l2(), { metric: 'euclidean', path: empty })).close();
  await using opened = await VectorIndex.open(empty);
  assert.is(opened.count, 7);

  const taken = path.join(parent, 'taken');
  mkdirSync(taken);
  writeFileSync(path.join(taken, 'mine'), '');
  const names = readdirSync(parent);
  const refuse = async (bytes: Buffer, code: string, options: ImportOptions): Promise<void> => {
    assert.is(await codeOfLoad(bytes, { metric: 'euclidean', ...options }), code);
    assert.equal(readdirSync(parent), names);
  };
  await refuse(l2(), 'ERR_FILE_EXISTS', { path: taken });
  await refuse(l2(), 'ERR_FILE_EXISTS', { path: target });
  const fresh = path.join(parent, 'fresh');
  await refuse(l2(), 'ERR_ABORTED', { path: fresh, signal: AbortSignal.abort() });
  const nan = l2();
  nan.writeFloatLE(NaN, 96 + 36);
  await refuse(nan, 'ERR_VECTOR_INVALID', { path: fresh });
  await refuse(l2(), 'ERR_IO', { path: path.join(parent, 'taken', 'mine', 'x') });
});

test('a label that is there twice, or is no key of ours, is refused', async () => {
  const twice = l2();
  twice.copy(twice, 96 + 64 + 56, 96 + 128 + 56, 96 + 128 + 64);
  twice.copy(twice, 96 + 56, 96 + 128 + 56, 96 + 128 + 64);
  const error = await errorOf(() => load(twice, { metric: 'dot' }));
  assert.is(error.code, 'ERR_KEY_EXISTS');
  assert.match(error.message, /\.bin, live rows from 0 to 7/);
  const large = l2();
  large.writeBigUInt64LE(2n ** 63n, 96 + 56);
  assert.is(await codeOfLoad(large, { metric: 'dot' }), 'ERR_FILE_UNSUPPORTED');
});

test('cut anywhere: a typed error, or all rows where only links are gone', async () => {
  const whole = l2();
  const recordsEnd = 96 + 8 * 64;
  for (let length = 0; length < whole.length; length++) {
    for (const format of [undefined, 'hnswlib'] as const) {
      const code = await codeOfLoad(whole.subarray(0, length), { metric: 'euclidean', format });
      // Upper links are not needed; what is checked of them is that each element can have its length.
      const expected = length >= recordsEnd + 8 * 4 ? /^ok$/ : /^ERR_FILE_(CORRUPT|UNSUPPORTED)$/;
      assert.match(code, expected, `hnswlib at ${length}`);
    }
  }
  const other = f32();
  for (let length = 0; length < other.length; length++) {
    for (const format of [undefined, 'usearch'] as const) {
      const code = await codeOfLoad(other.subarray(0, length), { format });
      assert.match(code, /^ERR_FILE_(CORRUPT|UNSUPPORTED)$/, `usearch at ${length}`);
    }
  }
  assert.is(await codeOfLoad(Buffer.concat([other, Buffer.alloc(1)])), 'ERR_FILE_CORRUPT');
});

test('flipped bits: a typed error or a sound index', async () => {
  const counts = { ok: 0, refused: 0 };
  for (let i = 0; i < 1000; i++) {
    const damaged = i % 2 === 0 ? l2() : f32();
    for (let n = 1 + below(3); n > 0; n--) damaged[below(damaged.length)]! ^= 1 << below(8);
    try {
      await using index = await load(damaged, { metric: 'euclidean' });
      counts.ok++;
      assert.ok(index.count <= 8);
      const rows = Array.from({ length: index.count }, (_, row) => row);
      assert.ok(index.vectors(rows).every(Number.isFinite));
      if (index.count > 0 && i % 50 < 2) assert.ok((await index.verify()).ok);
    } catch (error) {
      assert.ok(isLibraryError(error), String(error));
      assert.match(
        error.code,
        /^ERR_(FILE_(CORRUPT|UNSUPPORTED|VERSION)|VECTOR_INVALID|KEY_EXISTS)$/,
        error.message,
      );
      counts.refused++;
    }
  }
  assert.ok(counts.ok > 100 && counts.refused > 100, JSON.stringify(counts));
});

test('counts that the file cannot hold are corrupt and take no memory', async () => {
  const before = process.memoryUsage().rss;
  const huge = [2n ** 31n, 2n ** 32n, 2n ** 53n, 2n ** 58n, 2n ** 63n, 2n ** 64n - 1n];
  for (const value of huge) {
    // hnswlib: max_elements and cur_element_count; then each of the other figures alone.
    const counts = l2();
    counts.writeBigUInt64LE(value, 8);
    counts.writeBigUInt64LE(value, 16);
    const code = await codeOfLoad(counts, { metric: 'dot', format: 'hnswlib' });
    assert.is(code, 'ERR_FILE_CORRUPT');
    for (const at of [0, 16, 24, 32, 40, 64]) {
      const bytes = l2();
      bytes.writeBigUInt64LE(value, at);
      const options: ImportOptions = { metric: 'dot', format: 'hnswlib' };
      assert.is(await codeOfLoad(bytes, options), 'ERR_FILE_CORRUPT', `${at} = ${value}`);
    }
    // usearch: present, deleted, dim; rows, connectivity and connectivity at level 0.
    for (const at of [17, 25, 33, 64, 64 + 8, 64 + 16]) {
      const bytes = f32();
      bytes.writeBigUInt64LE(value, HEAD + at);
      // No node of the file is above level 0, so that the links of upper levels say nothing.
      const expected = at === 64 + 8 ? /^(ok|ERR_FILE_CORRUPT)$/ : /^ERR_FILE_CORRUPT$/;
      assert.match(await codeOfLoad(bytes, { format: 'usearch' }), expected, `${at} = ${value}`);
    }
  }
  for (const level of [-1, 1, 32_767, -32_768]) {
    const bytes = f32();
    bytes.writeInt16LE(level, HEAD + 64 + 40);
    assert.is(await codeOfLoad(bytes), 'ERR_FILE_CORRUPT');
    bytes.writeInt16LE(level, HEAD + 64 + 40 + 4 * 2 + 8);
    // The next key is then read from among links, which is found out by what it is or where it ends.
    assert.match(await codeOfLoad(bytes), /^ERR_(FILE_CORRUPT|KEY_EXISTS)$/, `level ${level}`);
  }
  assert.ok(process.memoryUsage().rss - before < 64 * 2 ** 20, 'memory stayed');
});

test('a sparse file as long as its header says is read in blocks', async () => {
  const rows = 2 ** 34;
  const bytes = l2().subarray(0, 96);
  bytes.writeBigUInt64LE(BigInt(rows), 8);
  bytes.writeBigUInt64LE(BigInt(rows), 16);
  const file = fileOf(bytes, '.bin');
  truncateSync(file, 96 + rows * 68); // more than a TiB of zeros
  const before = process.memoryUsage().rss;
  // The second row has the label 0 of the first: the end of it, after one block.
  const code = await codeOf(() => VectorIndex.importFrom(file, { metric: 'euclidean' }));
  assert.is(code, 'ERR_KEY_EXISTS');
  assert.ok(process.memoryUsage().rss - before < 128 * 2 ** 20, 'memory stayed');
});

test('another version, key or slot, and a graph without vectors, are refused by kind', async () => {
  const changed = (at: number, value: number): Buffer => {
    const bytes = f32();
    bytes.writeUInt8(value, HEAD + at);
    return bytes;
  };
  assert.is(await codeOfLoad(changed(7, 3)), 'ERR_FILE_VERSION');
  assert.is(await codeOfLoad(changed(9, 9)), 'ERR_FILE_VERSION');
  assert.is(await codeOfLoad(changed(14, 99)), 'ERR_FILE_UNSUPPORTED');
  assert.is(await codeOfLoad(changed(15, 3)), 'ERR_FILE_UNSUPPORTED');
  assert.is(await codeOfLoad(changed(16, 2)), 'ERR_FILE_UNSUPPORTED');
  const bare = f32().subarray(HEAD);
  assert.is(await codeOfLoad(bare, { format: 'usearch' }), 'ERR_FILE_UNSUPPORTED');
});

test.run();
