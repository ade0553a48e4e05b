/**
 * The pool over time: calls that share batches, refusals that say when to come again, workers that run
 * out of memory, models given up and brought back, devices that are not there, figures.
 */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { ClipModel } from '../../lib/encode';
import { openClip } from '../../lib/encode/kinds/clip';
import type { ClipOptions } from '../../lib/encode/settings';
import { scaled } from '../helpers/deadline';
import { FAULTY, heldCall, order } from '../helpers/encode-faults';
import { codeOf, errorOf } from '../helpers/errors';
import { assertRow, pictures, texts, TINY_CLIP } from '../helpers/tiny-clip';

const good = (i: number): Uint8Array =>
  (pictures[i % pictures.length] as { bytes: Uint8Array }).bytes;
const vectorOf = (i: number): number[] =>
  (pictures[i % pictures.length] as { vector: number[] }).vector;

async function withClip(
  options: ClipOptions,
  body: (clip: ClipModel) => Promise<void>,
): Promise<void> {
  const clip = await openClip(TINY_CLIP, { workers: 1, ...options }, FAULTY);
  try {
    await body(clip);
  } finally {
    await clip.close();
  }
}

/** Holds one worker inside a task until the function it resolves with is called. */
async function holdWorker(clip: ClipModel): Promise<() => Promise<unknown>> {
  const { call, open } = await heldCall(clip);
  return () => {
    open();
    return call;
  };
}

/** Resolves when `holds` does, looking again whenever the loop has turned. */
async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setTimeout(resolve, 5));
}

test('calls of one picture that come together become few batches, each with its own row', async () => {
  await withClip({}, async (clip) => {
    await clip.image.warm();
    const calls = Array.from({ length: 40 }, async (_, i) => {
      assertRow(await clip.image.encode([good(i)]), 0, vectorOf(i));
    });
    await Promise.all(calls);
    const { batches, items, batchSizes, errors } = clip.image.stats();
    assert.is(items, 40);
    assert.is(errors, 0);
    // 16 at most in a task: three batches, because all calls were there before the first went.
    assert.is(batches, 3);
    assert.is(
      batchSizes.reduce((sum, n) => sum + n, 0),
      3,
    );
    assert.equal(batchSizes.slice(3, 5), [1, 2], 'one of eight, two of sixteen');
  });
});

test('inputs that arrive while all workers are busy share the next batch', async () => {
  await withClip({}, async (clip) => {
    const open = await holdWorker(clip);
    const before = clip.image.stats();
    assert.is(before.runningItems, 1);
    const rows = await Promise.all([
      ...Array.from({ length: 10 }, async (_, i) => {
        // One turn of the loop after the other, as requests arrive.
        for (let turn = 0; turn < i; turn++) await new Promise((resolve) => setImmediate(resolve));
        return clip.image.encode([good(i)]);
      }),
      (async () => {
        await until(() => clip.image.stats().queuedItems === 10);
        await open();
      })(),
    ]);
    for (let i = 0; i < 10; i++) assertRow(rows[i] as Float32Array, 0, vectorOf(i));
    const after = clip.image.stats();
    assert.is(after.batches - before.batches, 2, 'the one at the gate, and one of ten');
    assert.is(after.queuedItems + after.runningItems + after.calls, 0);
  });
});

test('a call does not wait for a batch if no worker is busy', async () => {
  // With a window of a second a lone caller would be seen to wait.
  await withClip({ workers: 2, batchWindowMs: 1000 }, async (clip) => {
    await clip.image.warm();
    const started = performance.now();
    for (let i = 0; i < 5; i++) await clip.image.encode([good(i)]);
    assert.ok(performance.now() - started < scaled(4000), 'five waits would be five seconds');
  });
});

test('one worker busy and one free: a lone call waits for the window, not for the busy one', async () => {
  await withClip({ workers: 2, batchWindowMs: 20 }, async (clip) => {
    const open = await holdWorker(clip);
    assertRow(await clip.image.encode([good(3)]), 0, vectorOf(3));
    await open();
  });
});

for (const bad of ['#exit', '#garbage']) {
  test(`an input that fails by ${bad} fails alone in a batch it shares with other callers`, async () => {
    await withClip({}, async (clip) => {
      const open = await holdWorker(clip);
      const inputs = [good(0), good(1), order(bad), good(3)];
      const calls = inputs.map((input) => clip.image.encode([input]));
      const outcome = Promise.allSettled(calls);
      await until(() => clip.image.stats().queuedItems === 4);
      await open();
      const settled = await outcome;
      assert.equal(
        settled.map(({ status }) => status),
        ['fulfilled', 'fulfilled', 'rejected', 'fulfilled'],
      );
      assert.is((settled[2] as { reason: { code: string } }).reason.code, 'ERR_ENCODE');
      for (const i of [0, 1, 3])
        assertRow((settled[i] as { value: Float32Array }).value, 0, vectorOf(i));
    });
  });
}

