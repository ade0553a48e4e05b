/** Batches of concurrent callers: who shares a call, who waits, who is refused, who fails. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { makeError } from '../../lib/errors';
import { Batcher } from '../../lib/service/batcher';
import { codeOf } from '../helpers/tiny-clip';

const LIMITS = { maxBatch: 8, maxRunning: 1, maxWaiting: 20 };
const tick = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** Answers with the input itself; each call waits until `release`. */
function held(fails: (input: number) => boolean = () => false): {
  run: (inputs: readonly number[]) => Promise<Float32Array[]>;
  calls: number[][];
  release: () => void;
} {
  const calls: number[][] = [];
  const gates: (() => void)[] = [];
  return {
    calls,
    release: () => gates.shift()?.(),
    run: async (inputs) => {
      calls.push([...inputs]);
      await new Promise<void>((resolve) => gates.push(resolve));
      const index = inputs.findIndex(fails);
      if (index >= 0) throw makeError('ERR_ENCODE', 'bad input', { details: { index } });
      return inputs.map((input) => Float32Array.of(input));
    },
  };
}

test('a caller who comes alone goes at once; those who come meanwhile share the next call', async () => {
  const { run, calls, release } = held();
  const batcher = new Batcher(run, LIMITS);
  const first = batcher.add([1]);
  assert.equal(calls, [[1]]);
  const others = [batcher.add([2]), batcher.add([3, 4]), batcher.add([5])];
  await tick();
  assert.is(calls.length, 1);
  assert.is(batcher.waiting, 4);
  release();
  assert.equal(await first, [Float32Array.of(1)]);
  await tick();
  assert.equal(calls, [[1], [2, 3, 4, 5]]);
  release();
  assert.equal(
    (await Promise.all(others)).map((vectors) => vectors.map((vector) => vector[0])),
    [[2], [3, 4], [5]],
  );
});

test('a batch is full at its limit, and one caller with more goes alone', async () => {
  const { run, calls, release } = held();
  const batcher = new Batcher(run, LIMITS);
  const all = [[0], [1, 2, 3, 4, 5], [6, 7, 8], [9, 10], Array.from({ length: 12 }, (_, i) => i)];
  const answers = all.slice(0, 4).map((inputs) => batcher.add(inputs));
  for (let i = 0; i < 3; i++) {
    release();
    await tick();
    await tick();
  }
  await Promise.all(answers);
  assert.equal(calls.slice(1), [
    [1, 2, 3, 4, 5, 6, 7, 8],
    [9, 10],
  ]);
  const large = batcher.add(all[4] ?? []);
  release();
  assert.is((await large).length, 12);
});

test('too many waiting are refused at once, and the others are answered', async () => {
  const { run, release } = held();
  const batcher = new Batcher(run, LIMITS);
  const kept = [batcher.add([0]), batcher.add(new Array<number>(20).fill(1))];
  assert.is(await codeOf(batcher.add([2])), 'ERR_POOL_FULL');
  release();
  await kept[0];
  await tick();
  release();
  assert.is((await (kept[1] as Promise<Float32Array[]>)).length, 20);
});

test("one caller's bad input fails that caller alone", async () => {
  const { run, release } = held((input) => input === 13);
  const batcher = new Batcher(run, LIMITS);
  const first = batcher.add([0]);
  const others = [[1], [13], [2]].map((inputs) => batcher.add(inputs));
  const outcomes = Promise.allSettled(others);
  let isOver = false;
  void outcomes.then(() => (isOver = true));
  while (!isOver) {
    release();
    await tick();
  }
  await first;
  assert.equal(
    (await outcomes).map(({ status }) => status),
    ['fulfilled', 'rejected', 'fulfilled'],
  );
});

test("what is no input's fault reaches all at once, and is not tried again", async () => {
  let calls = 0;
  let fail = (): void => undefined;
  const batcher = new Batcher(
    () =>
      new Promise<Float32Array[]>((_, reject) => {
        calls++;
        fail = () => reject(makeError('ERR_TIMEOUT', 'the model hangs'));
      }),
    LIMITS,
  );
  const outcomes = Promise.allSettled([[1], [2], [3]].map((inputs) => batcher.add(inputs)));
  fail();
  await tick();
  fail();
  for (const { status } of await outcomes) assert.is(status, 'rejected');
  assert.is(calls, 2, 'the first alone, the two others together');
});

test.run();
