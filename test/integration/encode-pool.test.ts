/** The worker pools around the towers: order, isolation, limits, faults, and the way out. */
import path from 'node:path';
import { writeFileSync } from 'node:fs';
import sharp from 'sharp';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { ClipModel } from '../../lib/encode';
import { openClip } from '../../lib/encode/kinds/clip';
import type { ClipOptions } from '../../lib/encode/settings';
import { scaled } from '../helpers/deadline';
import { FAULTY, heldCall, order } from '../helpers/encode-faults';
import { makeTempDir } from '../helpers/temp';
import { codeOf, errorOf } from '../helpers/errors';
import {
  assertRow,
  copyTinyClip,
  pictures,
  texts,
  TINY_CLIP,
  TINY_DIM,
} from '../helpers/tiny-clip';

const good = (i = 0): Uint8Array => (pictures[i % pictures.length] as { bytes: Uint8Array }).bytes;
const vectorOf = (i: number): number[] =>
  (pictures[i % pictures.length] as { vector: number[] }).vector;

async function withClip(
  options: ClipOptions,
  body: (clip: ClipModel) => Promise<void>,
  folder = TINY_CLIP,
): Promise<void> {
  const clip = await openClip(folder, { workers: 2, ...options }, FAULTY);
  try {
    await body(clip);
  } finally {
    await clip.close();
  }
}

/** Pools for tests that are not about starting and ending: what they break is a worker, which is replaced. */
const kept = new Map<number, Promise<ClipModel>>();
async function onKept(workers: number, body: (clip: ClipModel) => Promise<void>): Promise<void> {
  const clip = kept.get(workers) ?? openClip(TINY_CLIP, { workers }, FAULTY);
  kept.set(workers, clip);
  await body(await clip);
}
const onOne = (body: (clip: ClipModel) => Promise<void>): Promise<void> => onKept(1, body);
const onTwo = (body: (clip: ClipModel) => Promise<void>): Promise<void> => onKept(2, body);
test.after(async () => {
  for (const clip of kept.values()) await (await clip).close();
});

test('both towers give the vectors that numpy computed, as unit rows', async () => {
  await onTwo(async (clip) => {
    assert.is(clip.dim, TINY_DIM);
    assert.ok(Math.abs(clip.logitScale - 20) < 1e-9);
    const images = await clip.image.encode(pictures.map((item) => item.bytes));
    pictures.forEach((item, i) => assertRow(images, i, item.vector));
    const words = await clip.text.encode(texts.map((item) => item.text));
    texts.forEach((item, i) => assertRow(words, i, item.vector));
    const squares = images.map((value) => value * value).reduce((sum, value) => sum + value, 0);
    assert.ok(Math.abs(squares - pictures.length) < 1e-5);
    assert.is((await clip.image.encode([])).length, 0);
  });
});

test('order is kept over many tasks and many calls at once', async () => {
  await onTwo(async (clip) => {
    const calls = Array.from({ length: 12 }, async (_, call) => {
      const which = Array.from({ length: 5 + 13 * call }, (_, i) => (i * 7 + call) % 6);
      const vectors = await clip.image.encode(which.map(good));
      which.forEach((item, row) => assertRow(vectors, row, vectorOf(item)));
    });
    const words = texts.map(async (item) =>
      assertRow(await clip.text.encode([item.text]), 0, item.vector),
    );
    await Promise.all([...calls, ...words]);
  });
});

test('pictures that fail are reported alone, and encode() names the first', async () => {
  const flat = (background: string): Promise<Buffer> =>
    sharp({ create: { width: 16, height: 16, channels: 3, background } })
      .png()
      .toBuffer();
  const png = Buffer.from(good(1));
  const cut = png.subarray(0, png.length - 300);
  const batch = [
    good(0),
    cut,
    await flat('#000000'),
    good(3),
    await flat('#ffffff'),
    Buffer.from('GIF8 no'),
    new Uint8Array(0),
  ];
  await onTwo(async (clip) => {
    const { vectors, errors } = await clip.image.encodeEach(batch);
    assert.equal(
      errors.map((error) => error?.code),
      [
        undefined,
        'ERR_MEDIA_DECODE',
        'ERR_ENCODE',
        undefined,
        'ERR_ENCODE',
        'ERR_MEDIA_UNSUPPORTED',
        'ERR_MEDIA_UNSUPPORTED',
      ],
    );
    assert.match(errors[2]?.message ?? '', /zero/);
    assert.match(errors[4]?.message ?? '', /not finite/);
    assertRow(vectors, 0, vectorOf(0));
    assertRow(vectors, 3, vectorOf(3));
    assertRow(vectors, 4, new Array<number>(TINY_DIM).fill(0));
    const error = await errorOf(clip.image.encode(batch));
    assert.is(error.code, 'ERR_MEDIA_DECODE');
    assert.is(error.details['index'], 1);
  });
});

