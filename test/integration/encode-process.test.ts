/** What whole processes show: what is loaded where, and that every way out is a clean one. */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { rounds } from '../helpers/campaign';
import { scaled } from '../helpers/deadline';
import { skip } from '../helpers/skip';
import { TINY_CLIP } from '../helpers/tiny-clip';

const ROUNDS = rounds(4, 8);
const BATCH = rounds(750, 1500);

const encode = path.resolve(__dirname, '../../lib/encode/index.js');
const resident = path.resolve(__dirname, '../../bench/resident.js');
const helper = path.resolve(__dirname, '../helpers/tiny-clip.js');

/** Runs a script in a process of its own; `openTiny()`, `pictures` and `say()` are at hand. */
function child(body: string): { said: unknown; status: number | null; signal: string | null } {
  const script = `
    const { openClip } = require(${JSON.stringify(encode)});
    const { pictures } = require(${JSON.stringify(helper)});
    const openTiny = () => openClip(${JSON.stringify(TINY_CLIP)}, { workers: 2 });
    const { residentBytes } = require(${JSON.stringify(resident)});
    const say = (value) => require('node:fs').writeSync(1, JSON.stringify(value));
    const loaded = () => process.report.getReport().sharedObjects;
    const mainHas = (part) => Object.keys(require.cache).some((file) => file.includes(part));
    (async () => { ${body} })();`;
  const run = spawnSync(process.execPath, ['-e', script], {
    encoding: 'utf8',
    timeout: scaled(300_000),
  });
  assert.is(run.stderr, '', 'nothing is printed to stderr');
  return {
    said: run.stdout === '' ? undefined : JSON.parse(run.stdout),
    status: run.status,
    signal: run.signal,
  };
}

/** What the encoder processes of the script have loaded: shared objects, by /proc. */
const CHILDREN = `
    const { readFileSync, readdirSync } = require('node:fs');
    const maps = () => readdirSync('/proc/self/task').flatMap((task) =>
      readFileSync('/proc/self/task/' + task + '/children', 'utf8').split(' ').filter(Boolean))
      .map((pid) => readFileSync('/proc/' + pid + '/maps', 'utf8')).join('');`;

test('this process loads neither runtime nor image library; text processes no image library', () => {
  if (process.platform !== 'linux') return skip('no /proc here');
  const { said, status } = child(`${CHILDREN}
    const clip = await openTiny();
    const before = maps();
    await clip.text.encode(['red circle']);
    const text = maps();
    await clip.image.encode(pictures.map((item) => item.bytes));
    const image = maps();
    const own = loaded().filter((file) => /onnxruntime|vips/.test(file)).length;
    await clip.close();
    say({
      before: before.length,
      textHasRuntime: text.includes('onnxruntime'),
      textHasSharp: text.includes('vips'),
      imageHasSharp: image.includes('vips'),
      own,
      main: ['onnxruntime', 'sharp', '@huggingface', 'piscina'].filter(mainHas),
      after: maps().length,
    });`);
  assert.equal(said, {
    before: 0,
    textHasRuntime: true,
    textHasSharp: false,
    imageHasSharp: true,
    own: 0,
    main: [],
    after: 0,
  });
  assert.is(status, 0);
});

test('encoder processes hold no password, token or connection string of ours', () => {
  if (process.platform !== 'linux') return skip('no /proc here');
  const { said } = child(`${CHILDREN}
    Object.assign(process.env, {
      SIGHTLINE_VECTOR_STORE: 'postgres://me:hidden@db/x', EMBEDDING_REDIS_URL: 'redis://:hidden@r',
      DATABASE_URL: 'hidden', PGPASSWORD: 'hidden', HF_TOKEN: 'hidden', AWS_SESSION: 'hidden',
      NODE_OPTIONS: '--title=hidden', CUDA_VISIBLE_DEVICES: 'shown',
    });
    const clip = await openTiny();
    await Promise.all([clip.image.warm(), clip.text.warm()]);
    const held = readdirSync('/proc/self/task').flatMap((task) =>
      readFileSync('/proc/self/task/' + task + '/children', 'utf8').split(' ').filter(Boolean))
      .map((pid) => readFileSync('/proc/' + pid + '/environ', 'utf8'));
    await clip.close();
    say(held.map((text) => [text.includes('hidden'), text.includes('CUDA_VISIBLE_DEVICES=shown')]));`);
  assert.equal(said, [
    [false, true],
    [false, true],
  ]);
});

