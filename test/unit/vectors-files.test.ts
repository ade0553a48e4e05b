/** `addFile` and `exportFile`: files into an index and out of it. */
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import {
  isLibraryError,
  readKeys,
  readVectors,
  VectorIndex,
  writeKeys,
  writeVectors,
  type AddFileOptions,
} from '../../lib/engine';
import { makeTempDir } from '../helpers/temp';
import { codeOf, errorOf } from '../helpers/errors';
import { fileNamed } from '../helpers/vector-files';
import { noise } from '../helpers/vectors';

const DIM = 3;
const make = (): Promise<VectorIndex> => VectorIndex.create({ dim: DIM, metric: 'euclidean' });

async function fileWith(vectors: Float32Array, dim = DIM, ending = '.npy'): Promise<string> {
  const name = fileNamed(ending);
  await writeVectors(name, vectors, dim);
  return name;
}

test('a file of many blocks is added in order, with progress', async () => {
  await using index = await make();
  await index.add(noise(2, DIM, 1));
  const all = noise(10_000, DIM, 2);
  const seen: number[] = [];
  const added = await index.addFile(await fileWith(all), {
    onProgress: (done, total) => {
      assert.is(total, 10_000);
      seen.push(done);
    },
  });
  assert.equal(added, { firstRow: 2, rows: 10_000 });
  assert.equal(seen, [4096, 8192, 10_000]);
  assert.equal(
    index.vectors([2, 5000, 10_001]),
    Float32Array.of(...all.slice(0, 3), ...all.slice(14_994, 14_997), ...all.slice(-3)),
  );
  assert.equal(Array.from(index.keysOf([2, 10_001])), [2, 10_001]);
  assert.is(index.search(all.subarray(30, 33), 1).nodes[0], 12);
});

test('keys come from an array or from a file', async () => {
  await using index = await make();
  const file = await fileWith(noise(4, DIM, 3), DIM, '.fvecs');
  await index.addFile(file, { keys: [10, 20, 30, 40] });
  const keys = fileNamed('.npy');
  await writeKeys(keys, [1n, 2n, 3n, 2n ** 60n]);
  await index.addFile(file, { keys });
  assert.equal(index.keys64Of([0, 3, 4, 7]), BigInt64Array.of(10n, 40n, 1n, 2n ** 60n));
  assert.is(await codeOf(() => index.addFile(file, { keys })), 'ERR_KEY_EXISTS');
  assert.is(index.count, 8);
});

test('every kind of number is added as floats', async () => {
  await using index = await make();
  for (const values of [
    Float64Array.of(1.5, 2, 3),
    Uint16Array.of(0x3e00, 0x4000, 0x4200), // 1.5, 2, 3 in binary16
    Int8Array.of(-1, 2, 3),
    Uint8Array.of(255, 2, 3),
  ]) {
    const name = fileNamed('.npy');
    await writeVectors(name, values, DIM);
    await index.addFile(name);
  }
  assert.equal(
    index.vectors([0, 1, 2, 3]),
    Float32Array.of(1.5, 2, 3, 1.5, 2, 3, -1, 2, 3, 255, 2, 3),
  );
});

test('an aborted file says where to go on', async () => {
  await using index = await make();
  const all = noise(10_000, DIM, 4);
  const file = await fileWith(all);
  const abort = new AbortController();
  const error = await errorOf(() =>
    index.addFile(file, { signal: abort.signal, onProgress: () => abort.abort() }),
  );
  assert.is(error.code, 'ERR_ABORTED');
  const rows = isLibraryError(error) ? (error.details.rows as number) : -1;
  assert.is(rows, 4096);
  assert.is(index.count, rows);
  assert.equal(await index.addFile(file, { first: rows }), { firstRow: rows, rows: 10_000 - rows });
  assert.equal(index.vectors([9999]), all.slice(-3));
  assert.equal(await index.addFile(file, { first: 10_000 }), { firstRow: 10_000, rows: 0 });
  assert.equal(await index.addFile(file, { first: 7, count: 2 }), { firstRow: 10_000, rows: 2 });
  assert.equal(index.vectors([10_001]), all.slice(24, 27));
});