test('wrong arguments are refused before any worker sees them', async () => {
  await onTwo(async (clip) => {
    assert.is(await codeOf(clip.text.encode('text' as unknown as string[])), 'ERR_ARG_TYPE');
    assert.is(await codeOf(clip.text.encode([7 as unknown as string])), 'ERR_ARG_TYPE');
    const error = await errorOf(clip.image.encode([good(), 'x' as unknown as Uint8Array]));
    assert.is(error.code, 'ERR_ARG_TYPE');
    assert.is(error.details['index'], 1);
  });
});

test('the bytes of the caller stay usable', async () => {
  await onTwo(async (clip) => {
    const bytes = Buffer.from(good(2));
    await clip.image.encode([bytes]);
    assertRow(await clip.image.encode([bytes]), 0, vectorOf(2));
  });
});

test('an aborted call rejects at once, and the pool goes on', async () => {
  await withClip({ workers: 1 }, async (clip) => {
    assert.is(
      await codeOf(clip.image.encode([good()], { signal: AbortSignal.abort() })),
      'ERR_ABORTED',
    );
    const stop = new AbortController();
    const held = await heldCall(clip, stop.signal);
    stop.abort();
    assert.is(await codeOf(held.call), 'ERR_ABORTED');
    held.open();
    assertRow(await clip.image.encode([good(4)]), 0, vectorOf(4));
  });
});

test('a worker that hangs is replaced: ERR_TIMEOUT, and the next call works', async () => {
  const timeoutMs = scaled(3000);
  await withClip({ workers: 1, timeoutMs }, async (clip) => {
    await clip.image.warm();
    const error = await errorOf(clip.image.encode([order('#hang')]));
    assert.is(error.code, 'ERR_TIMEOUT');
    assert.is(error.details['limitMs'], timeoutMs);
    assertRow(await clip.image.encode([good(5)]), 0, vectorOf(5));
  });
});

for (const fault of ['#exit', '#crash', '#throw', '#garbage']) {
  test(`a worker that fails by ${fault} gives ERR_ENCODE once, and the next call works`, async () => {
    await onOne(async (clip) => {
      let settled = 0;
      const call = clip.image.encode([order(fault)]);
      const count = (): void => void settled++;
      call.then(count, count);
      assert.is(await codeOf(call), 'ERR_ENCODE');
      assertRow(await clip.image.encode([good(1)]), 0, vectorOf(1));
      assert.is(settled, 1);
    });
  });
}

test('an input that kills its worker costs the others of its task nothing', async () => {
  await onTwo(async (clip) => {
    const batch = [good(0), good(1), order('#exit'), good(3), good(4), good(5)];
    const { vectors, errors } = await clip.image.encodeEach(batch);
    assert.equal(
      errors.map((error) => error?.code),
      [undefined, undefined, 'ERR_ENCODE', undefined, undefined, undefined],
    );
    for (const i of [0, 1, 3, 4, 5]) assertRow(vectors, i, vectorOf(i));
  });
});

test('a model that crashes the runtime costs its process and nothing else', async () => {
  await withClip({ workers: 2 }, async (clip) => {
    const others = Array.from({ length: 12 }, (_, i) => clip.image.encode([good(i)]));
    const error = await errorOf(clip.image.encode([order('#crash')]));
    assert.is(error.code, 'ERR_ENCODE');
    assert.match(error.message, /SIGSEGV/);
    // Those that shared its batch are done again, those of the other process never noticed.
    for (const [i, call] of others.entries()) assertRow(await call, 0, vectorOf(i));
  });
});

test('any number of bad inputs in one call fail alone, each with its own reason', async () => {
  await withClip({ timeoutMs: scaled(2000) }, async (clip) => {
    const faults = ['#exit', '#hang', '#crash', '#exit', '#hang', '#throw', '#exit', '#garbage'];
    const batch = faults.flatMap((fault, i) => [order(fault), good(i)]);
    const { vectors, errors } = await clip.image.encodeEach(batch);
    for (const [i, fault] of faults.entries()) {
      const error = errors[2 * i];
      assert.is(error?.code, fault === '#hang' ? 'ERR_TIMEOUT' : 'ERR_ENCODE', fault);
      assert.is(error?.details['items'] ?? 1, 1, fault);
      assert.is(errors[2 * i + 1], undefined);
      assertRow(vectors, 2 * i + 1, vectorOf(i));
    }
  });
});

