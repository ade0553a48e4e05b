/** The portable engine beside the native one: what they find, each other's files, locks, memory. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import * as assert from 'uvu/assert';
import { test } from 'uvu';
import { VectorIndex } from '../../lib/engine';
import { loadFrom, whyPortable } from '../../lib/native';
import { wasmFileOf } from '../../lib/native/candidates';
import { codeOf } from '../helpers/errors';
import {
  DIM,
  findIn,
  noPortable,
  onPortable,
  PORTABLE,
  recallOf,
  type Found,
} from '../helpers/portable';
import { testUnless } from '../helpers/skip';
import { makeTempDir } from '../helpers/temp';
import { clipLike } from '../helpers/vectors';

const portable = testUnless(noPortable);

const ROWS = 2_000;
const buildNative = async (options: object = {}): Promise<VectorIndex> => {
  const index = await VectorIndex.create({ dim: DIM, seed: 5, ...options });
  await index.add(clipLike(ROWS, DIM, 3, 0), { threads: 1 });
  return index;
};

for (const storage of ['f32', 'f16', 'i8', 'i4', 'inline']) {
  portable(
    `${storage}: as many true neighbors as the native engine, distances within the bound`,
    async () => {
      const program = (exact: boolean) => `
      const index = await VectorIndex.create({ dim: ${DIM}, seed: 5, storage: '${storage}' });
      await index.add(clipLike(${ROWS}, ${DIM}, 3, 0));
      await index.warm();
      return findIn(index, ${exact});`;
      await using index = await buildNative({ storage });
      await index.warm();
      const truth = findIn(index, true);
      const exact = onPortable(program(true)) as Found;
      assert.is(exact.kernel, 'wasm');
      exact.distances.forEach((distance, i) => {
        const expected = truth.distances[i] ?? Number.NaN;
        assert.ok(Math.abs(distance - expected) <= 1e-5, `${i}: ${distance}, expected ${expected}`);
      });
      assert.ok(recallOf(exact, truth) >= 0.999, 'only rows at equal distances may change places');
      const native = recallOf(findIn(index, false), truth);
      const walked = recallOf(onPortable(program(false)) as Found, truth);
      assert.ok(native > 0.9 && walked >= native - 0.01, `${walked}, the native engine ${native}`);
    },
  );
}

portable(
  'a folder that the native engine wrote is read and written, and the other way round',
  async () => {
    const folder = path.join(makeTempDir(), 'index');
    const index = await buildNative({ path: folder });
    await index.remove([7, 8, 9]);
    const before = findIn(index, true);
    await index.close();

    const seen = onPortable(
      `const index = await VectorIndex.open(input, { readOnly: true });
     return findIn(index, true);`,
      folder,
    ) as Found;
    assert.ok(recallOf(seen, before) >= 0.999);

    const written = onPortable(
      `const index = await VectorIndex.open(input);
     await index.update(Array.from({ length: 50 }, (_, i) => 20 + i), clipLike(50, ${DIM}, 3, 4));
     await index.remove([30]);
     await index.add(clipLike(500, ${DIM}, 3, 5), { keys: Array.from({ length: 500 }, (_, i) => 5000 + i) });
     const { problems } = await index.verify();
     const found = findIn(index, true);
     const row = [...index.vectors([${ROWS + 100}])];
     await index.close();
     return { found, problems, row };`,
      folder,
    ) as { found: Found; problems: string[]; row: number[] };
    assert.equal(written.problems, []);

    await using again = await VectorIndex.open(folder);
    assert.is(again.stats().graphProblem, undefined);
    assert.equal((await again.verify()).problems, []);
    assert.is(again.stats().liveCount, ROWS - 3 - 1 + 500);
    assert.equal([...again.vectors([ROWS + 100])], written.row);
    assert.ok(recallOf(written.found, findIn(again, true)) >= 0.999);
  },
);

portable('one writer at a time, whichever engine it has; readers need no lock', async () => {
  const folder = path.join(makeTempDir(), 'index');
  const index = await buildNative({ path: folder });
  const open = (env: Record<string, string> = {}) =>
    onPortable('await VectorIndex.open(input)', folder, env) as { code: string; message: string };
  assert.is(open().code, 'ERR_FILE_LOCKED');
  assert.match(open().message, new RegExp(`process ${process.pid}$`));
  await index.close();

  const engine = path.resolve(__dirname, '../../lib/engine.js');
  const holder = spawn(
    process.execPath,
    [
      '-e',
      `require(${JSON.stringify(engine)}).VectorIndex.open(${JSON.stringify(folder)})
         .then(() => console.log('held')); setInterval(() => {}, 1e6);`,
    ],
    { env: { ...process.env, SIGHTLINE_ADDON: PORTABLE }, stdio: ['ignore', 'pipe', 'inherit'] },
  );
  await once(holder.stdout, 'data');
  assert.is(await codeOf(VectorIndex.open(folder)), 'ERR_FILE_LOCKED');
  holder.kill('SIGKILL');
  await once(holder, 'exit');
  await (await VectorIndex.open(folder)).close();

  // Where the system has no `flock` command there is no lock to be had.
  const without = open({ PATH: makeTempDir() });
  assert.is(without.code, 'ERR_PORTABLE_ENGINE');
  assert.match(without.message, /npm run build:native/);
  const rows = onPortable(
    `const index = await VectorIndex.open(input, { readOnly: true }); return index.count;`,
    folder,
    { PATH: makeTempDir() },
  );
  assert.is(rows, ROWS);
});

/** A copy of the engine whose memory ends at `pages` of 64 KB. */
function withMemory(pages: number): string {
  const folder = makeTempDir();
  const module = readFileSync(PORTABLE);
  copyFileSync(
    path.join(path.dirname(PORTABLE), 'node-api.cjs'),
    path.join(folder, 'node-api.cjs'),
  );
  let at = 8;
  const number = (): number => {
    let value = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = module[at++] ?? 0;
      value += (byte & 127) * 2 ** shift;
      if (byte < 128) return value;
    }
  };
  for (;;) {
    const section = number();
    const size = number();
    if (section === 5) break;
    at += size;
  }
  assert.is(number(), 1, 'one memory');
  assert.is(number(), 1, 'with a limit');
  number();
  const start = at;
  number();
  // As many bytes as before.
  for (let i = start, rest = pages; i < at; i++, rest = Math.floor(rest / 128)) {
    module[i] = (rest % 128) + (i + 1 < at ? 128 : 0);
  }
  const file = path.join(folder, 'sightline.wasm');
  writeFileSync(file, module);
  return file;
}

