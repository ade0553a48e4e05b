/** Files of the engine: their bytes, reopening, damage, locks, readers beside a writer. */
import {
  copyFileSync,
  cpSync,
  mkdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { isLibraryError, VectorIndex } from '../../lib/engine';
import { codeOf } from '../helpers/errors';
import { rounds } from '../helpers/campaign';
import { makeTempDir } from '../helpers/temp';
import { clipLike, noise, randomOf } from '../helpers/vectors';

const SEED = 20_241_121;
const FILES = ['embeddings.dat', 'embeddings.idx', 'hnsw_index.bin'] as const;

const floatsOf = (file: string) => {
  const bytes = readFileSync(file);
  return new Float32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4);
};

test('embeddings.dat is the rows and nothing else, little-endian float32', async () => {
  const folder = path.join(makeTempDir(), 'a/b');
  const base = noise(300, 7, SEED);
  await using index = await VectorIndex.create({ dim: 7, metric: 'euclidean', path: folder });
  await index.add(base.subarray(0, 100 * 7));
  await index.add(base.subarray(100 * 7));
  const bytes = readFileSync(path.join(folder, 'embeddings.dat'));
  assert.is(bytes.length, 300 * 7 * 4);
  for (let i = 0; i < base.length; i += 131) assert.is(bytes.readFloatLE(i * 4), base[i]);
  assert.equal(floatsOf(path.join(folder, 'embeddings.dat')), base);
  assert.equal(
    index.vectors([299, 0]),
    Float32Array.of(...base.subarray(299 * 7), ...base.subarray(0, 7)),
  );
});

test('cosine rows are stored at unit length; unit rows bit for bit', async () => {
  await using index = await VectorIndex.create({ dim: 64 });
  const unit = clipLike(50, 64, SEED, 0);
  await index.add(unit);
  await index.add(unit.map((x) => x * 7));
  assert.equal(index.vectors(Array.from({ length: 50 }, (_, i) => i)), unit);
  const scaled = index.vectors(Array.from({ length: 50 }, (_, i) => 50 + i));
  scaled.forEach((x, i) => assert.ok(Math.abs(x - unit[i]!) < 1e-6));
});

test('reopening gives the same rows, keys, removals and answers', async () => {
  const folder = path.join(makeTempDir(), 'index');
  const dim = 32;
  const base = clipLike(3_000, dim, SEED + 1, 0);
  const queries = clipLike(20, dim, SEED + 1, 1);
  const ask = (index: VectorIndex) =>
    Array.from({ length: 20 }, (_, q) =>
      index.search(queries.subarray(q * dim, (q + 1) * dim), 10),
    );
  let before: unknown;
  {
    await using index = await VectorIndex.create({
      dim,
      path: folder,
      label: 'modèle',
      M: 12,
      seed: 7,
    });
    await index.add(base, {
      keys: Float64Array.from({ length: 3_000 }, (_, i) => (i * 7919) % 3_000),
    });
    await index.remove([1, 2, 3]);
    await index.add(base.subarray(0, dim), { keys: [2] });
    before = [ask(index), index.rowOf(2), index.rowOf(1), index.stats().levels];
  }
  for (const readOnly of [true, false, true]) {
    await using index = await VectorIndex.open(folder, { readOnly, label: 'modèle' });
    assert.equal([ask(index), index.rowOf(2), index.rowOf(1), index.stats().levels], before);
    assert.is(index.count, 3_001);
    assert.is(index.liveCount, 2_998);
    assert.equal((await index.verify()).problems, []);
    assert.is(index.stats().isUnsaved, false);
  }
  assert.is(await codeOf(() => VectorIndex.open(folder, { label: 'other' })), 'ERR_MODEL_MISMATCH');
  assert.is(await codeOf(() => VectorIndex.create({ dim, path: folder })), 'ERR_FILE_EXISTS');
  assert.is(await codeOf(() => VectorIndex.open(path.join(folder, 'x'))), 'ERR_FILE_MISSING');
});

