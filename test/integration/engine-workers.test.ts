/** Worker threads that are terminated, and processes that exit, at any moment of their work. */
import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { Worker } from 'node:worker_threads';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { VectorIndex } from '../../lib/engine';
import { rounds } from '../helpers/campaign';
import { scaled } from '../helpers/deadline';
import { makeTempDir } from '../helpers/temp';
import { noise, randomOf } from '../helpers/vectors';

const SEED = 23;
const CYCLES = Number(process.env['SIGHTLINE_TEST_WORKERS'] ?? rounds(40, 1000));
const AT_ONCE = 16;
const DIM = 16;
const HANG_MS = 180_000;
const script = path.join(__dirname, '../helpers/engine-worker.js');

async function sample(): Promise<string> {
  const folder = path.join(makeTempDir(), 'index');
  await using index = await VectorIndex.create({ dim: DIM, path: folder });
  await index.add(noise(3_000, DIM, 1));
  return folder;
}

async function inTime<T>(work: Promise<T>, what: string): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what} hangs`)), scaled(HANG_MS));
  });
  return Promise.race([work, late]).finally(() => clearTimeout(timer));
}

/** Starts a worker and terminates it after so many steps; -1: at once. Gives what it complained of. */
async function live(workerData: object, steps: number): Promise<string[]> {
  const worker = new Worker(script, { workerData });
  const complaints: string[] = [];
  worker.on('error', (error) => complaints.push(String(error)));
  let left = steps;
  if (steps >= 0)
    await new Promise<void>((resolve) => {
      worker.on('exit', () => resolve());
      worker.on('message', (message) => {
        if (typeof message === 'string') complaints.push(message);
        if (typeof message === 'string' || left-- <= 0) resolve();
      });
    });
  await worker.terminate();
  return complaints;
}

test(`${CYCLES} workers, ${AT_ONCE} at once, are terminated at any moment and let go of everything`, async () => {
  console.log(`seed ${SEED}, SIGHTLINE_TEST_WORKERS=${CYCLES}`);
  const shared = await sample();
  const own = Array.from({ length: AT_ONCE / 2 }, () => path.join(makeTempDir(), 'own'));
  const open = () => (existsSync('/proc/self/fd') ? readdirSync('/proc/self/fd').length : 0);
  const before = open();
  const random = randomOf(SEED);
  let started = 0;
  const lane = async (number: number): Promise<void> => {
    while (started++ < CYCLES) {
      const folder = own[number];
      const mode = folder !== undefined ? 'writer' : random() < 0.5 ? 'reader' : 'thrower';
      const steps = Math.floor(random() * 16) - 1;
      const complaints = await inTime(
        live({ folder: folder ?? shared, mode }, steps),
        `a ${mode} after ${steps} steps`,
      );
      // The next writer of this folder comes at once: its lock must be free.
      assert.equal(complaints, [], `${mode} after ${steps} steps`);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, (_, number) => lane(number)));
  let rows = 0;
  for (const folder of own) {
    if (!existsSync(path.join(folder, 'embeddings.idx'))) continue;
    await using index = await VectorIndex.open(folder);
    assert.equal((await index.verify()).problems, []);
    rows += index.count;
  }
  await using index = await VectorIndex.open(shared);
  assert.equal((await index.verify()).problems, []);
  await index.close();
  console.log(`${rows} rows in the writers' folders`);
  assert.ok(rows > 0);
  assert.ok(open() - before < 10, `${open() - before} descriptors are left`);
});

test('a process that exits while it and its workers add and search ends with its own code', async () => {
  const shared = await sample();
  const folder = path.join(makeTempDir(), 'own');
  cpSync(shared, folder, { recursive: true });
  const engine = path.resolve(__dirname, '../../lib/engine.js');
  const ways = ['process.exit(7)', 'process.exitCode = 7, worker.terminate()', 'process.exit(7)'];
  const cycles = Math.max(3, Math.round(CYCLES / 5));
  for (let cycle = 0; cycle < cycles; cycle++) {
    const program = `
      const { Worker } = require('node:worker_threads');
      const { VectorIndex } = require(${JSON.stringify(engine)});
      const vectors = Float32Array.from({ length: 3000 * ${DIM} }, (_, i) => Math.sin(i * i + ${cycle}));
      const worker = new Worker(${JSON.stringify(script)}, {
        workerData: { folder: ${JSON.stringify(shared)}, mode: 'reader' } });
      (async () => {
        const index = await VectorIndex.open(${JSON.stringify(folder)}, { threads: 1 });
        const ignore = () => {};
        index.add(vectors, { threads: 2 }).catch(ignore);
        index.searchBatch(vectors, 10, { threads: 2 }).catch(ignore);
        index.searchBatch(vectors, 3, { exact: true }).catch(ignore);
        if (${cycle % 4 === 3}) index.rollbackTo(2000).catch(ignore);
        let steps = ${cycle % 5};
        worker.on('message', () => { if (steps-- === 0) { ${ways[cycle % ways.length]}; } });
      })();`;
    const { status, signal, stderr } = spawnSync(process.execPath, ['-e', program], {
      timeout: scaled(HANG_MS),
      encoding: 'utf8',
    });
    assert.is(`${signal ?? status}`, '7', `cycle ${cycle}: ${stderr}`);
  }
  console.log(`${cycles} processes`);
  await using index = await VectorIndex.open(folder);
  assert.equal((await index.verify()).problems, []);
});

test('a worker is terminated while one call has minutes of work left', async () => {
  const engine = path.resolve(__dirname, '../../lib/engine.js');
  const begin = {
    'a batch': `await index.add(rows(4000)); for (let i = 0; i < 8; i++)
      index.searchBatch(rows(100000), 10, { exact: true, threads: 1 }).catch(ignore);`,
    'an add': 'index.add(rows(200000), { threads: 1 }).catch(ignore);',
    'a batch, while process.exit is called': `await index.add(rows(4000));
      index.searchBatch(rows(200000), 10, { exact: true, threads: 1 }).catch(ignore);
      setImmediate(() => process.exit(7));`,
  };
  for (const [what, work] of Object.entries(begin)) {
    const program = `
      const { parentPort } = require('node:worker_threads');
      const { VectorIndex } = require(${JSON.stringify(engine)});
      const ignore = () => {};
      const rows = (n) => new Float32Array(n * 64).map((_, i) => Math.sin(i * i));
      (async () => {
        const index = await VectorIndex.create({ dim: 64, metric: 'euclidean' });
        ${work}
        parentPort.postMessage('busy');
      })();`;
    const worker = new Worker(program, { eval: true });
    await new Promise((resolve) => worker.once('message', resolve));
    const start = performance.now();
    await worker.terminate();
    const elapsed = performance.now() - start;
    assert.ok(elapsed < scaled(2_000), `${what}: ${elapsed.toFixed(0)} ms`);
  }
});

test.run();
