/** Vector files: what numpy wrote is read, what is written comes back, and what is refused has its code. */
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import {
  openVectors,
  readKeys,
  readVectors,
  writeKeys,
  writeVectors,
  type Values,
} from '../../lib/engine';
import { makeTempDir } from '../helpers/temp';
import { codeOf, errorOf } from '../helpers/errors';
import { fileNamed, fileOf, goldenFiles, goldenFloats } from '../helpers/vector-files';
import { noise } from '../helpers/vectors';

const numpy = goldenFiles('numpy');
const numpyFile = (name: string): string => fileOf(numpy.get(name) as Buffer, '.npy');

/** A TEXMEX file by hand: each row led by its dim. */
function texmex(rows: readonly (readonly number[])[], width: 1 | 4, float = true): Buffer {
  return Buffer.concat(
    rows.map((row) => {
      const record = Buffer.alloc(4 + row.length * width);
      record.writeInt32LE(row.length, 0);
      for (const [i, value] of row.entries()) {
        if (width === 1) record.writeUInt8(value, 4 + i);
        else if (float) record.writeFloatLE(value, 4 + 4 * i);
        else record.writeInt32LE(value, 4 + 4 * i);
      }
      return record;
    }),
  );
}

test('every type of number that numpy wrote comes back as floats', async () => {
  for (const name of ['f4', 'f2', 'f8', 'version-1', 'version-2', 'version-3']) {
    const { vectors, rows, dim, dtype } = await readVectors(numpyFile(name));
    assert.equal(vectors, goldenFloats(12), name);
    assert.equal([rows, dim], [4, 3]);
    assert.is(dtype, name.startsWith('v') ? 'f4' : name);
  }
  for (const [name, scale, shift] of [
    ['i1', 8, 0],
    ['i4', 8, 0],
    ['u1', 8, 50],
    ['u4', 8, 50],
  ] as const) {
    const { vectors, dtype } = await readVectors(numpyFile(name));
    assert.equal(
      vectors,
      goldenFloats(12).map((x) => x * scale + shift),
      name,
    );
    assert.is(dtype, name);
  }
});

test('an array without rows is one; a file needs no ending if its magic bytes are there', async () => {
  const none = await readVectors(numpyFile('no-rows'));
  assert.equal([none.rows, none.dim, none.vectors.length], [0, 3, 0]);
  await using file = await openVectors(fileOf(numpy.get('f4') as Buffer, ''));
  assert.is(file.format, 'npy');
});

test('values are given as the file holds them when that is asked for', async () => {
  await using half = await openVectors(numpyFile('f2'));
  const bits = await half.readValues(1, 1);
  assert.ok(bits instanceof Uint16Array);
  assert.is(bits.length, 3);
  await using wide = await openVectors(numpyFile('f8'));
  assert.equal(await wide.readValues(0, 4), Float64Array.from(goldenFloats(12)));
  await using keys = await openVectors(numpyFile('i8-keys'));
  assert.equal([keys.rows, keys.dim], [6, 1]);
  assert.ok((await keys.readValues(0, 6)) instanceof BigInt64Array);
  assert.is(await codeOf(() => keys.read(0, 6)), 'ERR_FILE_UNSUPPORTED');
});

test('keys are read from whole numbers of every width', async () => {
  const expected = BigInt64Array.from(goldenFloats(6), (x) => BigInt(x * 8));
  assert.equal(await readKeys(numpyFile('i8-keys')), expected);
  assert.equal(await readKeys(numpyFile('i4-keys')), expected);
  assert.equal(
    await readKeys(numpyFile('u8-keys')),
    expected.map((key) => key + 50n),
  );
  assert.equal(
    await readKeys(fileOf(texmex([[7], [-9]], 4, false), '.ivecs')),
    BigInt64Array.of(7n, -9n),
  );
  assert.is(await codeOf(() => readKeys(numpyFile('u8-keys-too-large'))), 'ERR_FILE_UNSUPPORTED');
  assert.is(await codeOf(() => readKeys(numpyFile('f4'))), 'ERR_FILE_UNSUPPORTED');
  assert.is(await codeOf(() => readKeys(numpyFile('i4'))), 'ERR_FILE_UNSUPPORTED', 'three columns');
});

