/** Files that another process cuts while an index has them mapped, and SIGBUS that is not ours. */
import { spawn, spawnSync } from 'node:child_process';
import { copyFileSync, cpSync, mkdirSync, readdirSync, statSync, truncateSync } from 'node:fs';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { VectorIndex } from '../../lib/engine';
import { CUT_DIM, CUT_ROWS } from '../helpers/engine-cut';
import { makeTempDir } from '../helpers/temp';
import { noise, randomOf } from '../helpers/vectors';

const SEED = 11;
const ROUNDS = Number(process.env['SIGHTLINE_TEST_CUTS'] ?? 300);
const root = path.resolve(__dirname, '../../..');
const engine = JSON.stringify(path.resolve(__dirname, '../../lib/engine.js'));

async function sample(): Promise<string> {
  const folder = path.join(makeTempDir(), 'index');
  await using index = await VectorIndex.create({
    dim: CUT_DIM,
    metric: 'euclidean',
    path: folder,
    efConstruction: 60,
  });
  await index.add(noise(CUT_ROWS, CUT_DIM, 1));
  return folder;
}

test(`a process whose files are cut ${ROUNDS} times refuses or is right, and lives`, async () => {
  console.log(`seed ${SEED}, SIGHTLINE_TEST_CUTS=${ROUNDS}`);
  const good = await sample();
  const folder = path.join(makeTempDir(), 'used');
  const random = randomOf(SEED);
  const child = spawn(process.execPath, [path.join(__dirname, '../helpers/engine-cut.js')]);
  let errors = '';
  child.stderr.on('data', (chunk) => (errors += chunk));
  const ended = new Promise<string>((resolve) =>
    child.on('close', (code, signal) => resolve(`ended with ${code ?? signal}: ${errors}`)),
  );
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const answer = async (): Promise<string> => {
    const line = await Promise.race([lines.next(), ended]);
    return typeof line === 'string' ? line : line.done ? ended : line.value;
  };
  const counts: Record<string, number> = {};
  for (let round = 0; round < ROUNDS; round++) {
    cpSync(good, folder, { recursive: true, force: true });
    const readOnly = random() < 0.5;
    child.stdin.write(`${JSON.stringify({ folder, readOnly })}\n`);
    const first = await answer();
    assert.is(first, 'ready', `seed ${SEED} round ${round}: ${first}`);
    const isGraph = random() < 0.3;
    const file = path.join(folder, isGraph ? 'hnsw_index.bin' : 'embeddings.dat');
    const size = statSync(file).size;
    const dice = random();
    // Anywhere, everything, the last page, the last float of the rows.
    const kept =
      dice < 0.5
        ? random() * size
        : dice < 0.6
          ? 0
          : dice < 0.9
            ? size - random() * 4096
            : size - 4;
    truncateSync(file, Math.floor(kept));
    child.stdin.write('cut\n');
    const got = await answer();
    const kind = `${readOnly ? 'reader' : 'writer'}, ${isGraph ? 'graph' : 'rows'}: ${got}`;
    counts[kind] = (counts[kind] ?? 0) + 1;
    // Without rows nothing can be answered. Without its graph a reader scans, and so does a writer
    // until it is to write.
    const fits = isGraph
      ? /^(sound|refused ERR_FILE_(CORRUPT|REPLACED))$/
      : /^refused ERR_FILE_CORRUPT$/;
    assert.match(got, fits, `seed ${SEED} round ${round}, ${kind}, cut to ${kept} of ${size}`);
    assert.ok(!(readOnly && isGraph) || got === 'sound', kind);
  }
  child.stdin.end();
  assert.is(await ended, 'ended with 0: ');
  console.log(JSON.stringify(counts));
});

test('a log that was cut is not written on', async () => {
  const folder = await sample();
  const index = await VectorIndex.open(folder);
  const log = path.join(folder, 'embeddings.idx');
  const size = statSync(log).size - 10;
  truncateSync(log, size);
  const codeOf = (error: unknown) => (error as { code: string }).code;
  const added = await index.add(noise(1, CUT_DIM, 5)).catch(codeOf);
  // An older copy put in its place looks like this as well.
  assert.is(added, 'ERR_FILE_REPLACED');
  assert.is(await index.remove([1]).catch(codeOf), 'ERR_FILE_REPLACED');
  assert.is(index.search(noise(1, CUT_DIM, 1), 1).keys[0], 0);
  await index.close();
  assert.is(statSync(log).size, size, 'nothing was written');
});

