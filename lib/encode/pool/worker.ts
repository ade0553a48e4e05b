/**
 * The worker: loads one tower with the first task, runs tasks, normalizes rows. Started by its encoder
 * process with a WorkerSetup as workerData.
 */
import { writeSync } from 'node:fs';
import { parentPort, workerData } from 'node:worker_threads';
import { makeError } from '../../base/errors';
import { toUnit } from '../towers/pooling';
import { itemsOf, MODEL_MARK, toWire } from '../task';
import type { TaskInput, TaskStage, WorkerReply, WorkerSetup } from '../task';
import { fail, loadTower, type ItemErrors, type Tower } from '../towers/tower';

const setup = workerData as WorkerSetup;
/** In a thread, `process.stderr` only sends a message to the main thread. */
const STDERR = 2;
let loading: Promise<Tower> | undefined;

/** Reports the stage to the pool, which limits the time of each. */
export function enter(stage: Exclude<TaskStage, 'starting'>): void {
  parentPort?.postMessage(stage);
}

/** Entry point of the pool. Never throws for bad inputs. */
export async function handle(input: TaskInput): Promise<WorkerReply> {
  const errors: ItemErrors = [];
  let tower: Tower;
  try {
    enter('loading');
    tower = await (loading ??= load());
  } catch (error) {
    // Not cached: the files may be repaired by the next call.
    loading = undefined;
    return { vectors: new Float32Array(0), errors, fatal: toWire(error, 'ERR_MODEL_INVALID') };
  }
  enter('running');
  const { dim } = setup;
  const items = itemsOf(input);
  try {
    const rows = await tower.embed(input, errors);
    const { vectors } = rows;
    for (let i = 0; i < items; i++) {
      const wrong = errors[i] === undefined ? toUnit(vectors, i * dim, dim) : 'failed';
      if (wrong !== undefined) fail(errors, i, noEmbedding(wrong));
    }
    return { ...rows, errors, ran: ranOf(tower) };
  } catch (error) {
    for (let i = 0; i < items; i++) fail(errors, i, error);
    return { vectors: new Float32Array(items * dim), errors, ran: ranOf(tower) };
  }
}

async function load(): Promise<Tower> {
  const tower = await loadTower(setup);
  try {
    writeSync(STDERR, MODEL_MARK);
  } catch {
    // The parent is ending this process: nobody reads it.
  }
  return tower;
}

const ranOf = ({ session }: Tower): NonNullable<WorkerReply['ran']> => ({
  device: session.provided.device,
  notice: session.provided.notice,
  inferenceMs: session.takeSpentMs(),
});

function noEmbedding(what: string): Error {
  return makeError('ERR_ENCODE', `the model's output is ${what}, which is not an embedding`);
}