test('what numpy writes and we do not read is refused by kind', async () => {
  const refused: Record<string, RegExp> = {
    fortran: /ascontiguousarray/,
    objects: /pickled/,
    'big-endian': />f4/,
    complex: /c8/,
    fields: /fields/,
    'three-axes': /3 axes/,
    scalar: /0 axes/,
    'no-columns': /no values/,
  };
  for (const [name, message] of Object.entries(refused)) {
    const error = await errorOf(() => openVectors(numpyFile(name)));
    assert.is(error.code, 'ERR_FILE_UNSUPPORTED', name);
    assert.match(error.message, message);
  }
  for (const [major, minor] of [
    [4, 0],
    [1, 1],
    [0, 1],
    [255, 255],
  ] as const) {
    const bytes = Buffer.from(numpy.get('f4') as Buffer);
    bytes.writeUInt8(major, 6);
    bytes.writeUInt8(minor, 7);
    assert.is(await codeOf(() => openVectors(fileOf(bytes, '.npy'))), 'ERR_FILE_VERSION');
  }
});

test('TEXMEX files are read', async () => {
  const rows = [
    [0.5, -1, 3],
    [1e-3, 2, 9],
  ];
  const floats = await readVectors(fileOf(texmex(rows, 4), '.fvecs'));
  assert.equal(floats.vectors, Float32Array.from(rows.flat()));
  assert.equal([floats.rows, floats.dim, floats.dtype], [2, 3, 'f4']);
  const bytes = await readVectors(fileOf(texmex([[0, 128, 255]], 1), '.bvecs'));
  assert.equal(bytes.vectors, Float32Array.of(0, 128, 255));
  await using truth = await openVectors(fileOf(texmex([[2 ** 30 + 1, -7]], 4, false), '.ivecs'));
  assert.equal(await truth.readValues(0, 1), Int32Array.of(2 ** 30 + 1, -7));
  const empty = await readVectors(fileOf(Buffer.alloc(0), '.fvecs'));
  assert.equal([empty.rows, empty.dim], [0, 0]);
});

test('every type and format comes back as it was written', async () => {
  const whole = Array.from({ length: 12 }, (_, i) => i * 9);
  const arrays: [string, Values][] = [
    ['.npy', noise(4, 3, 1)],
    ['.npy', Float64Array.from(noise(4, 3, 2))],
    ['.npy', Uint16Array.from(whole)],
    ['.npy', Int8Array.from(whole)],
    ['.npy', Uint8Array.from(whole)],
    ['.npy', Int32Array.from(whole, (x) => -x)],
    ['.npy', Uint32Array.from(whole, (x) => x + 2 ** 31)],
    ['.npy', BigInt64Array.from(whole, (x) => BigInt(x) - 2n ** 60n)],
    ['.npy', BigUint64Array.from(whole, (x) => BigInt(x) + 2n ** 63n)],
    ['.fvecs', noise(4, 3, 3)],
    ['.bvecs', Uint8Array.from(whole)],
    ['.ivecs', Int32Array.from(whole)],
  ];
  for (const [ending, values] of arrays) {
    const name = fileNamed(ending);
    assert.is(await writeVectors(name, values, 3), 4);
    await using file = await openVectors(name);
    assert.equal([file.rows, file.dim], [4, 3]);
    assert.equal(await file.readValues(0, 4), values, `${ending} ${file.dtype}`);
    assert.equal(await file.readValues(1, 2), values.slice(3, 9));
  }
});

test('what is written is byte for byte what numpy writes', async () => {
  const name = fileNamed('.npy');
  await writeVectors(name, goldenFloats(12), 3);
  assert.equal(readFileSync(name), numpy.get('f4'));
  await writeKeys(
    name,
    Array.from(goldenFloats(6), (x) => x * 8),
  );
  assert.equal(readFileSync(name), numpy.get('i8-keys'));
  await writeVectors(name, new Float32Array(0), 3);
  assert.equal(readFileSync(name), numpy.get('no-rows'));
});

test('blocks join to the whole, and one format streams into another', async () => {
  const all = noise(5000, 7, 4);
  const name = fileNamed('.fvecs');
  const parts = [all.subarray(0, 7 * 1234), all.subarray(7 * 1234)];
  assert.is(await writeVectors(name, parts, 7), 5000);
  await using file = await openVectors(name);
  const sizes: number[] = [];
  for await (const block of file.blocks(2000)) sizes.push(block.length / 7);
  assert.equal(sizes, [2000, 2000, 1000]);
  const copy = fileNamed('.npy');
  assert.is(await writeVectors(copy, file, file.dim), 5000);
  assert.equal((await readVectors(copy)).vectors, all);
  const [a, b] = await Promise.all([file.read(4999, 1), file.read(0, 1)]);
  assert.equal([a, b], [all.slice(-7), all.slice(0, 7)], 'calls may overlap');
});

