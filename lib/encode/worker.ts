/**
 * The worker's side: loads one tower with the first task, runs tasks, makes unit rows. Started by the
 * pool with a WorkerSetup as workerData.
 */
import { workerData } from 'node:worker_threads';
import { makeError } from '../errors';
import { toUnit } from './pooling';
import { itemsOf, TaskClock, toWire, type WorkerReply } from './task';
import type { WorkerSetup, WorkerTask } from './task';
import { fail, loadTower, type ItemErrors, type Tower } from './tower';

const setup = workerData as WorkerSetup;
let loading: Promise<Tower> | undefined;

/** Entry point of the pool. Never throws for what the input can cause. */
export async function handle(task: WorkerTask): Promise<WorkerReply> {
  const clock = new TaskClock(task.clock);
  const errors: ItemErrors = [];
  const empty = new Float32Array(0);
  if (clock.isCancelled) return { vectors: empty, errors };
  let tower: Tower;
  try {
    clock.enter('loading');
    tower = await (loading ??= loadTower(setup));
  } catch (error) {
    // Not remembered: files may have been put right by the next call.
    loading = undefined;
    return { vectors: empty, errors, fatal: toWire(error, 'ERR_MODEL_INVALID') };
  }
  clock.enter('running');
  const { dim } = setup;
  const items = itemsOf(task);
  try {
    const vectors = await tower.embed(task, errors, () => clock.isCancelled);
    for (let i = 0; i < items; i++) {
      const wrong = errors[i] === undefined ? toUnit(vectors, i * dim, dim) : 'failed';
      if (wrong !== undefined) fail(errors, i, noEmbedding(wrong));
    }
    return { vectors, errors, ran: ranOf(tower) };
  } catch (error) {
    for (let i = 0; i < items; i++) fail(errors, i, error);
    return { vectors: new Float32Array(items * dim), errors, ran: ranOf(tower) };
  }
}

const ranOf = ({ session }: Tower): NonNullable<WorkerReply['ran']> => ({
  device: session.provided.device,
  notice: session.provided.notice,
  inferenceMs: session.takeSpentMs(),
});

function noEmbedding(what: string): Error {
  return makeError('ERR_ENCODE', `the model's output is ${what}, which is no embedding`);
}