test('a picture that cannot be decoded fails alone in a shared batch', async () => {
  await withClip({}, async (clip) => {
    const calls = [good(0), Buffer.from('GIF8 no'), good(2)].map((p) => clip.image.encode([p]));
    const [first, second, third] = await Promise.allSettled(calls);
    assert.is(first?.status, 'fulfilled');
    assert.is((second as { reason: { code: string } }).reason.code, 'ERR_MEDIA_UNSUPPORTED');
    assertRow((third as { value: Float32Array }).value, 0, vectorOf(2));
    assert.is(clip.image.stats().errors, 1);
  });
});

test('an aborted call leaves the queue and its room at once; those around it are served', async () => {
  await withClip({}, async (clip) => {
    const open = await holdWorker(clip);
    const stop = new AbortController();
    const around = [clip.image.encode([good(0)]), clip.image.encode([good(2)])];
    const aborted = clip.image.encode([good(1)], { signal: stop.signal });
    assert.is(clip.image.stats().queuedItems, 3);
    stop.abort();
    assert.is(await codeOf(aborted), 'ERR_ABORTED');
    assert.is(clip.image.stats().queuedItems, 2);
    await open();
    assertRow(await (around[0] as Promise<Float32Array>), 0, vectorOf(0));
    assertRow(await (around[1] as Promise<Float32Array>), 0, vectorOf(2));
    assert.is(clip.image.stats().items, 3, 'the gate and two');
  });
});

test('a full queue refuses calls with the seconds until a retry', async () => {
  await withClip({ maxCalls: 3 }, async (clip) => {
    const open = await holdWorker(clip);
    const waiting = [clip.image.encode([good(0)]), clip.image.encode([good(1)])];
    const error = await errorOf(clip.image.encode([good(2)]));
    assert.is(error.code, 'ERR_POOL_FULL');
    const seconds = error.details['retryAfterSeconds'] as number;
    assert.ok(Number.isInteger(seconds) && seconds >= 1 && seconds <= 60, String(seconds));
    assert.is(clip.image.stats().refused, 1);
    await open();
    assert.is((await Promise.all(waiting)).length, 2);
    await clip.image.encode([good(2)]);
  });
});

test('a worker that fills its memory is replaced: ERR_ENCODE once, and the next call works', async () => {
  await withClip({ workerHeapMb: 64 }, async (clip) => {
    let settled = 0;
    const call = clip.image.encode([order('#memory')]);
    const count = (): void => void settled++;
    call.then(count, count);
    const error = await errorOf(call);
    assert.is(error.code, 'ERR_ENCODE');
    assert.match(error.message, /memory/i);
    assertRow(await clip.image.encode([good(1)]), 0, vectorOf(1));
    assert.is(settled, 1);
    assert.is(clip.image.stats().lostWorkers, 1);
  });
});

/** Faults of the campaign below; its long form is `npm run test:encoders`. */
const FAULTS = Number(process.env['SIGHTLINE_ENCODER_FAULTS'] ?? 6);
const FAULTS_OF_A_POOL = 6;

test('every promise settles once, and only faulty inputs fail, while workers crash, hang and fill up', async () => {
  const seed = Number(process.env['SIGHTLINE_SEED'] ?? 41);
  console.log(`seed ${seed}, ${FAULTS} faults`);
  let state = seed;
  const next = (below: number): number =>
    ((state = (Math.imul(state, 1103515245) + 12345) >>> 0) >>> 8) % below;
  const faults = ['#exit', '#crash', '#throw', '#garbage', '#hang', '#memory'];
  for (let done = 0; done < FAULTS; done += FAULTS_OF_A_POOL) {
    // Long enough for the healthy calls on a machine that is busy with other things.
    const options = { workers: 2, timeoutMs: scaled(3000), workerHeapMb: 64 };
    await withClip(options, async (clip) => {
      await clip.image.warm();
      const settled = new Map<number, number>();
      const calls = Array.from({ length: 60 }, async (_, i) => {
        const isFault = i % 10 === 7;
        const input = isFault ? order(faults[next(faults.length)] as string) : good(i);
        for (let turn = next(8); turn > 0; turn--) await new Promise((end) => setImmediate(end));
        try {
          const row = await clip.image.encode([input]);
          assert.not.ok(isFault);
          assertRow(row, 0, vectorOf(i));
        } catch (error) {
          const { code = '', message } = error as Error & { code?: string };
          assert.ok(isFault, `input ${i} is healthy: ${message}`);
          assert.match(code, /^ERR_(ENCODE|TIMEOUT)$/, message);
        }
        settled.set(i, (settled.get(i) ?? 0) + 1);
      });
      await Promise.all(calls);
      assert.is(settled.size, 60);
      assert.ok([...settled.values()].every((n) => n === 1));
      const { calls: open, queuedItems, runningItems } = clip.image.stats();
      assert.is(open + queuedItems + runningItems, 0);
    });
  }
});