test('inputs that take too long, however many, never stop the encoder', async () => {
  await withClip({ workers: 1, timeoutMs: scaled(200) }, async (clip) => {
    await clip.image.warm();
    for (let i = 0; i < 3; i++)
      assert.is(await codeOf(clip.image.encode([order('#hang')])), 'ERR_TIMEOUT');
    assertRow(await clip.image.encode([good(1)]), 0, vectorOf(1));
  });
});

test('workers that die without the model end the call with the last reason, and the encoder rests', async () => {
  const file = path.join(makeTempDir('worker'), 'dying.js');
  writeFileSync(file, 'process.kill(process.pid, "SIGSEGV");');
  const clip = await openClip(TINY_CLIP, { workers: 1 }, file);
  for (const round of ['at once', 'while it rests']) {
    const error = await errorOf(clip.image.encodeEach([good(0), good(1)]));
    assert.is(error.code, 'ERR_ENCODE', round);
    assert.is(error.details['isBroken'], true);
    assert.match(error.message, /5 workers in a row before they had the model.*SIGSEGV/);
    assert.is(clip.image.stats().lostWorkers, 5);
  }
  await clip.close();
});

test('a process that is killed before it has the model is replaced, and its task is done', async () => {
  const flag = path.join(makeTempDir('worker'), 'died');
  const file = path.join(path.dirname(flag), 'dies-once.js');
  writeFileSync(
    file,
    `const { existsSync, writeFileSync } = require('node:fs');
    if (!existsSync(${JSON.stringify(flag)})) {
      writeFileSync(${JSON.stringify(flag)}, '');
      process.kill(process.pid, 'SIGKILL');
    }
    module.exports = require(${JSON.stringify(FAULTY)});`,
  );
  const clip = await openClip(TINY_CLIP, { workers: 1 }, file);
  assertRow(await clip.image.encode([good(2)]), 0, vectorOf(2));
  assert.is(clip.image.stats().lostWorkers, 1);
  assert.is(clip.image.stats().errors, 0);
  await clip.close();
});

test('calls above the limit are refused with ERR_POOL_FULL, the others finish', async () => {
  await withClip({ workers: 1, maxCalls: 2 }, async (clip) => {
    const held = await heldCall(clip);
    const second = clip.image.encode([good(2)]);
    assert.is(await codeOf(clip.image.encode([good(3)])), 'ERR_POOL_FULL');
    held.open();
    await held.call;
    assertRow(await second, 0, vectorOf(2));
    assertRow(await clip.image.encode([good(3)]), 0, vectorOf(3));
  });
});

test('close waits for calls in flight, refuses new ones, and may be called twice', async () => {
  const clip = await openClip(TINY_CLIP, { workers: 1 }, FAULTY);
  const held = await heldCall(clip);
  const waiting = clip.image.encode([good(3)]);
  let closed = false;
  const closing = clip.close().then(() => (closed = true));
  assert.is(await codeOf(clip.image.encode([good()])), 'ERR_CLOSED');
  assert.is(await codeOf(clip.text.warm()), 'ERR_CLOSED');
  assert.not.ok(closed);
  held.open();
  assertRow(await waiting, 0, vectorOf(3));
  await closing;
  await clip.close();
  await clip[Symbol.asyncDispose]();
});

test('closing an encoder that never worked, or whose call was aborted, returns', async () => {
  const idle = await openClip(TINY_CLIP, {}, FAULTY);
  await idle.close();
  const clip = await openClip(TINY_CLIP, { workers: 1 }, FAULTY);
  const stop = new AbortController();
  const held = await heldCall(clip, stop.signal);
  stop.abort();
  assert.is(await codeOf(held.call), 'ERR_ABORTED');
  await clip.close();
});

test('a tower that goes bad after opening is ERR_MODEL_HASH; the other tower works', async () => {
  const folder = copyTinyClip();
  await withClip(
    {},
    async (clip) => {
      writeFileSync(path.join(folder, 'onnx', 'vision_model.onnx'), 'no model');
      assert.is(await codeOf(clip.image.encode([good()])), 'ERR_MODEL_HASH');
      assert.is(await codeOf(clip.image.encodeEach([good(), good()])), 'ERR_MODEL_HASH');
      assertRow(await clip.text.encode([texts[0]?.text ?? '']), 0, texts[0]?.vector ?? []);
    },
    folder,
  );
});

test('a worker that cannot even start ends every call with the reason', async () => {
  const file = path.join(makeTempDir('worker'), 'broken.js');
  writeFileSync(file, 'throw new Error("broken on purpose")');
  const clip = await openClip(TINY_CLIP, { workers: 2 }, file);
  for (let i = 0; i < 3; i++) {
    const error = await errorOf(clip.image.encode([good(0), good(1)]));
    assert.is(error.code, 'ERR_ENCODE');
    assert.match(error.message, /broken on purpose/);
  }
  await clip.close();
});

test.run();