/** Runs a script in a process of its own; `end` is `code 0` or `signal SIGBUS`. */
function run(program: string): { end: string; output: string } {
  const { status, signal, stdout, stderr } = spawnSync(process.execPath, ['-e', program], {
    encoding: 'utf8',
  });
  return { end: signal === null ? `code ${status}` : `signal ${signal}`, output: stdout + stderr };
}

test('two copies of the addon in one process each look after their own files', async () => {
  const good = await sample();
  const folders = [0, 1].map(() => path.join(makeTempDir(), 'index'));
  for (const folder of folders) cpSync(good, folder, { recursive: true });
  const second = makeTempDir();
  mkdirSync(path.join(second, 'build/Release'), { recursive: true });
  copyFileSync(
    path.join(root, 'build/Release/sightline.node'),
    path.join(second, 'build/Release/sightline.node'),
  );
  const native = JSON.stringify(path.resolve(__dirname, '../../lib/native'));
  const { end, output } = run(`
    const { loadFrom } = require(${native});
    const { truncateSync } = require('node:fs');
    const folders = ${JSON.stringify(folders)};
    (async () => {
      const copies = [loadFrom(${JSON.stringify(root)}), loadFrom(${JSON.stringify(second)})];
      if (copies[0] === copies[1]) throw new Error('one copy only');
      const handles = [];
      for (const [i, copy] of copies.entries()) handles.push(await copy.open(folders[i], true, 1, 0));
      for (const i of [0, 1]) {
        truncateSync(folders[i] + '/embeddings.dat', 5000);
        for (const j of [0, 1]) {
          const out = new Float32Array(${CUT_DIM});
          try {
            copies[j].copyRows(handles[j], new Uint32Array([3000]), out);
            console.log(i, j, 'ok');
          } catch (error) {
            console.log(i, j, error.status);
          }
        }
      }
    })();`);
  assert.is(end, 'code 0', output);
  assert.equal(output.trim().split('\n'), ['0 0 20', '0 1 ok', '1 0 20', '1 1 20']);
});

test('a bus error that is not ours ends the process as it always did', async () => {
  const folder = JSON.stringify(await sample());
  const open = `const { VectorIndex } = require(${engine}); VectorIndex.open(${folder}, { readOnly: true })`;
  const sent = run(`${open}.then(() => process.kill(process.pid, 'SIGBUS'));`);
  assert.is(sent.end, 'signal SIGBUS', sent.output);
  const heard = run(`
    process.on('SIGBUS', () => process.exit(9));
    ${open}.then(() => process.kill(process.pid, 'SIGBUS'));
    setInterval(() => {}, 1000);`);
  assert.is(heard.end, 'code 9', heard.output);
});

test('the handler outlives the worker thread that brought the addon', async () => {
  const folder = JSON.stringify(await sample());
  const worker = JSON.stringify(
    `const { VectorIndex } = require(${engine}); VectorIndex.open(${folder}, { readOnly: true });`,
  );
  const { end, output } = run(`
    const { Worker } = require('node:worker_threads');
    new Worker(${worker}, { eval: true }).on('exit', (code) => {
      console.log('worker', code);
      process.kill(process.pid, 'SIGBUS');
    });`);
  assert.match(output, 'worker 0');
  assert.is(end, 'signal SIGBUS', output);
});

test('nothing of a cut index is left behind when it is closed', async () => {
  const folder = await sample();
  const maps = () =>
    process.platform === 'linux'
      ? readdirSync('/proc/self/map_files').length + readdirSync('/proc/self/fd').length
      : 0;
  const use = async () => {
    const copy = path.join(makeTempDir(), 'index');
    cpSync(folder, copy, { recursive: true });
    const index = await VectorIndex.open(copy, { readOnly: true });
    truncateSync(path.join(copy, 'embeddings.dat'), 4096);
    assert.throws(
      () => index.searchExact(noise(1, CUT_DIM, 1), 1),
      (error: { code?: string }) => error.code === 'ERR_FILE_CORRUPT',
    );
    await index.close();
  };
  for (let i = 0; i < 5; i++) await use();
  const before = maps();
  for (let i = 0; i < 50; i++) await use();
  assert.ok(maps() - before < 20, `${maps() - before} mappings and descriptors more`);
});

test.run();
