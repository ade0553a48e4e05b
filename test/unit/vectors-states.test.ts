/** The state matrix: every method x {open, adding, compacting, read-only, closing, closed}. */
import path from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { isLibraryError, VectorIndex, writeVectors } from '../../lib/engine';
import { makeTempDir } from '../helpers/temp';
import { noise } from '../helpers/vectors';

const DIM = 4;
const query = noise(1, DIM, 1);

const files = makeTempDir('states');
const oneRow = (async () => {
  const file = path.join(files, 'one.npy');
  await writeVectors(file, noise(1, DIM, 8), DIM);
  return file;
})();

/** What each method does to a sound index; `writes` ones are refused by a reader. */
const METHODS: Record<string, { writes: boolean; call: (index: VectorIndex) => unknown }> = {
  add: {
    writes: true,
    call: (index) => index.add(noise(1, DIM, 2), { keys: [1000 + index.count] }),
  },
  addFile: {
    writes: true,
    call: async (index) => index.addFile(await oneRow, { keys: [2000 + index.count] }),
  },
  update: {
    writes: true,
    call: (index) => index.update([0], noise(1, DIM, 6), { insertMissing: true }),
  },
  setMetadata: { writes: true, call: (index) => index.setMetadata([1], [{ a: 1 }]) },
  compact: { writes: true, call: (index) => index.compact() },
  tune: { writes: false, call: (index) => index.tune({ sampleQueries: 5 }) },
  remove: { writes: true, call: (index) => index.remove([1000]) },
  rollbackTo: { writes: true, call: (index) => index.rollbackTo(index.count) },
  save: { writes: true, call: (index) => index.save() },
  search: { writes: false, call: (index) => index.search(query, 2) },
  searchAsync: { writes: false, call: (index) => index.searchAsync(query, 2) },
  searchExact: { writes: false, call: (index) => index.searchExact(query, 2) },
  searchExactAsync: { writes: false, call: (index) => index.searchExactAsync(query, 2) },
  searchBatch: { writes: false, call: (index) => index.searchBatch(query, 2) },
  compileFilter: { writes: false, call: (index) => index.compileFilter([0]) },
  vectors: { writes: false, call: (index) => index.vectors([0]) },
  keysOf: { writes: false, call: (index) => index.keysOf([0]) },
  keys64Of: { writes: false, call: (index) => index.keys64Of([0]) },
  metadataOf: { writes: false, call: (index) => index.metadataOf([0]) },
  rowOf: { writes: false, call: (index) => index.rowOf(0) },
  warm: { writes: false, call: (index) => index.warm() },
  stats: { writes: false, call: (index) => index.stats() },
  verify: { writes: false, call: (index) => index.verify() },
  backup: {
    writes: false,
    call: (index) =>
      index.backup(path.join(makeTempDir(), 'copy')).catch((error: { code?: string }) => {
        // An index in memory has no folder.
        if (index.path !== undefined || error.code !== 'ERR_ARG_TYPE') throw error;
      }),
  },
  exportFile: {
    writes: false,
    call: (index) => index.exportFile(path.join(files, 'exported.npy')),
  },
};

async function outcome(work: () => unknown): Promise<string> {
  try {
    await work();
    return 'ok';
  } catch (error) {
    return isLibraryError(error) ? error.code : `not ours: ${String(error)}`;
  }
}

async function sample(): Promise<string> {
  const folder = path.join(makeTempDir(), 'index');
  await using index = await VectorIndex.create({ dim: DIM, path: folder });
  await index.add(noise(20, DIM, 3));
  return folder;
}

test('the matrix names every public method', () => {
  const writer = VectorIndex.prototype;
  const reader = Object.getPrototypeOf(writer) as object;
  const own = {
    ...Object.getOwnPropertyDescriptors(reader),
    ...Object.getOwnPropertyDescriptors(writer),
  };
  const names = Object.keys(own).filter((name) => {
    const property = own[name as keyof typeof own] as PropertyDescriptor | undefined;
    return typeof property?.value === 'function';
  });
  const internal = ['constructor', 'close', 'finish', 'queued'];
  const rest = names.filter((name) => !internal.includes(name));
  assert.equal(rest.sort(), Object.keys(METHODS).sort());
});

/** The same rows in a folder and in memory. */
async function bothKinds(): Promise<[VectorIndex, VectorIndex]> {
  const memory = await VectorIndex.create({ dim: DIM });
  await memory.add(noise(20, DIM, 3));
  return [await VectorIndex.open(await sample()), memory];
}

test('open: everything is allowed, in a folder and in memory', async () => {
  const both = await bothKinds();
  for (const index of both) {
    for (const [name, { call }] of Object.entries(METHODS)) {
      assert.is(await outcome(() => call(index)), 'ok', name);
    }
    assert.not.ok(index.isClosed);
    await index.close();
  }
  assert.ok(path.isAbsolute(both[0].path ?? ''));
  assert.is(both[1].path, undefined);
});

