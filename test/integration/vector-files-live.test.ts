/** With the other libraries themselves: numpy reads what we write, and their indexes become ours. */
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { openVectors, readKeys, readVectors, VectorIndex, writeVectors } from '../../lib/engine';
import { skip, testUnless } from '../helpers/skip';
import { makeTempDir } from '../helpers/temp';
import { clipLike } from '../helpers/vectors';

const PYTHON = '/usr/bin/python3';
const seed = Number(process.env.SIGHTLINE_TEST_SEED ?? 7);
console.log(`seed ${seed}`);
const folder = makeTempDir('vector-files-live');
const named = (name: string): string => path.join(folder, name);

function python(script: string, ...args: string[]): string {
  return execFileSync(PYTHON, ['-c', script, ...args], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
  });
}

/** @returns why it cannot be used, or undefined */
function lacks(module: string): string | undefined {
  try {
    python(`import ${module}`);
    return undefined;
  } catch {
    return `no ${module} for ${PYTHON}`;
  }
}

const withNumpy = testUnless(lacks('numpy'));
const withHnswlib = testUnless(lacks('numpy') ?? lacks('hnswlib'));

interface UsearchIndex {
  add(keys: BigUint64Array, vectors: Float32Array): void;
  remove(key: bigint): number;
  save(file: string): void;
}
type Usearch = { readonly Index: new (options: object) => UsearchIndex };

function loadUsearch(): Usearch | undefined {
  try {
    return createRequire(__filename)('usearch') as Usearch;
  } catch {
    return undefined;
  }
}

const ROWS = 9000;
const DIM = 48;
const all = clipLike(ROWS, DIM, seed, 0);
const query = clipLike(1, DIM, seed, 1);

/** Both must hold the same rows under the same keys, and find the same. */
async function assertSame(index: VectorIndex, removed: (row: number) => boolean): Promise<void> {
  const live = Array.from({ length: ROWS }, (_, row) => row).filter((row) => !removed(row));
  assert.is(index.count, live.length);
  for (const [i, row] of live.entries()) {
    if (i % 97 !== 0) continue;
    assert.is(index.rowOf(row * 3 + 1), i);
    assert.equal(index.vectors([i]), all.slice(row * DIM, (row + 1) * DIM));
  }
  const exact = index.searchExact(query, 10);
  const found = index.search(query, 10, { efSearch: 200 });
  const shared = found.keys.filter((key) => exact.keys.includes(key)).length;
  assert.ok(shared >= 9, `${shared} of 10 found`);
  assert.ok((await index.verify()).ok);
}

withNumpy('numpy reads every type we write, and we read every version it writes', async () => {
  const arrays = {
    f4: all,
    f8: Float64Array.from(all),
    i1: Int8Array.from(all, (x) => x * 100),
    u1: Uint8Array.from(all, (x) => Math.abs(x) * 100),
    i4: Int32Array.from(all, (x) => x * 1e6),
    i8: BigInt64Array.from(all, (x) => BigInt(Math.round(x * 1e6)) << 40n),
  };
  for (const [name, values] of Object.entries(arrays)) {
    const file = named(`${name}.npy`);
    await writeVectors(file, values, DIM);
    const raw = named(`${name}.raw`);
    const shape = python(
      'import sys, numpy as np; a = np.load(sys.argv[1], allow_pickle=False); a.tofile(sys.argv[2]);' +
        'print(a.dtype.str[1:], *a.shape)',
      file,
      raw,
    );
    assert.is(shape.trim(), `${name} ${ROWS} ${DIM}`);
    for (const version of ['1, 0', '2, 0', '3, 0']) {
      python(
        'import sys, numpy as np; a = np.fromfile(sys.argv[1], sys.argv[2]).reshape(-1, int(sys.argv[3]))\n' +
          `np.lib.format.write_array(open(sys.argv[4], "wb"), a, version=(${version}))`,
        raw,
        name,
        String(DIM),
        file,
      );
      await using read = await openVectors(file);
      assert.is(read.dtype, name);
      assert.equal(await read.readValues(0, read.rows), values, `${name} ${version}`);
    }
  }
});

withNumpy('an export is what numpy sees in the index', async () => {
  await using index = await VectorIndex.create({ dim: DIM, path: named('exported') });
  await index.add(all.subarray(0, 100 * DIM));
  await index.remove([50]);
  const report = await index.exportFile(named('out.npy'));
  const answer = python(
    'import sys, numpy as np; v = np.load(sys.argv[1]); k = np.load(sys.argv[2])\n' +
      'm = np.memmap(sys.argv[3], "f4").reshape(-1, v.shape[1])\n' +
      'print(v.shape, v.dtype, k.dtype, np.array_equal(v, m[k]), 50 in k)',
    report.vectors,
    report.keys,
    path.join(named('exported'), 'embeddings.dat'),
  );
  assert.is(answer.trim(), `(99, ${DIM}) float32 int64 True False`);
  assert.is((await readKeys(report.keys)).length, 99);
  assert.is((await readVectors(report.vectors)).rows, 99);
});

withHnswlib('an hnswlib index of several blocks becomes ours', async () => {
  writeFileSync(named('all.f4'), all);
  python(
    `import sys, numpy as np, hnswlib
v = np.fromfile(sys.argv[1], 'f4').reshape(-1, ${DIM})
index = hnswlib.Index(space='l2', dim=${DIM})
index.init_index(max_elements=len(v) + 100, M=12, ef_construction=40)
index.add_items(v, np.arange(len(v)) * 3 + 1, num_threads=1)
for row in range(0, len(v), 10): index.mark_deleted(row * 3 + 1)
index.save_index(sys.argv[2])`,
    named('all.f4'),
    named('hnsw.bin'),
  );
  await using index = await VectorIndex.importFrom(named('hnsw.bin'), {
    metric: 'euclidean',
    path: named('from-hnswlib'),
  });
  await assertSame(index, (row) => row % 10 === 0);
  assert.equal([index.stats().M, index.stats().efConstruction], [12, 40]);
});

const usearch = loadUsearch();
test('a usearch index of several blocks is imported', async () => {
  if (usearch === undefined) return skip('no usearch');
  const index = new usearch.Index({ dimensions: DIM, metric: 'l2sq', connectivity: 12 });
  const keys = BigUint64Array.from({ length: ROWS }, (_, row) => BigInt(row * 3 + 1));
  index.add(keys, all);
  for (let row = 0; row < ROWS; row += 10) index.remove(BigInt(row * 3 + 1));
  index.save(named('all.usearch'));
  const ours = await VectorIndex.importFrom(named('all.usearch'), { efConstruction: 60 });
  // Its threads take rows as they come: order is theirs, so that rows are looked up by key.
  assert.is(ours.count, ROWS - ROWS / 10);
  assert.is(ours.stats().M, 12);
  assert.is(ours.rowOf(1), undefined, 'removed');
  for (let row = 1; row < ROWS; row += 97) {
    const at = ours.rowOf(row * 3 + 1);
    if (row % 10 === 0) assert.is(at, undefined);
    else assert.equal(ours.vectors([at as number]), all.slice(row * DIM, (row + 1) * DIM));
  }
  assert.ok((await ours.verify()).ok);
  await ours.close();
});

test.run();
