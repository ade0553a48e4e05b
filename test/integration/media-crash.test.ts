/** Picture children that crash, hang, lie or will not start: every promise settles once, the next item works. */
import { once } from 'node:events';
import { spawn } from 'node:child_process';
import { existsSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import sharp from 'sharp';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { isLibraryError } from '../../lib/base/errors';
import { DecodePool } from '../../lib/media/image/decode-pool';
import { makeTempDir } from '../helpers/temp';

const dir = makeTempDir('crash');

/** A child that does what the request's path says, in place of the real one. */
const STUB = path.join(dir, 'stub.js');
writeFileSync(
  STUB,
  `const fs = require('node:fs');
   const picture = { jpeg: new Uint8Array([1, 2]), width: 1, height: 1, sourceWidth: 1, sourceHeight: 1,
     capturedAt: null, contentHash: 'a'.repeat(64) };
   const acts = {
     ok: (id) => process.send({ id, picture }),
     refuse: (id) => process.send({ id, code: 'ERR_MEDIA_UNSUPPORTED', message: 'no' }),
     segv: () => process.kill(process.pid, 'SIGSEGV'),
     ill: () => process.kill(process.pid, 'SIGILL'),
     abort: () => process.abort(),
     exit: () => process.exit(3),
     memory: () => process.exit(86),
     throw: () => { throw new Error('planted'); },
     hang: () => { for (;;); },
     silent: () => undefined,
     twice: (id) => { process.send({ id, picture }); process.send({ id, picture }); },
     otherId: (id) => { process.send({ id: id + 1000, picture }); process.send({ id, picture }); },
     garbage: () => process.send('garbage'),
     liar: (id) => process.send({ id, picture: { ...picture, width: -1 } }),
     unknown: (id) => process.send({ id, code: 'ERR_MADE_UP', message: 'x' }),
     flood: (id) => { process.stdout.write('x'.repeat(1e6)); process.stderr.write('x'.repeat(1e6)); process.send({ id, picture }); },
     disconnect: () => process.disconnect(),
     fatal: () => process.send({ fatal: 'does not load' }),
     fork: (id) => { require('node:child_process').spawn(process.execPath, ['-e', ''], { stdio: 'ignore' }); process.send({ id, picture }); },
   };
   process.on('disconnect', () => process.exit(0));
   process.on('message', ({ id, absPath }) => {
     const [act, marker] = absPath.split(':');
     if (marker === undefined || !fs.existsSync(marker)) {
       if (marker !== undefined) fs.writeFileSync(marker, '');
       acts[act](id);
     } else acts.ok(id);
   });`,
);

function makePool(script = STUB, timeoutMs = 20_000, size = 1): DecodePool {
  return new DecodePool({ script, size, timeoutMs });
}

async function outcome(pool: DecodePool, act: string, signal?: AbortSignal): Promise<string> {
  try {
    await pool.decode({ absPath: act, maxSize: 8 }, signal);
    return 'ok';
  } catch (error) {
    assert.ok(isLibraryError(error), String(error));
    return error.code;
  }
}

const CRASHES = [
  'segv',
  'ill',
  'abort',
  'exit',
  'throw',
  'garbage',
  'liar',
  'unknown',
  'disconnect',
];

for (const act of CRASHES) {
  test(`a child that does "${act}" twice costs its item, and the next item works`, async () => {
    const pool = makePool();
    assert.equal(await Promise.all([outcome(pool, act), outcome(pool, 'ok')]), [
      'ERR_MEDIA_DECODE',
      'ok',
    ]);
    pool.close();
  });

  test(`a child that does "${act}" once is replaced and the item decoded after all`, async () => {
    const pool = makePool();
    const marker = path.join(dir, `once-${act}`);
    assert.is(await outcome(pool, `${act}:${marker}`), 'ok');
    assert.ok(existsSync(marker), 'it did crash');
    pool.close();
  });
}

test("a crash that is the item's says so", async () => {
  const pool = makePool();
  const error = await pool
    .decode({ absPath: 'segv', maxSize: 8 })
    .catch((caught: unknown) => caught);
  assert.ok(isLibraryError(error));
  assert.is(error.details.crashed, true);
  assert.is(error.details.signal, 'SIGSEGV');
  pool.close();
});

test('exceeding the memory limit is ERR_MEDIA_LIMIT, without a retry', async () => {
  const pool = makePool();
  const marker = path.join(dir, 'memory-once');
  assert.is(await outcome(pool, `memory:${marker}`), 'ERR_MEDIA_LIMIT');
  pool.close();
});

test('a child that hangs is killed at the limit, and the next item works', async () => {
  const pool = makePool(STUB, 500);
  for (const act of ['hang', 'silent'])
    assert.equal(await Promise.all([outcome(pool, act), outcome(pool, 'silent')]), [
      'ERR_TIMEOUT',
      'ERR_TIMEOUT',
    ]);
  assert.is(pool.pids.length, 0, 'both are gone');
  pool.close();
});

test('repeated replies, wrong ids, much output and a grandchild have no effect', async () => {
  const pool = makePool();
  for (const act of ['twice', 'otherId', 'flood', 'fork', 'refuse', 'ok'])
    assert.is(await outcome(pool, act), act === 'refuse' ? 'ERR_MEDIA_UNSUPPORTED' : 'ok', act);
  assert.is(pool.pids.length, 1, 'one child did it all');
  pool.close();
});

test('a decoder that does not load fails all pending items at once', async () => {
  const pool = makePool();
  const outcomes = await Promise.all(['fatal', 'ok', 'ok'].map((act) => outcome(pool, act)));
  assert.equal(outcomes, ['ERR_ADDON_LOAD', 'ERR_ADDON_LOAD', 'ERR_ADDON_LOAD']);
  pool.close();
});

test('a missing script is a crash, not a hang', async () => {
  const pool = makePool(path.join(dir, 'none.js'));
  assert.is(await outcome(pool, 'ok'), 'ERR_MEDIA_DECODE');
  pool.close();
});

test('abort settles pending and running items, and the pool continues', async () => {
  const pool = makePool();
  const controller = new AbortController();
  const running = outcome(pool, 'silent', controller.signal);
  const waiting = outcome(pool, 'ok', controller.signal);
  controller.abort();
  assert.equal(await Promise.all([running, waiting]), ['ERR_ABORTED', 'ERR_ABORTED']);
  assert.is(await outcome(pool, 'ok', AbortSignal.abort()), 'ERR_ABORTED');
  pool.close();
  const other = makePool();
  assert.is(await outcome(other, 'ok'), 'ok');
  other.close();
});

test('close settles everything, kills the children and may be called again', async () => {
  const pool = makePool(STUB, 20_000, 2);
  const all = ['silent', 'hang', 'ok'].map((act) => outcome(pool, act));
  const { pids } = pool;
  assert.is(pids.length, 2);
  pool.close();
  pool.close();
  assert.equal(await Promise.all(all), ['ERR_CLOSED', 'ERR_CLOSED', 'ERR_CLOSED']);
  assert.is(await outcome(pool, 'ok'), 'ERR_CLOSED');
});

test('300 items with crashes among them: each settles exactly once', async () => {
  const seed = 20261121;
  console.log(`seed ${seed}`);
  let state = seed;
  const pool = makePool(STUB, 20_000, 2);
  const acts = Array.from({ length: 300 }, () => {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0;
    return (state >>> 16) % 40 === 0 ? 'exit' : (state >>> 16) % 5 === 0 ? 'refuse' : 'ok';
  });
  let settled = 0;
  const outcomes = await Promise.all(
    acts.map((act) => outcome(pool, act).finally(() => settled++)),
  );
  const expected = { ok: 'ok', refuse: 'ERR_MEDIA_UNSUPPORTED', exit: 'ERR_MEDIA_DECODE' };
  assert.equal(
    outcomes,
    acts.map((act) => expected[act as keyof typeof expected]),
  );
  assert.is(settled, 300);
  pool.close();
});

/** The real child at work on a picture that takes it a while. */
async function slowPicture(): Promise<string> {
  const file = path.join(dir, 'slow.png');
  const size = { width: 5000, height: 4000, channels: 3 as const, background: '#123456' };
  if (!existsSync(file)) await sharp({ create: size }).png({ compressionLevel: 1 }).toFile(file);
  return file;
}

const REAL = path.resolve(__dirname, '../../lib/media/image/decode-child.js');
const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

async function killNextChild(pool: DecodePool, not: number | undefined): Promise<number> {
  for (;;) {
    const pid = pool.pids.find((one) => one !== not);
    if (pid !== undefined) {
      process.kill(pid, 'SIGKILL');
      return pid;
    }
    await nextTurn();
  }
}

test('the real child killed from outside: once is repaired, twice is a typed error', async () => {
  const absPath = await slowPicture();
  const pool = makePool(REAL);
  const once = pool.decode({ absPath, maxSize: 64 });
  await killNextChild(pool, undefined);
  assert.is((await once).width, 64);
  pool.close();

  const other = makePool(REAL);
  const twice = outcome(other, absPath);
  await killNextChild(other, await killNextChild(other, undefined));
  assert.is(await twice, 'ERR_MEDIA_DECODE');
  assert.is(await outcome(other, absPath), 'ok');
  other.close();
});

test('idle children do not keep a process alive, and go with it', async () => {
  const absPath = await slowPicture();
  const media = path.resolve(__dirname, '../../lib/media');
  const script = `require(${JSON.stringify(media)}).decodeImage({ absPath: ${JSON.stringify(absPath)} })
    .then((frame) => process.stdout.write(frame.width + ' ' + frame.height))`;
  const child = spawn(process.execPath, ['-e', script], { stdio: ['ignore', 'pipe', 'inherit'] });
  let output = '';
  child.stdout.on('data', (chunk) => (output += chunk));
  const [code] = (await once(child, 'close')) as [number];
  assert.is(code, 0);
  assert.is(output, '512 410');
});

test.run();