test('an idle model is unloaded and loaded again on demand', async () => {
  await withClip({ idleMs: 30 }, async (clip) => {
    assert.not.ok(clip.text.stats().isLoaded);
    for (let round = 1; round <= 3; round++) {
      const item = texts[0];
      assertRow(await clip.text.encode([item?.text ?? '']), 0, item?.vector ?? []);
      assert.ok(clip.text.stats().isLoaded);
      await until(() => !clip.text.stats().isLoaded);
      assert.is(clip.text.stats().unloads, round);
      assert.is(clip.text.stats().loads, round);
    }
  });
});

test('a task that arrives while the model is unloaded is served', async () => {
  await withClip({ idleMs: 1 }, async (clip) => {
    for (let i = 0; i < 8; i++) {
      assertRow(await clip.image.encode([good(i)]), 0, vectorOf(i));
      await new Promise((resolve) => setTimeout(resolve, i % 4));
    }
  });
});

test('close while busy: what runs and what waits is served, then all memory is free', async () => {
  const clip = await openClip(TINY_CLIP, { workers: 1 }, FAULTY);
  const open = await holdWorker(clip);
  const waiting = Array.from({ length: 20 }, (_, i) => clip.image.encode([good(i)]));
  const closing = clip.close();
  assert.is(await codeOf(clip.image.encode([good(0)])), 'ERR_CLOSED');
  await open();
  for (const [i, call] of waiting.entries()) assertRow(await call, 0, vectorOf(i));
  await closing;
  assert.not.ok(clip.image.stats().isLoaded);
  assert.is(clip.image.stats().items, 21, 'figures stay readable');
});

test('a missing device causes one notice, and the CPU is used', async () => {
  const lines: string[] = [];
  // No runtime has both; on any one machine at least one of them is unknown to it.
  for (const device of ['coreml', 'dml']) {
    await withClip({ device, onNotice: (line) => lines.push(line) }, async (clip) => {
      assertRow(await clip.image.encode([good(1)]), 0, vectorOf(1));
      await clip.text.encode(['red']);
      const { requestedDevice, device: used } = clip.image.stats();
      assert.is(requestedDevice, device);
      assert.ok(used === 'cpu' || used === device);
    });
  }
  assert.ok(lines.length >= 1 && lines.length <= 2, lines.join('\n'));
  for (const line of lines) {
    assert.match(line, /^device (coreml|dml) cannot be used, the models run on the CPU: /);
    assert.not.match(line, /\n/);
  }
  assert.is(await codeOf(openClip(TINY_CLIP, { device: 'gpu' })), 'ERR_ARG_RANGE');
});

test('auto uses an available device without a notice', async () => {
  const lines: string[] = [];
  await withClip({ device: 'auto', onNotice: (line) => lines.push(line) }, async (clip) => {
    await clip.image.encode([good(1)]);
    assert.match(clip.image.stats().device, /^(cpu|cuda|coreml|dml)$/);
  });
  assert.equal(lines, []);
});

test('statistics count the work', async () => {
  await withClip({ workers: 2, threads: 2 }, async (clip) => {
    const fresh = clip.image.stats();
    assert.equal([fresh.workers, fresh.threadsPerWorker, fresh.maxCalls], [2, 1, 1024]);
    assert.equal([fresh.batches, fresh.items, fresh.inferenceMs], [0, 0, 0]);
    await clip.image.encode(Array.from({ length: 50 }, (_, i) => good(i)));
    await clip.image.encodeEach([Buffer.from('x')]);
    const { items, batches, errors, inferenceMs, batchSizes } = clip.image.stats();
    assert.is(items, 51);
    assert.is(batches, 5);
    assert.is(errors, 1);
    assert.ok(inferenceMs > 0);
    assert.is(batchSizes[0], 1, 'one batch of one');
    assert.is(clip.text.stats().items, 0);
  });
});

test.run();
