/**
 * The real encode worker with faults on request: a "picture" that begins with `#` is an order.
 * Orders are told apart from pictures here only; the product's worker knows none of them.
 */
import { BroadcastChannel } from 'node:worker_threads';
import { TaskClock, type WorkerReply, type WorkerTask } from '../../lib/encode/task';
import { handle as real } from '../../lib/encode/worker';

/** Tells `entered` when a task stands at the gate, and lets it go on at `open`. */
export const GATE_CHANNEL = 'sightline-test-gate';

export async function handle(task: WorkerTask): Promise<WorkerReply> {
  for (const order of ordersOf(task)) {
    if (order === '#exit') process.exit(3);
    if (order === '#throw') {
      setImmediate(() => {
        throw new Error('thrown on purpose');
      });
      await new Promise(() => undefined);
    }
    if (order === '#hang') {
      new TaskClock(task.clock).enter('running');
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
    }
    if (order === '#memory') fillMemory(task);
    if (order === '#garbage') return 'nonsense' as unknown as WorkerReply;
    if (order === '#gate') await gate(task);
  }
  return real(task);
}

/** On the JavaScript heap, which is what the pool limits. */
function fillMemory(task: WorkerTask): never {
  new TaskClock(task.clock).enter('running');
  const kept: number[][] = [];
  for (;;) kept.push(Array.from({ length: 10_000 }, (_, i) => i + kept.length));
}

function ordersOf(task: WorkerTask): string[] {
  if (task.pictures === undefined) return [];
  const { bytes, offsets } = task.pictures;
  const items = Array.from({ length: offsets.length - 1 }, (_, i) =>
    Buffer.from(bytes, offsets[i], (offsets[i + 1] as number) - (offsets[i] as number)),
  );
  return items.filter((item) => item[0] === 0x23).map((item) => item.toString());
}

function gate(task: WorkerTask): Promise<void> {
  new TaskClock(task.clock).enter('running');
  const channel = new BroadcastChannel(GATE_CHANNEL);
  return new Promise((resolve) => {
    channel.onmessage = (event: unknown): void => {
      if ((event as { data: unknown }).data !== 'open') return;
      channel.close();
      resolve();
    };
    channel.postMessage('entered');
  });
}