test('ranges, types and states that are wrong have their codes', async () => {
  const name = numpyFile('f4');
  const file = await openVectors(name);
  for (const [first, count] of [
    [0, 5],
    [4, 1],
    [5, 0],
    [-1, 1],
    [0, 0.5],
    [NaN, 1],
    [0, 2 ** 53],
  ] as const) {
    assert.is(await codeOf(() => file.read(first, count)), 'ERR_ARG_RANGE', `${first} ${count}`);
  }
  assert.is(await codeOf(() => file.read('0' as never, 1)), 'ERR_ARG_TYPE');
  assert.is((await file.read(4, 0)).length, 0);
  await file.close();
  await file.close();
  assert.is(await codeOf(() => file.read(0, 1)), 'ERR_CLOSED');

  assert.is(await codeOf(() => openVectors(fileNamed('.npy'))), 'ERR_FILE_MISSING');
  assert.is(await codeOf(() => openVectors(makeTempDir())), 'ERR_FILE_UNSUPPORTED', 'a folder');
  assert.is(await codeOf(() => openVectors(5 as never)), 'ERR_ARG_TYPE');
  assert.is(await codeOf(() => openVectors('')), 'ERR_ARG_RANGE');
  assert.is(await codeOf(() => openVectors(name, { format: 'csv' as never })), 'ERR_ARG_RANGE');
  assert.is(await codeOf(() => openVectors(name, { format: 1 as never })), 'ERR_ARG_TYPE');
  assert.is(
    await codeOf(() => openVectors(fileOf(Buffer.from('1,2'), '.csv'))),
    'ERR_FILE_UNSUPPORTED',
  );
  assert.is(
    await codeOf(() => openVectors(fileOf(Buffer.from('1,2'), '.npy'))),
    'ERR_FILE_CORRUPT',
  );
});

test('what cannot be written is refused and leaves nothing behind', async () => {
  const folder = makeTempDir();
  const name = path.join(folder, 'a.npy');
  const write = (data: unknown, dim: unknown = 3, file = name): Promise<string> =>
    codeOf(() => writeVectors(file, data as Values, dim as number));
  assert.is(await write(new Float32Array(4)), 'ERR_DIM_MISMATCH');
  assert.is(await write([1, 2, 3]), 'ERR_ARG_TYPE');
  assert.is(await write('abc'), 'ERR_ARG_TYPE');
  assert.is(await write(null), 'ERR_ARG_TYPE');
  assert.is(await write(new DataView(new ArrayBuffer(3))), 'ERR_ARG_TYPE');
  assert.is(await write([new Float32Array(3), new Float64Array(3)]), 'ERR_ARG_TYPE', 'two types');
  assert.is(await write(new Float32Array(3), 0), 'ERR_ARG_RANGE');
  assert.is(await write(new Float32Array(3), '3'), 'ERR_ARG_TYPE');
  assert.is(await write(new Float32Array(3), 3, path.join(folder, 'a.csv')), 'ERR_ARG_RANGE');
  assert.is(await write(new Float32Array(3), 3, path.join(folder, 'a.bvecs')), 'ERR_ARG_TYPE');
  assert.is(
    await write(new Float32Array(3), 3, path.join(folder, 'no', 'a.npy')),
    'ERR_FILE_MISSING',
  );
  assert.is(await codeOf(() => writeKeys(path.join(folder, 'k.ivecs'), [1])), 'ERR_ARG_RANGE');
  assert.is(await codeOf(() => writeKeys(name, [0.5])), 'ERR_ARG_RANGE');
  async function* failing(): AsyncGenerator<Float32Array> {
    yield new Float32Array(3);
    throw new RangeError('mine');
  }
  const thrown = await writeVectors(name, failing(), 3).catch((error: unknown) => error);
  assert.instance(thrown, RangeError, 'an error of the caller comes through as it is');
  assert.equal(readdirSync(folder), []);
});

test('a file that cannot be replaced stays, and the new one goes', async () => {
  const folder = makeTempDir();
  const name = path.join(folder, 'a.npy');
  mkdirSync(name);
  writeFileSync(path.join(name, 'x'), '');
  assert.is(await codeOf(() => writeVectors(name, new Float32Array(3), 3)), 'ERR_IO');
  assert.equal(readdirSync(folder), ['a.npy']);
  writeFileSync(path.join(folder, 'b.npy'), 'old');
  assert.is(
    await codeOf(() => writeVectors(path.join(folder, 'b.npy'), new Float32Array(2), 3)),
    'ERR_DIM_MISMATCH',
  );
  assert.is(readFileSync(path.join(folder, 'b.npy'), 'utf8'), 'old');
});

test.run();
