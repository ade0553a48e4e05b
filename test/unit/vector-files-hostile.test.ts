/** Vector files that are cut, changed or lie: a typed error, or what their bytes say; never more memory. */
import { truncateSync } from 'node:fs';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { isLibraryError, openVectors, readKeys, readVectors } from '../../lib/engine';
import { ByteFile } from '../../lib/vectors/files/byte-file';
import { codeOf, errorOf } from '../helpers/errors';
import { fileOf, goldenFiles, goldenFloats } from '../helpers/vector-files';
import { randomOf } from '../helpers/vectors';

const seed = Number(process.env.SIGHTLINE_TEST_SEED ?? 20_261_125);
console.log(`seed ${seed}`);
const random = randomOf(seed);
const below = (n: number): number => Math.floor(random() * n);

const numpy = goldenFiles('numpy');
const HEADER = 128;

function npy(header: string, data: Uint8Array, version = 1): Buffer {
  const text = Buffer.from(header, 'latin1');
  const prefix = Buffer.alloc(version === 1 ? 10 : 12);
  prefix.write('\x93NUMPY', 'latin1');
  prefix.writeUInt8(version, 6);
  if (version === 1) prefix.writeUInt16LE(text.length, 8);
  else prefix.writeUInt32LE(text.length, 8);
  return Buffer.concat([prefix, text, data]);
}

const header = (shape: string, descr = "'<f4'", order = 'False'): string =>
  `{'descr': ${descr}, 'fortran_order': ${order}, 'shape': ${shape}, }`;

function fvecs(): Buffer {
  const bytes = Buffer.alloc(4 * 16);
  for (let row = 0; row < 4; row++) {
    bytes.writeInt32LE(3, row * 16);
    goldenFloats(12)
      .subarray(row * 3, row * 3 + 3)
      .forEach((x, i) => bytes.writeFloatLE(x, row * 16 + 4 + i * 4));
  }
  return bytes;
}

test('a .npy file cut anywhere is corrupt', async () => {
  for (const name of ['f4', 'version-2', 'i8-keys']) {
    const bytes = numpy.get(name) as Buffer;
    for (let length = 0; length < bytes.length; length++) {
      const file = fileOf(bytes.subarray(0, length), '.npy');
      assert.is(await codeOf(() => readKeys(file)), 'ERR_FILE_CORRUPT', `${name} at ${length}`);
    }
    const longer = fileOf(Buffer.concat([bytes, Buffer.alloc(1)]), '.npy');
    assert.is(await codeOf(() => openVectors(longer)), 'ERR_FILE_CORRUPT', 'one byte more');
  }
});

test('a .fvecs file cut between rows has fewer, and cut elsewhere is corrupt', async () => {
  const bytes = fvecs();
  for (let length = 0; length < bytes.length; length++) {
    const file = fileOf(bytes.subarray(0, length), '.fvecs');
    if (length % 16 === 0) {
      assert.equal(
        (await readVectors(file)).vectors,
        goldenFloats(12).subarray(0, (length / 16) * 3),
      );
    } else assert.is(await codeOf(() => readVectors(file)), 'ERR_FILE_CORRUPT', `at ${length}`);
  }
});

test('flipped bits give a typed error or the numbers the bytes are', async () => {
  let refused = 0;
  const originals = [
    { bytes: numpy.get('f4') as Buffer, ending: '.npy', dataAt: HEADER },
    { bytes: fvecs(), ending: '.fvecs', dataAt: 0 },
  ];
  for (let i = 0; i < 3000; i++) {
    const { bytes, ending, dataAt } = originals[i % 2]!;
    const damaged = Buffer.from(bytes);
    for (let n = 1 + below(3); n > 0; n--) damaged[below(damaged.length)]! ^= 1 << below(8);
    try {
      const { vectors, dtype, rows, dim } = await readVectors(fileOf(damaged, ending));
      if (dtype !== 'f4') continue;
      // The shape may have changed, (4, 3) to (6, 2) say, and with it nothing else.
      assert.is(vectors.length, rows * dim);
      const stride = ending === '.npy' ? dim * 4 : dim * 4 + 4;
      for (let at = 0; at < vectors.length; at++) {
        const lead = stride - dim * 4;
        const byte = dataAt + Math.floor(at / dim) * stride + lead + (at % dim) * 4;
        assert.ok(Object.is(vectors[at], damaged.readFloatLE(byte)), `${ending} value ${at}`);
      }
    } catch (error) {
      assert.ok(isLibraryError(error), String(error));
      assert.match(error.code, /^ERR_FILE_(CORRUPT|UNSUPPORTED|VERSION)$/);
      refused++;
    }
  }
  assert.ok(refused > 500, `${refused} refused`);
});