/** Calls every method at once, and says how each one ended. */
function callAll(index: VectorIndex): Promise<[string, string][]> {
  return Promise.all(
    Object.entries(METHODS).map(async ([name, { call }]): Promise<[string, string]> => [
      name,
      await outcome(() => call(index)),
    ]),
  );
}

const ALL_OK = Object.keys(METHODS).map((name) => [name, 'ok']);

test('adding: readers answer meanwhile, writers wait their turn', async () => {
  for (const index of await bothKinds()) {
    const before = index.count;
    let isAdding = true;
    const keys = Array.from({ length: 8_000 }, (_, i) => 20_000 + i);
    const adding = index.add(noise(8_000, DIM, 9), { keys }).then(() => (isAdding = false));
    // Rows count before they are linked: from here on it is under way.
    while (index.count === before && isAdding) await turn();
    assert.ok(isAdding);
    const all = callAll(index);
    assert.ok(isAdding, 'the calls did not wait');
    assert.is(index.search(query, 2).nodes.length, 2);
    assert.is(await outcome(() => index.searchAsync(query, 2)), 'ok');
    await adding;
    assert.equal(await all, ALL_OK);
    await index.close();
  }
});

test('compacting: readers answer meanwhile, writers wait their turn', async () => {
  for (const index of await bothKinds()) {
    const keys = Array.from({ length: 5_000 }, (_, i) => 20_000 + i);
    await index.add(noise(5_000, DIM, 9), { keys });
    await index.remove([20_000, 20_001]);
    let all: Promise<[string, string][]> | undefined;
    const report = await index.compact({
      onProgress: (done, total) => {
        if (all !== undefined) return;
        assert.ok(done < total, 'it is not over yet');
        all = callAll(index);
      },
    });
    assert.ok(report.dropped >= 2);
    // The rows that rollbackTo was asked to keep are fewer by now: refused, not misunderstood.
    assert.equal(
      await all,
      ALL_OK.map(([name]) => [name, name === 'rollbackTo' ? 'ERR_ARG_RANGE' : 'ok']),
    );
    await index.close();
  }
});

test('read-only: readers are allowed, writers are ERR_READ_ONLY', async () => {
  await using index = await VectorIndex.open(await sample(), { readOnly: true });
  assert.ok(index.isReadOnly);
  for (const [name, { writes, call }] of Object.entries(METHODS)) {
    assert.is(await outcome(() => call(index)), writes ? 'ERR_READ_ONLY' : 'ok', name);
  }
});

for (const readOnly of [false, true]) {
  test(`closing and closed${readOnly ? ', read-only' : ''}: everything is ERR_CLOSED`, async () => {
    const index = await VectorIndex.open(await sample(), { readOnly });
    const closing = index.close();
    assert.ok(index.isClosed);
    for (const state of ['closing', 'closed']) {
      for (const [name, { call }] of Object.entries(METHODS)) {
        assert.is(await outcome(() => call(index)), 'ERR_CLOSED', `${name} while ${state}`);
      }
      assert.is(index.close(), closing, 'the second close is the first');
      await closing;
    }
    assert.is(index.count, 20, 'figures stay');
    assert.is(index.liveCount, 20);
  });
}

test('close waits for every kind of work under way', async () => {
  const folder = await sample();
  const index = await VectorIndex.open(folder);
  const work = [
    index.add(noise(5000, DIM, 4), {
      keys: Float64Array.from({ length: 5000 }, (_, i) => 5000 + i),
    }),
    index.remove([3]),
    index.update([4], noise(1, DIM, 7)),
    index.save(),
    index.tune({ sampleQueries: 5 }),
    index.verify(),
    index.searchBatch(noise(500, DIM, 5), 5),
    index.searchAsync(query, 5),
    index.searchExactAsync(query, 5),
  ];
  const settled = Promise.allSettled(work);
  await index.close();
  for (const result of await settled) {
    // Searches are not queued behind the writers: one that has not begun may be refused.
    if (result.status === 'rejected')
      assert.is((result.reason as { code: string }).code, 'ERR_CLOSED');
  }
  await using again = await VectorIndex.open(folder, { readOnly: true });
  assert.is(again.count, 5021);
  assert.is(again.liveCount, 5019);
});

test('the lock is one per handle, also within a process, and close frees it', async () => {
  const folder = await sample();
  const first = await VectorIndex.open(folder);
  assert.is(await outcome(() => VectorIndex.open(folder)), 'ERR_FILE_LOCKED');
  await first.close();
  await using second = await VectorIndex.open(folder);
  assert.is(second.count, 20);
});

test.run();
