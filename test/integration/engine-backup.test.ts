/** `backup`: a copy that opens, verifies and answers as its source did at that moment. */
import { spawn, type ChildProcess } from 'node:child_process';
import { mkdirSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { VectorIndex } from '../../lib/engine';
import { codeOf } from '../helpers/errors';
import { makeTempDir } from '../helpers/temp';
import { noise } from '../helpers/vectors';

const DIM = 12;
const ROWS = 1500;

async function makeIndex(folder: string): Promise<VectorIndex> {
  const index = await VectorIndex.create({
    dim: DIM,
    path: folder,
    metric: 'euclidean',
    storage: 'i8',
    label: 'a model',
  });
  const keys = Array.from({ length: ROWS }, (_, i) => 7 * i);
  await index.add(noise(ROWS, DIM, 1), { keys });
  await index.remove([0, 7, 14]);
  await index.tune({ sampleQueries: 20 });
  return index;
}

async function assertSame(copy: string, index: VectorIndex): Promise<void> {
  await using again = await VectorIndex.open(copy, { label: 'a model' });
  assert.is((await again.verify()).ok, true);
  assert.is(again.count, index.count);
  assert.is(again.liveCount, index.liveCount);
  assert.is(again.stats().graphProblem, undefined);
  assert.is(again.stats().storage, 'i8');
  assert.is(again.stats().efSearch, index.stats().efSearch);
  const queries = noise(50, DIM, 9);
  for (const exact of [true, false]) {
    const [a, b] = [
      await index.searchBatch(queries, 10, { exact }),
      await again.searchBatch(queries, 10, { exact }),
    ];
    assert.equal(b.keys, a.keys);
    assert.equal(b.distances, a.distances);
  }
  // It is an index of its own: it can be written to, and the source does not change.
  const before = index.count;
  await again.add(noise(3, DIM, 4), { keys: [-1, -2, -3] });
  assert.is(index.count, before);
}

test('a writer, a reader and a handle whose folder is gone give a copy that answers the same', async () => {
  const root = makeTempDir();
  await using index = await makeIndex(path.join(root, 'index'));
  const report = await index.backup(path.join(root, 'of-writer'));
  assert.equal(
    { ...report, bytes: report.bytes > 0 },
    { path: path.join(root, 'of-writer'), rows: ROWS, liveRows: ROWS - 3, bytes: true },
  );
  await assertSame(report.path, index);
  {
    await using reader = await VectorIndex.open(path.join(root, 'index'), { readOnly: true });
    await index.add(noise(5, DIM, 5), { keys: [1, 2, 3, 4, 5] });
    // What the reader opened, not what came since.
    assert.is((await reader.backup(path.join(root, 'of-reader'))).rows, ROWS);
  }
  await index.compact();
  mkdirSync(path.join(root, 'empty'));
  await index.backup(path.join(root, 'empty'));
  await assertSame(path.join(root, 'empty'), index);
  rmSync(path.join(root, 'index'), { recursive: true });
  await index.backup(path.join(root, 'rescued'));
  await assertSame(path.join(root, 'rescued'), index);
  assert.equal(readdirSync(root).sort(), ['empty', 'of-reader', 'of-writer', 'rescued']);
});

test('places that are taken, inside the index, absent or not ours are refused and nothing is left', async () => {
  const root = makeTempDir();
  const folder = path.join(root, 'index');
  await using index = await makeIndex(folder);
  mkdirSync(path.join(root, 'taken'));
  writeFileSync(path.join(root, 'taken/file'), 'theirs');
  writeFileSync(path.join(root, 'a-file'), 'theirs');
  symlinkSync(folder, path.join(root, 'link'));
  const refused: Record<string, string> = {
    taken: 'ERR_FILE_EXISTS',
    'a-file': 'ERR_FILE_EXISTS',
    link: 'ERR_FILE_EXISTS',
    index: 'ERR_FILE_EXISTS',
    'index/inside': 'ERR_ARG_RANGE',
    'link/inside': 'ERR_ARG_RANGE',
    'absent/inside': 'ERR_FILE_MISSING',
  };
  const before = readdirSync(folder).sort();
  for (const [name, code] of Object.entries(refused))
    assert.is(await codeOf(() => index.backup(path.join(root, name))), code, name);
  const controller = new AbortController();
  controller.abort();
  const { signal } = controller;
  assert.is(await codeOf(() => index.backup(path.join(root, 'new'), { signal })), 'ERR_ABORTED');
  assert.equal(readdirSync(folder).sort(), before);
  assert.equal(readdirSync(root).sort(), ['a-file', 'index', 'link', 'taken']);
  await using memory = await VectorIndex.create({ dim: DIM });
  assert.is(await codeOf(() => memory.backup(path.join(root, 'new'))), 'ERR_ARG_TYPE');
});

/** Adds rows and compacts until it is stopped; says when it has begun. */
function startWriter(folder: string): { child: ChildProcess; ready: Promise<unknown> } {
  const engine = path.resolve(__dirname, '../../lib/engine.js');
  const code = `
    const { VectorIndex } = require(${JSON.stringify(engine)});
    (async () => {
      const index = await VectorIndex.open(${JSON.stringify(folder)});
      for (let key = 1e6, i = 0; ; i++) {
        const keys = Array.from({ length: 20 }, () => key++);
        await index.add(Float32Array.from({ length: 20 * ${DIM} }, () => Math.random()), { keys });
        await index.remove(keys.slice(0, 5));
        if (i % 3 === 0) await index.save();
        if (i % 7 === 6) await index.compact();
        process.send(i);
      }
    })();`;
  const child = spawn(process.execPath, ['-e', code], {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
  return { child, ready: new Promise((resolve) => child.once('message', resolve)) };
}

test('while another process adds, removes, saves and compacts, every backup is sound', async () => {
  const root = makeTempDir();
  const folder = path.join(root, 'index');
  await (await makeIndex(folder)).close();
  const { child, ready } = startWriter(folder);
  const ended = new Promise((resolve) => child.once('exit', resolve));
  try {
    await ready;
    for (let i = 0; i < 6; i++) {
      await using reader = await VectorIndex.open(folder, { readOnly: true });
      const { path: copy, rows } = await reader.backup(path.join(root, `copy-${i}`));
      assert.is(rows, reader.count);
      await assertSame(copy, reader);
    }
  } finally {
    child.kill('SIGKILL');
    await ended;
  }
});

test.run();