test('a second writer is ERR_FILE_LOCKED and is told who holds it; readers are welcome', async () => {
  const folder = path.join(makeTempDir(), 'index');
  await using writer = await VectorIndex.create({ dim: 4, path: folder });
  await writer.add(noise(10, 4, SEED));
  await writer.save();
  try {
    await VectorIndex.open(folder);
    assert.unreachable();
  } catch (error) {
    assert.ok(isLibraryError(error) && error.code === 'ERR_FILE_LOCKED');
    assert.match(error.message, new RegExp(`\\b${process.pid}\\b`));
  }
  await using reader = await VectorIndex.open(folder, { readOnly: true });
  await writer.add(noise(10, 4, SEED + 1));
  assert.is(reader.count, 10, 'a reader sees what was there when it opened');
  await using later = await VectorIndex.open(folder, { readOnly: true });
  assert.is(later.count, 20, 'rows the snapshot lacks are linked');
  assert.is(later.search(noise(1, 4, SEED), 20).nodes.length, 20);
});

test('a graph that is older than a rollback, foreign or missing is built again', async () => {
  const dir = makeTempDir();
  const folder = path.join(dir, 'index');
  const dim = 16;
  const base = clipLike(2_000, dim, SEED + 2, 0);
  const make = async (at: string) => {
    const index = await VectorIndex.create({ dim, path: at });
    await index.add(base);
    await index.save();
    return index;
  };
  const index = await make(folder);
  copyFileSync(path.join(folder, 'hnsw_index.bin'), path.join(dir, 'old.bin'));
  await index.rollbackTo(1_500);
  await index.add(base.subarray(0, 600 * dim), {
    keys: Float64Array.from({ length: 600 }, (_, i) => 5_000 + i),
  });
  await index.close();
  await (await make(path.join(dir, 'other'))).close();
  const query = base.subarray(10 * dim, 11 * dim);
  for (const [name, source, problem] of [
    ['stale', path.join(dir, 'old.bin'), /older than a rollback/],
    ['foreign', path.join(dir, 'other/hnsw_index.bin'), /another index/],
    ['missing', undefined, undefined],
  ] as const) {
    if (source === undefined) rmSync(path.join(folder, 'hnsw_index.bin'));
    else copyFileSync(source, path.join(folder, 'hnsw_index.bin'));
    await using again = await VectorIndex.open(folder);
    const { graphProblem, graphRows } = again.stats();
    assert.is(graphRows, 2_100, name);
    if (problem === undefined) assert.is(graphProblem, undefined);
    else assert.match(graphProblem ?? '', problem);
    assert.equal((await again.verify()).problems, []);
    assert.equal(again.search(query, 1).distances, again.searchExact(query, 1).distances);
  }
});

test('a log that lost commits which the graph has seen is refused, with the remedy', async () => {
  const folder = path.join(makeTempDir(), 'index');
  const log = path.join(folder, 'embeddings.idx');
  const index = await VectorIndex.create({ dim: 4, path: folder });
  await index.add(noise(5, 4, SEED));
  const size = statSync(log).size;
  await index.add(noise(5, 4, SEED + 1));
  await index.close();
  truncateSync(log, size);
  try {
    await VectorIndex.open(folder);
    assert.unreachable();
  } catch (error) {
    assert.ok(isLibraryError(error) && error.code === 'ERR_FILE_CORRUPT');
    assert.match(error.message, /delete hnsw_index\.bin/);
  }
  rmSync(path.join(folder, 'hnsw_index.bin'));
  await using again = await VectorIndex.open(folder);
  assert.is(again.count, 5);
});

