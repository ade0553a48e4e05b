/** `compact`: removed rows go, keys stay, readers go on, and a crash leaves one index or the other. */
import { cpSync, existsSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { isLibraryError, VectorIndex } from '../../lib/engine';
import { recallOf } from '../helpers/recall';
import { makeTempDir } from '../helpers/temp';
import { clipLike } from '../helpers/vectors';

const SEED = 77;
const dim = 24;
const n = 3_000;
const queries = clipLike(50, dim, SEED, 9);
console.log(`seed ${SEED}`);

/** Keys 10, 20, ...; every third removed, some replaced. */
async function churned(where?: string): Promise<VectorIndex> {
  const index = await VectorIndex.create({ dim, label: 'x', ...(where ? { path: where } : {}) });
  const keys = Float64Array.from({ length: n }, (_, i) => (i + 1) * 10);
  await index.add(clipLike(n, dim, SEED, 0), { keys });
  await index.remove(keys.filter((_, i) => i % 3 === 0));
  await index.update(
    keys.filter((_, i) => i % 30 === 1),
    clipLike(n / 30, dim, SEED, 1),
  );
  return index;
}

const answers = async (index: VectorIndex) =>
  Array.from((await index.searchBatch(queries, 10, { exact: true })).keys);

test('removed rows leave the files, keys and answers stay, in memory and in a folder', async () => {
  const folder = path.join(makeTempDir(), 'index');
  for (const where of [undefined, folder]) {
    await using index = await churned(where);
    await index.save();
    const before = await answers(index);
    const progress: number[] = [];
    const total = index.count;
    const report = await index.compact({
      onProgress: (done, of) => {
        assert.is(of, total);
        progress.push(done);
      },
    });
    assert.is(progress.at(-1), total);
    assert.is(report.rows, 2_000);
    assert.is(report.dropped, 1_100);
    // Memory is taken in large steps, which an index this small does not fill.
    if (where !== undefined) assert.ok(report.bytesAfter < report.bytesBefore);
    assert.is(index.count, 2_000);
    assert.is(index.liveCount, 2_000);
    assert.equal(await answers(index), before);
    assert.ok((await recallOf(index, queries, { efSearch: 100 })) > 0.97);
    assert.equal((await index.verify()).problems, []);
    await index.add(clipLike(1, dim, SEED, 2), { keys: [1] });
    assert.is(index.rowOf(1), 2_000);
    await index.remove([1]);
    if (where === undefined) continue;
    assert.is(readFileSync(path.join(folder, 'embeddings.dat')).length, 2_001 * dim * 4);
    await index.compact();
    await index.compact();
    assert.is(index.count, 2_000);
    assert.equal(readdirSync(folder).sort(), [
      'LOCK',
      'embeddings.dat',
      'embeddings.idx',
      'hnsw_index.bin',
    ]);
  }
  await using again = await VectorIndex.open(folder, { label: 'x' });
  assert.is(again.count, 2_000);
  assert.is(again.stats().graphProblem, undefined);
  assert.equal((await again.verify()).problems, []);
});

test('searches go on meanwhile, in this handle and in readers that were open', async () => {
  const folder = path.join(makeTempDir(), 'index');
  await using index = await churned(folder);
  await using reader = await VectorIndex.open(folder, { readOnly: true });
  const before = await answers(index);
  let isDone = false;
  const compacting = index.compact({ threads: 1 }).then(() => (isDone = true));
  const adding = index.add(clipLike(1, dim, SEED, 3), { keys: [5] });
  // At least once, however busy the machine is: nothing was awaited yet.
  while (!isDone) {
    const hits = await answers(index);
    if (index.rowOf(5) === undefined) assert.equal(hits, before);
    assert.equal(await answers(reader), before);
    // A reader that opens in the middle sees the old or the new, never a mixture.
    await using late = await VectorIndex.open(folder, { readOnly: true });
    assert.equal(await answers(late), before);
  }
  await compacting;
  await adding;
  assert.ok(index.rowOf(5) !== undefined, 'a writer that waited was not lost');
  assert.equal(await answers(reader), before);
});

test('abort and close leave it as it was', async () => {
  const folder = path.join(makeTempDir(), 'index');
  {
    await using index = await churned(folder);
    const before = await answers(index);
    const stop = new AbortController();
    const aborted = index.compact({ signal: stop.signal, onProgress: () => stop.abort() });
    const code = await aborted.catch((error: unknown) => isLibraryError(error) && error.code);
    assert.is(code, 'ERR_ABORTED');
    assert.is(index.count, 3_100);
    assert.equal(await answers(index), before);
    assert.not.ok(existsSync(path.join(folder, 'compact.tmp')));
    await index.remove([20]);
    const closed = index.compact().catch((error: unknown) => isLibraryError(error) && error.code);
    await index.close();
    assert.is(await closed, 'ERR_ABORTED');
  }
  await using again = await VectorIndex.open(folder);
  assert.is(again.count, 3_100);
  assert.is(again.rowOf(20), undefined);
  assert.equal((await again.verify()).problems, []);
});

test('a crash between any two of its renames leaves the old index or the new one', async () => {
  const dir = makeTempDir();
  const old = path.join(dir, 'old');
  const before = await churned(old);
  const expected = await answers(before);
  await before.close();
  const made = path.join(dir, 'made');
  cpSync(old, made, { recursive: true });
  {
    await using index = await VectorIndex.open(made);
    await index.compact();
  }
  /** The folder as it is after the first `steps` renames. */
  const after = (steps: number): string => {
    const folder = path.join(dir, `after-${steps}`);
    cpSync(old, folder, { recursive: true });
    cpSync(made, path.join(folder, 'compact.tmp'), { recursive: true });
    const moves: [string, string][] = [
      ['compact.tmp/embeddings.dat', 'embeddings.dat.1'],
      ['compact.tmp/embeddings.idx', 'embeddings.idx'],
      ['compact.tmp/hnsw_index.bin', 'hnsw_index.bin'],
      ['embeddings.dat.1', 'embeddings.dat'],
    ];
    for (const [from, to] of moves.slice(0, steps)) {
      renameSync(path.join(folder, from), path.join(folder, to));
    }
    return folder;
  };
  for (let steps = 0; steps <= 4; steps++) {
    const folder = after(steps);
    for (const readOnly of [true, false, false]) {
      await using index = await VectorIndex.open(folder, { readOnly });
      assert.is(index.count, steps < 2 ? 3_100 : 2_000, `${steps} renames`);
      assert.equal(await answers(index), expected, `${steps} renames`);
      assert.equal((await index.verify()).problems, []);
    }
    const left = readdirSync(folder).filter((name) => /tmp|\.\d+$/.test(name));
    assert.equal(left, [], 'the writer swept up');
  }
});

test('a damaged row is not copied under a new checksum', async () => {
  const folder = path.join(makeTempDir(), 'index');
  await (await churned(folder)).close();
  const file = path.join(folder, 'embeddings.dat');
  const bytes = readFileSync(file);
  bytes[1_000 * dim * 4] = (bytes[1_000 * dim * 4] as number) ^ 1;
  writeFileSync(file, bytes);
  await using index = await VectorIndex.open(folder);
  const code = await index.compact().catch((error: unknown) => isLibraryError(error) && error.code);
  assert.is(code, 'ERR_FILE_CORRUPT');
  assert.is(index.count, 3_100);
});

test.run();