test('everything that is wrong is found before anything is added', async () => {
  await using index = await make();
  await index.add(noise(1, DIM, 5), { keys: [77] });
  const damaged = noise(9000, DIM, 6);
  damaged[8998 * DIM] = NaN;
  const nan = await errorOf(async () => index.addFile(await fileWith(damaged)));
  assert.is(nan.code, 'ERR_VECTOR_INVALID');
  assert.match(nan.message, /vector 8998\b/);
  const later = await errorOf(async () => index.addFile(await fileWith(damaged), { first: 5000 }));
  assert.match(later.message, /vector 8998\b/, 'counted in the file');

  const file = await fileWith(noise(9000, DIM, 7));
  const keys = Float64Array.from({ length: 9000 }, (_, i) => i + 1000);
  const refuse = async (options: object, code: string): Promise<void> =>
    assert.is(await codeOf(() => index.addFile(file, options as AddFileOptions)), code);
  await refuse({ keys: keys.with(8999, 1000) }, 'ERR_KEY_EXISTS');
  await refuse({ keys: keys.with(8999, 77) }, 'ERR_KEY_EXISTS');
  await refuse({ keys: keys.subarray(1) }, 'ERR_DIM_MISMATCH');
  await refuse({ keys: fileNamed('.npy') }, 'ERR_FILE_MISSING');
  await refuse({ keys: 5 }, 'ERR_ARG_TYPE');
  await refuse({ keys: '' }, 'ERR_ARG_RANGE');
  await refuse({ first: 9001 }, 'ERR_ARG_RANGE');
  await refuse({ first: 1, count: 9000 }, 'ERR_ARG_RANGE');
  await refuse({ first: -1 }, 'ERR_ARG_RANGE');
  await refuse({ threads: 0 }, 'ERR_ARG_RANGE');
  await refuse({ signal: 1 }, 'ERR_ARG_TYPE');
  await refuse({ format: 'fvecs' }, 'ERR_FILE_CORRUPT');
  await refuse({ signal: AbortSignal.abort() }, 'ERR_ABORTED');
  assert.is(await codeOf(() => index.addFile(file, null as never)), 'ERR_ARG_TYPE');
  assert.is(
    await codeOf(async () => index.addFile(await fileWith(noise(3, 4, 8), 4))),
    'ERR_DIM_MISMATCH',
  );
  assert.is(index.count, 1);
});

test('what is live is exported, and comes back', async () => {
  await using index = await make();
  const all = noise(9000, DIM, 9);
  await index.add(all, { keys: Float64Array.from({ length: 9000 }, (_, i) => i * 3) });
  await index.remove([0, 4500 * 3, 8999 * 3]);
  await index.update([3], Float32Array.of(1, 2, 3));
  const folder = makeTempDir();
  const seen: number[] = [];
  const report = await index.exportFile(path.join(folder, 'out.npy'), {
    onProgress: (done, total) => {
      assert.is(total, 9001);
      seen.push(done);
    },
  });
  assert.is(seen.at(-1), 9001);
  assert.equal(report, {
    rows: 8997,
    vectors: path.join(folder, 'out.npy'),
    keys: path.join(folder, 'out.keys.npy'),
  });
  assert.equal(readdirSync(folder).sort(), ['out.keys.npy', 'out.npy']);
  const keys = await readKeys(report.keys);
  const { vectors, rows } = await readVectors(report.vectors);
  assert.equal([rows, keys.length], [8997, 8997]);
  assert.equal([keys[0], keys.at(-1)], [6n, 3n], 'rows in order: the updated one is last');
  assert.equal(vectors.slice(0, 3), all.slice(6, 9));
  assert.equal(vectors.slice(-3), Float32Array.of(1, 2, 3));

  await using again = await make();
  await again.addFile(report.vectors, { keys: report.keys });
  assert.is(again.rowOf(3), 8996);
  assert.is(again.liveCount, index.liveCount);
});

test('an empty index exports nothing, as numpy would', async () => {
  await using index = await make();
  const file = path.join(makeTempDir(), 'none.npy');
  const { rows, keys } = await index.exportFile(file);
  assert.is(rows, 0);
  assert.match(readFileSync(file, 'latin1'), /'shape': \(0, 3\)/);
  assert.match(readFileSync(keys, 'latin1'), /'<i8'.*'shape': \(0,\)/);
  assert.equal(await index.addFile(file, { keys }), { firstRow: 0, rows: 0 });
});

test('an export that fails or is aborted leaves nothing', async () => {
  await using index = await make();
  await index.add(noise(9000, DIM, 10));
  const folder = makeTempDir();
  const file = path.join(folder, 'out.npy');
  const abort = new AbortController();
  const refuse = async (name: string, options: object, code: string): Promise<void> => {
    assert.is(await codeOf(() => index.exportFile(name, options)), code);
    assert.equal(readdirSync(folder), []);
  };
  await refuse(file, { signal: abort.signal, onProgress: () => abort.abort() }, 'ERR_ABORTED');
  await refuse(file, { keys: path.join(folder, 'no', 'k.npy') }, 'ERR_FILE_MISSING');
  await refuse(path.join(folder, 'no', 'out.npy'), {}, 'ERR_FILE_MISSING');
  await refuse(path.join(folder, 'out.fvecs'), {}, 'ERR_ARG_RANGE');
  await refuse(file, { keys: file }, 'ERR_ARG_RANGE');
  await refuse(file, { keys: 1 }, 'ERR_ARG_TYPE');
  await refuse(file, { signal: {} }, 'ERR_ARG_TYPE');
});

test.run();
