/**
 * Main file of an encoder process: hosts one worker (Piscina) with the model, so that this thread can
 * always respond, and dies when its parent does. Started only by `EncoderProcess`.
 */
import { Piscina } from 'piscina';
import { messageOf } from '../../base/errors';
import { transferOf } from '../task';
import type { HostReply, HostRequest, TaskInput, WorkerReply } from '../task';

let worker: Piscina<unknown, WorkerReply> | undefined;
/** The input in progress. */
let task: { readonly giveUp: AbortController; cause: unknown } | undefined;

const say = (reply: HostReply): void => void process.send?.(reply);

function start({ setup, heapMb, workerFile }: Extract<HostRequest, { setup: unknown }>): void {
  worker = new Piscina({
    filename: workerFile,
    name: 'handle',
    workerData: setup,
    minThreads: 1,
    maxThreads: 1,
    concurrentTasksPerWorker: 1,
    recordTiming: false,
    resourceLimits: { maxOldGenerationSizeMb: heapMb },
  });
  worker.on('message', (stage: 'loading' | 'running') => say({ stage }));
  // It died without a task, so it could not start: fail the queued input.
  worker.on('error', (cause: unknown) => {
    if (task === undefined) return;
    task.cause = cause;
    task.giveUp.abort();
  });
}

/** One at a time: the parent waits for a reply before it sends the next. */
async function run(pool: Piscina<unknown, WorkerReply>, input: TaskInput): Promise<void> {
  const mine = { giveUp: new AbortController(), cause: undefined as unknown };
  task = mine;
  const { signal } = mine.giveUp;
  const [thread] = pool.threads;
  let answer: HostReply;
  try {
    answer = { reply: await pool.run(input, { transferList: transferOf(input), signal }) };
  } catch (cause) {
    const reason = messageOf(mine.cause ?? cause);
    // Piscina removes a dead thread from its list before it rejects the task.
    const isAlive = thread !== undefined && pool.threads.includes(thread);
    answer = isAlive ? { failed: reason } : { lost: reason };
  }
  task = undefined;
  say(answer);
}

process.on('message', (request: HostRequest) => {
  if ('setup' in request) start(request);
  else if (worker !== undefined) void run(worker, request.input);
});
// Not exit(): it waits for the worker, which may be in a native call that never returns.
process.on('disconnect', () => process.kill(process.pid, 'SIGKILL'));
// Signals go to the whole process group: the parent decides when its encoders stop.
for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(name, () => undefined);
