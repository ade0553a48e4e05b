/**
 * The real encode worker with faults on request: a "picture" that begins with `#` is an order.
 * Orders are told apart from pictures here only; the product's worker knows none of them.
 */
import { existsSync, writeFileSync } from 'node:fs';
import type { TaskInput, WorkerReply } from '../../lib/encode/task';
import { handle as real } from '../../lib/encode/pool/worker';

export async function handle(input: TaskInput): Promise<WorkerReply> {
  const orders = ordersOf(input);
  // As inputs do: they can harm nothing before there is a model for them.
  if (orders.length > 0) await real({});
  for (const order of orders) {
    if (order === '#exit') process.exit(3);
    // As a model does that crashes the runtime: the whole process, not only this thread.
    if (order === '#crash') process.kill(process.pid, 'SIGSEGV');
    if (order === '#throw') {
      setImmediate(() => {
        throw new Error('thrown on purpose');
      });
      await new Promise(() => undefined);
    }
    if (order === '#hang') {
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
    }
    if (order === '#memory') fillMemory();
    if (order === '#garbage') return 'nonsense' as unknown as WorkerReply;
    if (order.startsWith('#gate ')) await gate(order.slice('#gate '.length));
  }
  return real(input);
}

/** On the JavaScript heap, which is what the pool limits. */
function fillMemory(): never {
  const kept: number[][] = [];
  for (;;) kept.push(Array.from({ length: 10_000 }, (_, i) => i + kept.length));
}

function ordersOf(input: TaskInput): string[] {
  if (input.pictures === undefined) return [];
  const { bytes, offsets } = input.pictures;
  const items = Array.from({ length: offsets.length - 1 }, (_, i) =>
    Buffer.from(bytes, offsets[i], (offsets[i + 1] as number) - (offsets[i] as number)),
  );
  return items.filter((item) => item[0] === 0x23).map((item) => item.toString());
}

/** Makes `<path>.entered`, and goes on when there is `<path>.open`. */
async function gate(path: string): Promise<void> {
  writeFileSync(`${path}.entered`, '');
  while (!existsSync(`${path}.open`)) await new Promise((resolve) => setTimeout(resolve, 5));
}