test('rows that no graph can be made of are read, removed and left behind by a compaction', async () => {
  const folder = path.join(makeTempDir(), 'index');
  const dim = 16;
  const base = noise(3_000, dim, SEED + 2);
  {
    await using index = await VectorIndex.create({ dim, metric: 'euclidean', path: folder });
    await index.add(base);
  }
  rmSync(path.join(folder, 'hnsw_index.bin'));
  const rows = path.join(folder, 'embeddings.dat');
  const bytes = readFileSync(rows);
  bytes[(2_990 * dim + 3) * 4] = (bytes[(2_990 * dim + 3) * 4] as number) ^ 1;
  writeFileSync(rows, bytes);
  for (const readOnly of [true, false]) {
    await using index = await VectorIndex.open(folder, { readOnly });
    assert.match(index.stats().graphProblem ?? '', /damaged; searches scan/);
    assert.is((await index.verify()).problems.length, 1);
    assert.is(await codeOf(() => index.search(base.subarray(0, dim), 3)), 'ERR_FILE_CORRUPT');
    assert.equal(index.vectors([7]), base.subarray(7 * dim, 8 * dim));
    if (readOnly) continue;
    assert.is(await codeOf(() => index.add(noise(1, dim, 5))), 'ERR_FILE_CORRUPT');
    assert.is(index.count, 3_000, 'nothing was stored');
    const lost = Array.from({ length: 3_000 }, (_, row) => row).filter((row) => {
      try {
        index.vectors([row]);
        return false;
      } catch {
        return true;
      }
    });
    assert.ok(lost.includes(2_990) && lost.length < 1_500, `${lost.length} rows`);
    await index.remove(lost);
    assert.is(index.search(base.subarray(0, dim), 1).keys[0], 0, 'they need not be read now');
    await index.compact();
    assert.is(index.stats().graphProblem, undefined);
    await index.add(noise(1, dim, 5), { keys: [10_000] });
    assert.equal((await index.verify()).problems, []);
  }
  await using again = await VectorIndex.open(folder);
  assert.is(again.search(noise(1, dim, 5), 1).keys[0], 10_000);
});

/** A small index with three adds, a removal and a rollback, and what it answers. */
async function fixture(folder: string) {
  const dim = 24;
  const base = clipLike(1_400, dim, SEED + 3, 0);
  const queries = clipLike(4, dim, SEED + 3, 1);
  {
    await using index = await VectorIndex.create({ dim, path: folder });
    await index.add(base.subarray(0, 700 * dim));
    await index.add(base.subarray(700 * dim));
    await index.remove([5, 600]);
    await index.rollbackTo(1_350);
    await index.add(base.subarray(1_350 * dim), {
      keys: Float64Array.from({ length: 50 }, (_, i) => 9_000 + i),
    });
  }
  const ask = (index: VectorIndex) =>
    Array.from({ length: 4 }, (_, q) => {
      const query = queries.subarray(q * dim, (q + 1) * dim);
      return [
        Array.from(index.search(query, 10).keys),
        Array.from(index.searchExact(query, 10).keys),
      ];
    });
  return { ask };
}

test('any flipped bit in any file: a typed error or the right answers', async () => {
  console.log(`seed ${SEED}`);
  const dir = makeTempDir();
  const folder = path.join(dir, 'index');
  const { ask } = await fixture(folder);
  const random = randomOf(SEED);
  const clean = await VectorIndex.open(folder, { readOnly: true });
  const answers = ask(clean);
  await clean.close();
  const work = path.join(dir, 'work');
  cpSync(folder, work, { recursive: true });
  const seen: Record<string, number> = {};
  const flips = rounds(150, 360);
  for (let round = 0; round < flips; round++) {
    const name = FILES[round % 3] as string;
    const file = path.join(work, name);
    const bytes = readFileSync(path.join(folder, name));
    // Half of the flips among the first 20 KB, where the headers are.
    const reach = random() < 0.5 ? Math.min(bytes.length, 20_000) : bytes.length;
    const at = Math.floor(random() * reach);
    bytes[at] = (bytes[at] as number) ^ (1 << Math.floor(random() * 8));
    writeFileSync(file, bytes);
    const readOnly = random() < 0.5;
    const where = `${name} byte ${at}, ${readOnly ? 'reader' : 'writer'}`;
    let index: VectorIndex | undefined;
    let outcome: string;
    try {
      index = await VectorIndex.open(work, { readOnly });
      const got = ask(index);
      assert.equal(
        got.map((pair) => pair[1]),
        answers.map((pair) => pair[1]),
        where,
      );
      if (name !== 'hnsw_index.bin') assert.equal(got, answers, where);
      outcome = 'right';
      if (name !== 'hnsw_index.bin') {
        assert.not.ok((await index.verify()).ok, `${where}: verify finds it`);
        outcome = 'right, found by verify';
      } else if (index.stats().graphProblem !== undefined) outcome = 'graph not used';
    } catch (error) {
      if (!isLibraryError(error)) throw error;
      assert.ok(
        ['ERR_FILE_CORRUPT', 'ERR_FILE_VERSION'].includes(error.code),
        `${where}: ${error.code} ${error.message}`,
      );
      outcome = error.code;
    }
    await index?.close().catch(() => undefined);
    seen[`${name}: ${outcome}`] = (seen[`${name}: ${outcome}`] ?? 0) + 1;
    for (const each of FILES) copyFileSync(path.join(folder, each), path.join(work, each));
  }
  console.log(seen);
  assert.ok((seen['embeddings.idx: ERR_FILE_CORRUPT'] ?? 0) > 0.22 * flips);
  assert.ok((seen['embeddings.dat: ERR_FILE_CORRUPT'] ?? 0) > 0.27 * flips);
  assert.ok((seen['hnsw_index.bin: graph not used'] ?? 0) > 0.16 * flips);
});