test('encoder processes die with the process they work for, however it ends', async () => {
  if (process.platform !== 'linux') return skip('no /proc here');
  const { said, signal } = child(`${CHILDREN}
    const clip = await openTiny();
    await Promise.all([clip.text.warm(), clip.image.warm()]);
    const many = Array.from({ length: 3000 }, (_, i) => pictures[i % 6].bytes);
    clip.image.encode(many).catch(() => undefined);
    say(readdirSync('/proc/self/task').flatMap((task) =>
      readFileSync('/proc/self/task/' + task + '/children', 'utf8').split(' ').filter(Boolean)));
    process.kill(process.pid, 'SIGKILL');`);
  assert.is(signal, 'SIGKILL');
  const pids = said as string[];
  assert.ok(pids.length >= 2);
  const isThere = (pid: string): boolean =>
    /encoder-host/.test(readFileSync(`/proc/${pid}/cmdline`, { encoding: 'utf8', flag: 'r' }));
  const isGone = (pid: string): boolean => {
    try {
      return !isThere(pid);
    } catch {
      return true;
    }
  };
  for (const end = Date.now() + scaled(5000); Date.now() < end && !pids.every(isGone);)
    await new Promise((resolve) => setTimeout(resolve, 25));
  assert.ok(pids.every(isGone), `still there: ${pids.filter((pid) => !isGone(pid)).join(' ')}`);
});

test('a process that forgets to close still ends', () => {
  const { status, signal } = child(`
    const clip = await openTiny();
    await clip.image.encode(pictures.map((item) => item.bytes));
    await clip.text.encode(['night']);`);
  assert.is(signal, null);
  assert.is(status, 0);
});

test('a process may exit in the middle of the work', () => {
  const { status, signal } = child(`
    const clip = await openTiny();
    await clip.image.warm();
    const many = Array.from({ length: 3000 }, (_, i) => pictures[i % 6].bytes);
    clip.image.encode(many).catch(() => undefined);
    await clip.text.encode(['night']);
    process.exit(7);`);
  assert.is(signal, null);
  assert.is(status, 7);
});

test('opening and closing many times neither crashes nor grows without bound', () => {
  const { said, status, signal } = child(`
    const round = async () => {
      const clip = await openTiny();
      await Promise.all([
        // More than ten in one call: Node would warn of too many listeners of one signal.
        clip.image.encode(Array.from({ length: 16 }, (_, i) => pictures[i % 6].bytes)),
        clip.text.encode(Array.from({ length: 20 }, (_, i) => 'red ' + i)),
      ]);
      await clip.close();
    };
    for (let i = 0; i < 2; i++) await round();
    const before = residentBytes();
    for (let i = 0; i < ${ROUNDS}; i++) await round();
    say((residentBytes() - before) / 2 ** 20);`);
  assert.is(signal, null);
  assert.is(status, 0);
  console.log(
    `${ROUNDS} rounds of open, encode, close: resident memory ${Number(said).toFixed(1)} MiB more`,
  );
  // A leaked encoder process would cost about 40 MiB, and a round has three.
  assert.ok(Number(said) < 80, `grew by ${String(said)} MiB`);
});

test(`a long run does not grow: ${6 * BATCH} pictures through one pool`, () => {
  const { said, status } = child(`
    const clip = await openTiny();
    const batch = Array.from({ length: ${BATCH} }, (_, i) => pictures[i % 6].bytes);
    for (let i = 0; i < 2; i++) await clip.image.encode(batch);
    const before = residentBytes();
    for (let i = 0; i < 4; i++) await clip.image.encode(batch);
    say((residentBytes() - before) / 2 ** 20);
    await clip.close();`);
  assert.is(status, 0);
  console.log(
    `${4 * BATCH} pictures after a warm-up of ${2 * BATCH}: ${Number(said).toFixed(1)} MiB more`,
  );
  assert.ok(Number(said) < 60, `grew by ${String(said)} MiB`);
});

test.run();