portable('memory that ends is ERR_NO_MEMORY, and the index goes on', () => {
  const result = onPortable(
    `const index = await VectorIndex.create({ dim: 512 });
     const rows = noise(1000, 512, 1);
     let error;
     for (let i = 0; i < 100 && error === undefined; i++) error = await index.add(rows).then(() => undefined, (e) => e);
     const hits = index.search(rows.subarray(0, 512), 1);
     return { code: error?.code, kept: index.count, key: hits.keys[0] };`,
    null,
    { SIGHTLINE_ADDON: withMemory(1024) },
  ) as { code: string; kept: number; key: number };
  assert.is(result.code, 'ERR_NO_MEMORY');
  assert.ok(result.kept >= 5_000 && result.kept < 32_000, `${result.kept} rows in 64 MB`);
  assert.is(result.key, 0);
});

portable('it is what a package without a binary for this machine loads, and says why', () => {
  const root = makeTempDir();
  mkdirSync(path.dirname(wasmFileOf(root)), { recursive: true });
  cpSync(path.dirname(PORTABLE), path.dirname(wasmFileOf(root)), { recursive: true });
  assert.is(whyPortable(), undefined);
  assert.is(loadFrom(root).kernelName(), 'wasm');
  assert.match(whyPortable() ?? '', /there is no file of it in/);
});

portable('timers have their turn between the parts of an append', () => {
  const ticks = onPortable(
    `const index = await VectorIndex.create({ dim: 64 });
     let ticks = 0;
     const timer = setInterval(() => ticks++, 1);
     await index.add(noise(6000, 64, 1));
     clearInterval(timer);
     return ticks;`,
  );
  assert.ok((ticks as number) >= 2, `${String(ticks)} turns`);
});

portable('SIGHTLINE_KERNEL chooses among its kernels too', () => {
  const program = 'return (await VectorIndex.create({ dim: 3 })).stats().kernel;';
  assert.is(onPortable(program, null, { SIGHTLINE_KERNEL: 'scalar' }), 'scalar');
  const wrong = onPortable(program, null, { SIGHTLINE_KERNEL: 'avx2' }) as { code: string };
  assert.is(wrong.code, 'ERR_CPU_UNSUPPORTED');
});

test.run();
