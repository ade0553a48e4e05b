/** Copies of an index folder taken file by file while it is written to. `backup` is another matter. */
import { execFile } from 'node:child_process';
import {
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { isLibraryError, VectorIndex, type Storage } from '../../lib/engine';
import { codeOf } from '../helpers/errors';
import { makeTempDir } from '../helpers/temp';
import { noise } from '../helpers/vectors';

const DIM = 24;
const FILES = ['embeddings.dat', 'embeddings.idx', 'hnsw_index.bin', 'LOCK'];
const run = promisify(execFile);

/** The vector of every live key. */
function contentOf(index: VectorIndex): Map<number, string> {
  const rows = Uint32Array.from({ length: index.count }, (_, row) => row);
  const keys = index.keysOf(rows);
  const live = rows.filter((row) => index.rowOf(keys[row] as number) === row);
  return new Map(
    [...live].map((row) => [
      keys[row] as number,
      Buffer.from(Float32Array.from(index.vectors([row])).buffer).toString('base64'),
    ]),
  );
}

/** The files named, from the folders that hold them as they were at different moments. */
function assemble(target: string, from: Record<string, string>): void {
  rmSync(target, { recursive: true, force: true });
  mkdirSync(target);
  for (const [name, folder] of Object.entries(from)) {
    if (existsSync(path.join(folder, name)))
      copyFileSync(path.join(folder, name), path.join(target, name));
  }
}

const bytesIn = (folder: string): Record<string, string> =>
  Object.fromEntries(
    readdirSync(folder)
      .sort()
      .map((name) => [name, readFileSync(path.join(folder, name), 'base64')]),
  );

/** Opens, checks, and hands out what is in it. */
async function open(
  folder: string,
  readOnly: boolean,
): Promise<{ content: Map<number, string>; recovered: string | undefined }> {
  await using index = await VectorIndex.open(folder, { readOnly });
  assert.equal((await index.verify()).problems, []);
  const hits = await index.searchBatch(noise(3, DIM, 77), 5);
  assert.equal([...hits.counts], [5, 5, 5]);
  return { content: contentOf(index), recovered: index.stats().recovered };
}

test('files of any moments after the copy began open as one commit since, and say what is left out', async () => {
  const root = makeTempDir('copy');
  const live = path.join(root, 'live');
  await using index = await VectorIndex.create({ dim: DIM, path: live, metric: 'euclidean' });
  await index.add(noise(300, DIM, 1));
  await index.save();
  const states = [contentOf(index)];
  const moments: { folder: string; state: number; saved: number }[] = [];
  let saved = 0;
  const keep = (): void => {
    const folder = path.join(root, `moment-${moments.length}`);
    cpSync(live, folder, { recursive: true });
    moments.push({ folder, state: states.length - 1, saved });
  };
  keep();
  for (let i = 1; i <= 2; i++) {
    const keys = Array.from({ length: 20 }, (_, k) => 1000 * i + k);
    const commits = [
      () => index.add(noise(20, DIM, i), { keys }),
      () => index.update([3 * i, keys[1] as number], noise(2, DIM, 10 + i)),
      () => index.remove([5 * i, keys[2] as number]),
      () => index.rollbackTo(index.count - 4),
      () => index.add(noise(9, DIM, 20 + i), { keys: keys.slice(0, 9).map((k) => k + 500) }),
    ];
    for (const [at, commit] of commits.entries()) {
      await commit();
      states.push(contentOf(index));
      if (at === 3) {
        await index.save();
        saved = states.length - 1;
      }
    }
    keep();
  }
  const target = path.join(root, 'copy');
  for (const rows of moments) {
    for (const log of moments) {
      for (const graph of moments) {
        assemble(target, {
          'embeddings.dat': rows.folder,
          'embeddings.idx': log.folder,
          'hnsw_index.bin': graph.folder,
          LOCK: log.folder,
        });
        const where = [rows, log, graph].map(({ state }) => state).join();
        const before = bytesIn(target);
        const read = await open(target, true);
        assert.equal(bytesIn(target), before, `${where}: a reader writes nothing`);
        const is = states.findIndex(
          (s) => JSON.stringify([...s]) === JSON.stringify([...read.content]),
        );
        assert.ok(is >= 0, `${where}: the state of no commit`);
        assert.ok(is >= Math.min(rows.state, log.state) && is <= log.state, where);
        const whole = rows.state >= log.state && graph.saved <= log.state;
        if (whole) assert.is(is, log.state, where);
        assert.is(read.recovered === undefined, whole, `${where}: ${read.recovered ?? ''}`);
        // Told again as long as nothing is written.
        for (let i = 0; i < 2; i++) {
          const written = await open(target, false);
          assert.equal(written.content, read.content, where);
          assert.is(written.recovered, read.recovered, where);
        }
        {
          await using copy = await VectorIndex.open(target);
          await copy.add(noise(30, DIM, 9), { keys: Array.from({ length: 30 }, (_, k) => -1 - k) });
          assert.equal((await copy.verify()).problems, []);
        }
        const again = await open(target, false);
        assert.is(again.recovered, undefined, where);
        assert.is(again.content.size, read.content.size + 30, where);
        // By now it is an index of its own: what it loses is lost.
        truncateSync(path.join(target, 'embeddings.dat'), 1000);
        assert.is(await codeOf(() => VectorIndex.open(target)), 'ERR_FILE_CORRUPT', where);
      }
    }
  }
});

test('a log that was folded meanwhile takes no key away that was there when the copy began', async () => {
  const root = makeTempDir('copy');
  const live = path.join(root, 'live');
  await using index = await VectorIndex.create({ dim: DIM, path: live, metric: 'euclidean' });
  for (let i = 0; i < 60; i++) await index.add(noise(3, DIM, i));
  const began = path.join(root, 'began');
  cpSync(live, began, { recursive: true });
  const old = contentOf(index);
  for (let i = 0; i < 80; i++) {
    await index.add(noise(1, DIM, 100 + i), { keys: [1000 + i] });
    if (i % 4 === 0) await index.update([i], noise(1, DIM, 300 + i));
    if (i % 10 === 1) await index.remove([i + 60]);
  }
  const long = statSync(path.join(live, 'embeddings.idx')).size;
  await index.save();
  assert.ok(statSync(path.join(live, 'embeddings.idx')).size < long / 4, 'folded');
  const now = contentOf(index);
  const target = path.join(root, 'copy');
  assemble(target, { ...Object.fromEntries(FILES.map((f) => [f, live])), 'embeddings.dat': began });
  for (const readOnly of [true, false]) {
    const { content, recovered } = await open(target, readOnly);
    assert.match(recovered ?? '', /later rows are not in the copy/);
    for (const [key, vector] of old) {
      if (now.has(key)) assert.is(content.get(key), vector, `key ${key}`);
    }
    assert.ok([...content.keys()].every((key) => now.has(key)));
  }
  {
    await using copy = await VectorIndex.open(target);
    await copy.backup(path.join(root, 'of-copy'));
    await copy.add(noise(1, DIM, 5), { keys: [-1] });
  }
  assert.is(
    (await open(target, false)).content.size,
    (await open(path.join(root, 'of-copy'), true)).content.size + 1,
  );
});

test('space that was reserved for rows is not taken for rows; other damage is no copy of a moment', async () => {
  const root = makeTempDir('copy');
  const live = path.join(root, 'live');
  await using index = await VectorIndex.create({ dim: DIM, path: live });
  await index.add(noise(400, DIM, 1));
  await index.save();
  await index.add(noise(300, DIM, 2), { keys: Array.from({ length: 300 }, (_, k) => 1000 + k) });
  const copy = path.join(root, 'copy');
  const write = (at: number, bytes: Buffer): void => {
    rmSync(copy, { recursive: true, force: true });
    cpSync(live, copy, { recursive: true });
    writeSync(openSync(path.join(copy, 'embeddings.dat'), 'r+'), bytes, 0, bytes.length, at);
  };
  // Pages in the middle of what came last, and rows behind them.
  write(12 * 4096, Buffer.alloc(4096));
  const read = await open(copy, true);
  assert.is(read.content.size, 400);
  assert.match(read.recovered ?? '', /300 later rows/);
  // The first half of it was written only.
  write(500 * DIM * 4, Buffer.alloc(200 * DIM * 4));
  assert.is((await open(copy, true)).content.size, 400);
  write(650 * DIM * 4, Buffer.from('other bytes than were there before'));
  await using damaged = await VectorIndex.open(copy);
  assert.is(damaged.count, 700);
  assert.is(damaged.stats().recovered, undefined);
  assert.is(
    await codeOf(() => damaged.searchBatch(noise(1, DIM, 3), 5, { exact: true })),
    'ERR_FILE_CORRUPT',
  );
});

test('an index in its place that lost rows or commits is an error; without LOCK it is a copy', async () => {
  const root = makeTempDir('copy');
  for (const lost of ['embeddings.dat', 'embeddings.idx']) {
    const folder = path.join(root, lost);
    {
      await using index = await VectorIndex.create({ dim: DIM, path: folder });
      await index.add(noise(50, DIM, 1));
      await index.add(noise(50, DIM, 2), { keys: Array.from({ length: 50 }, (_, k) => 100 + k) });
    }
    const name = path.join(folder, lost);
    truncateSync(name, lost === 'embeddings.dat' ? 60 * DIM * 4 : 8192);
    for (const readOnly of [true, false])
      assert.is(await codeOf(() => VectorIndex.open(folder, { readOnly })), 'ERR_FILE_CORRUPT');
    rmSync(path.join(folder, 'LOCK'));
    const { content, recovered } = await open(folder, false);
    assert.is(content.size, 50);
    assert.ok(recovered);
    // What another program left there names nothing.
    writeFileSync(path.join(folder, 'LOCK'), 'x'.repeat(5000));
    assert.is((await open(folder, true)).content.size, 50);
  }
});

test('a copy across a compaction says so, and hard links can be read', async () => {
  const root = makeTempDir('copy');
  const live = path.join(root, 'live');
  const began = path.join(root, 'began');
  await using index = await VectorIndex.create({ dim: DIM, path: live });
  await index.add(noise(400, DIM, 1));
  await index.remove([5, 6, 7]);
  cpSync(live, began, { recursive: true });
  await run('cp', ['-al', live, path.join(root, 'links')]);
  await index.compact();
  await index.add(noise(20, DIM, 3), { keys: Array.from({ length: 20 }, (_, k) => 9000 + k) });
  assert.is((await open(path.join(root, 'links'), true)).content.size, 397);
  const target = path.join(root, 'copy');
  assemble(target, { ...Object.fromEntries(FILES.map((f) => [f, live])), 'embeddings.dat': began });
  for (const readOnly of [true, false]) {
    const error = await VectorIndex.open(target, { readOnly }).catch((reason: unknown) => reason);
    assert.ok(isLibraryError(error) && error.code === 'ERR_FILE_CORRUPT');
    assert.match(error.message, /across a compaction/);
  }
});

const TOOLS: [string, (from: string, to: string) => [string, string[]]][] = [
  ['cp -r', (from, to) => ['cp', ['-r', from, to]]],
  ['cp -a', (from, to) => ['cp', ['-a', from, to]]],
  [
    'tar',
    (from, to) => ['sh', ['-c', 'mkdir "$1" && tar -C "$0" -cf - . | tar -C "$1" -xf -', from, to]],
  ],
];
/** Files written beside and renamed vanish under a tool, which copies the others and complains. */
async function copyLive(tool: string, args: string[]): Promise<void> {
  try {
    await run(tool, args);
  } catch (error) {
    const lines = String((error as { stderr?: unknown }).stderr)
      .trim()
      .split('\n');
    if (!lines.every((line) => /\.tmp'?: No such file or directory$/.test(line))) throw error;
  }
}

const STORAGES: Storage[] = ['f32', 'f16', 'i8', 'i4', 'inline'];
for (const storage of STORAGES) {
  test(`${storage}: copies by tools while rows are added, and copies of those, hold all that was there`, async () => {
    const root = makeTempDir('copy');
    const live = path.join(root, 'live');
    await using index = await VectorIndex.create({ dim: DIM, path: live, storage });
    await index.add(noise(1500, DIM, 1));
    await index.save();
    let stop = false;
    const writer = (async () => {
      for (let i = 1; !stop; i++) {
        await index.add(noise(40, DIM, i));
        if (i % 3 === 0) await index.save();
      }
    })();
    try {
      for (const [name, command] of TOOLS) {
        const copy = path.join(root, `by-${name}`);
        const before = index.count;
        await copyLive(...command(live, copy));
        const { content } = await open(copy, true);
        assert.ok(content.size >= before, `${name}: ${content.size} of ${before}`);
        await run(...command(copy, `${copy}-again`));
        assert.is((await open(`${copy}-again`, false)).content.size, content.size);
      }
    } finally {
      stop = true;
      await writer;
    }
  });
}

test.run();
