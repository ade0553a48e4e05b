import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { mapOrdered, WakeUp } from '../../lib/pipeline/ordered';

test('outcomes come in the order of the items and never more than the bound run at once', async () => {
  let running = 0;
  let most = 0;
  const release: (() => void)[] = [];
  const work = async (item: number): Promise<number> => {
    most = Math.max(most, ++running);
    await new Promise<void>((resolve) => release.push(resolve));
    running--;
    return item * 10;
  };
  const out: number[] = [];
  const consumer = (async () => {
    for await (const value of mapOrdered([1, 2, 3, 4, 5], 3, work)) out.push(value);
  })();
  // Finish the youngest first, so that order cannot come from timing.
  while (out.length < 5) {
    release.pop()?.();
    await new Promise((resolve) => setImmediate(resolve));
  }
  await consumer;
  assert.equal(out, [10, 20, 30, 40, 50]);
  assert.is(most, 3);
});

test('stopping early waits for what runs', async () => {
  let finished = 0;
  const work = async (item: number): Promise<number> => {
    await new Promise((resolve) => setImmediate(resolve));
    finished++;
    return item;
  };
  for await (const value of mapOrdered([1, 2, 3, 4], 2, work)) {
    assert.is(value, 1);
    break;
  }
  assert.is(finished, 2);
});

test('a wake-up before the wait is not lost, and one wait takes all of them', async () => {
  const wake = new WakeUp();
  wake.notify();
  wake.notify();
  await wake.wait();
  let woken = false;
  const second = wake.wait().then(() => (woken = true));
  await new Promise((resolve) => setImmediate(resolve));
  assert.is(woken, false);
  wake.notify();
  await second;
  assert.is(woken, true);
});

test.run();