test('headers that no numpy writes are corrupt, whatever they try', async () => {
  const data = new Uint8Array(48);
  const bad = [
    '',
    '{',
    '}',
    '{}',
    '{{',
    header('(4, 3)').slice(0, -2),
    header('(4, 3'),
    header('4, 3'),
    header('(4 3)'),
    header('(12)'),
    header('(-4, 3)'),
    header('(4.0, 3)'),
    header('(0x4, 3)'),
    header('(4, 3, )(4, 3, )'),
    header('(,)'),
    header('(4,, 3)'),
    header('[4, 3]'),
    header('(4, 3)', 'None'),
    header('(4, 3)', '"<f4\''),
    header('(4, 3)', "'<f4'", '0'),
    header('(4, 3)', "'<f4'", 'false'),
    header('(4, 3)').replace('shape', 'Shape'),
    header('(4, 3)').replace('}', "'shape': (4, 3), }"),
    header('(4, 3)').replace('}', "'more': True, }"),
    header('(4, 3)').replace("'shape'", "__import__('os')"),
    `${header('(4, 3)')} + {}`,
    header("__import__('os').system('x')"),
    `{'descr': '<f4', 'fortran_order': False, }`,
    '{'.repeat(60_000),
    `{${' '.repeat(60_000)}`,
    header(`(${'1,'.repeat(20_000)})`).slice(0, 30_000),
  ];
  for (const text of bad) {
    const error = await errorOf(() => openVectors(fileOf(npy(text, data), '.npy')));
    assert.is(error.code, 'ERR_FILE_CORRUPT', text.slice(0, 90));
    assert.ok(error.message.length < 400, 'the message does not repeat the file');
  }
  // And what other writers of the format do is read.
  for (const text of [
    `{"shape": (4L, 3L), "descr": "<f4", "fortran_order": False}`,
    header('(4,3)').replace(', }', '}'),
    `  ${header('( 4 , 3 , )')}\n\n`,
  ]) {
    const { rows, dim } = await readVectors(fileOf(npy(text, data), '.npy'));
    assert.equal([rows, dim], [4, 3], text);
  }
});

test('counts that the file cannot hold are corrupt and take no memory', async () => {
  const shapes = [
    '(1000000000, 3)',
    '(3, 1000000000)',
    '(9007199254740991, 9007199254740991)',
    '(9007199254740992, 1)',
    '(4294967296, 4294967296)',
    '(1152921504606846976, 16)',
    '(99999999999999999999999999, 1)',
    '(9223372036854775807,)',
    '(18446744073709551617, 3)',
  ];
  const before = process.memoryUsage().rss;
  for (const shape of shapes) {
    const file = fileOf(npy(header(shape), new Uint8Array(48)), '.npy');
    assert.is(await codeOf(() => readVectors(file)), 'ERR_FILE_CORRUPT', shape);
  }
  for (const length of [48, 65_536, 2 ** 31, 2 ** 32 - 1]) {
    const bytes = npy(header('(4, 3)'), new Uint8Array(48), 2);
    bytes.writeUInt32LE(length, 8);
    assert.is(await codeOf(() => openVectors(fileOf(bytes, '.npy'))), 'ERR_FILE_CORRUPT');
  }
  for (const dim of [0, -1, -(2 ** 31), 2 ** 31 - 1, 4]) {
    const bytes = fvecs();
    bytes.writeInt32LE(dim, 0);
    assert.is(
      await codeOf(() => readVectors(fileOf(bytes, '.fvecs'))),
      'ERR_FILE_CORRUPT',
      `${dim}`,
    );
    const later = fvecs();
    later.writeInt32LE(dim, 32);
    const error = await errorOf(() => readVectors(fileOf(later, '.fvecs')));
    assert.is(error.code, 'ERR_FILE_CORRUPT');
    assert.match(error.message, /row 2 has/);
  }
  assert.ok(process.memoryUsage().rss - before < 64 * 2 ** 20, 'memory stayed');
});

test('a file larger than memory is read where it is asked for', async () => {
  const rows = 2 ** 29;
  const dim = 512;
  const file = fileOf(npy(header(`(${rows}, ${dim})`), new Uint8Array(0)), '.npy');
  const headerBytes = 10 + header(`(${rows}, ${dim})`).length;
  truncateSync(file, headerBytes + rows * dim * 4); // 1 TiB, of which the disk holds nothing
  const before = process.memoryUsage().rss;
  await using vectors = await openVectors(file);
  assert.equal([vectors.rows, vectors.dim], [rows, dim]);
  assert.equal(await vectors.read(rows - 2, 2), new Float32Array(2 * dim));
  for await (const block of vectors) {
    assert.is(block.length, 4096 * dim);
    break;
  }
  assert.ok(process.memoryUsage().rss - before < 128 * 2 ** 20, 'memory stayed');
  const error = await errorOf(() => readVectors(file));
  assert.is(error.code, 'ERR_NO_MEMORY');
  assert.match(error.message, /in blocks/);
});

test('bytes beyond the end are refused before room for them is made', async () => {
  const file = await ByteFile.open(fileOf(new Uint8Array(10), '.bin'));
  for (const [offset, length] of [
    [0, 11],
    [10, 1],
    [11, 0],
    [0, 2 ** 40],
    [2 ** 53, 2 ** 53],
    [-1, 1],
    [0, NaN],
    [Infinity, 1],
  ] as const) {
    const code = await codeOf(() => file.read(offset, length));
    assert.is(code, 'ERR_FILE_CORRUPT', `${offset} ${length}`);
  }
  assert.is((await file.read(10, 0)).length, 0);
  await file.close();
});

test('a file that shrinks while it is open is corrupt', async () => {
  const file = fileOf(numpy.get('f4') as Buffer, '.npy');
  await using vectors = await openVectors(file);
  truncateSync(file, HEADER + 20);
  assert.is(await codeOf(() => vectors.read(0, 4)), 'ERR_FILE_CORRUPT');
  assert.equal(await vectors.read(0, 1), goldenFloats(3), 'rows that are there are there');
});

test.run();