test('any truncation of any file: an earlier commit, a typed error or the right answers', async () => {
  console.log(`seed ${SEED}`);
  const dir = makeTempDir();
  const folder = path.join(dir, 'index');
  const { ask } = await fixture(folder);
  const random = randomOf(SEED + 1);
  const clean = await VectorIndex.open(folder, { readOnly: true });
  const answers = ask(clean);
  await clean.close();
  /** Rows after each record, see the fixture. */
  const commits = [0, 700, 1_400, 1_350];
  const work = path.join(dir, 'work');
  mkdirSync(work);
  for (const each of FILES) copyFileSync(path.join(folder, each), path.join(work, each));
  // An index in its place from here on, and no copy, which would open without what it lost.
  await (await VectorIndex.open(work)).close();
  for (let round = 0; round < rounds(90, 240); round++) {
    for (const each of FILES) copyFileSync(path.join(folder, each), path.join(work, each));
    const name = FILES[round % 3] as string;
    const size = statSync(path.join(work, name)).size;
    const length = round < 30 ? Math.max(0, size - 1 - (round >> 1)) : Math.floor(random() * size);
    truncateSync(path.join(work, name), length);
    // Without the graph, which would tell that the log lost its end.
    const noGraph = name === 'embeddings.idx' && random() < 0.7;
    if (noGraph) rmSync(path.join(work, 'hnsw_index.bin'));
    const where = `${name} cut to ${length} of ${size}`;
    try {
      await using index = await VectorIndex.open(work, { readOnly: random() < 0.5 });
      if (name === 'embeddings.idx') {
        assert.ok(noGraph, where);
        assert.ok(commits.includes(index.count), `${where}: ${index.count} rows`);
        assert.equal((await index.verify()).problems, [], where);
      } else {
        assert.is(name, 'hnsw_index.bin', where);
        assert.equal(
          ask(index).map((pair) => pair[1]),
          answers.map((pair) => pair[1]),
          where,
        );
        assert.ok(index.stats().graphProblem !== undefined, where);
      }
    } catch (error) {
      if (!isLibraryError(error)) throw error;
      assert.is(error.code, 'ERR_FILE_CORRUPT', `${where}: ${error.message}`);
    }
  }
});

test('odd names in the folder do not matter', async () => {
  const folder = path.join(makeTempDir(), 'index');
  const { ask } = await fixture(folder);
  const before = await VectorIndex.open(folder, { readOnly: true });
  const answers = ask(before);
  await before.close();
  for (const name of [
    'embeddings.idx.tmp',
    'hnsw_index.bin.tmp',
    'x~',
    '.hidden',
    'y'.repeat(255),
  ]) {
    writeFileSync(path.join(folder, name), 'junk');
  }
  mkdirSync(path.join(folder, 'sub'));
  await using index = await VectorIndex.open(folder);
  assert.equal(ask(index), answers);
  await index.add(noise(1, 24, SEED), { keys: [77_777] });
  await index.save();
});

test.run();
