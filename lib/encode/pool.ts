/**
 * The worker pool of one tower (Piscina): starts with the first task, gives each task to one worker,
 * ends and replaces a worker that passes its deadline, and refuses for a while when workers keep
 * dying. Every task settles exactly once. Loads neither the runtime nor the image library.
 */
import path from 'node:path';
import { Piscina } from 'piscina';
import { isLibraryError, makeError, messageOf } from '../errors';
import { deadlineMs, type TowerSettings } from './settings';
import { fromWire, TaskClock, type WorkerReply, type WorkerSetup, type WorkerTask } from './task';

/** Loading reads and optimises the whole graph; slow disks and large models need minutes. */
const LOAD_LIMIT_MS = 300_000;
/** Extra workers of a quiet pool end after this; the first one stays, with its model. */
const IDLE_MS = 60_000;
/**
 * Longest wait for workers to end. One inside a native call cannot be interrupted: if that call never
 * returns, its thread keeps a core, and the process, until the process is killed.
 */
const DESTROY_LIMIT_MS = 5_000;
const MAX_LOSSES = 5;
const LOSS_WINDOW_MS = 60_000;

export interface PoolTask {
  readonly pictures?: WorkerTask['pictures'];
  readonly texts?: WorkerTask['texts'];
  /** 0: only load the model. */
  readonly items: number;
}

interface Watch {
  readonly clock: TaskClock;
  readonly killer: AbortController;
  timer: NodeJS.Timeout | undefined;
  timedOut: boolean;
  /** Why the pool gave the task up, when the task itself does not know. */
  cause: unknown;
}

export class TowerPool {
  private piscina: Piscina<WorkerTask, WorkerReply> | undefined;
  private readonly watches = new Set<Watch>();
  private readonly losses: number[] = [];

  constructor(
    private readonly setup: WorkerSetup,
    private readonly settings: TowerSettings,
    /** Tests put faults here; everyone else uses the real worker. */
    private readonly workerFile = path.join(__dirname, 'worker.js'),
  ) {}

  /**
   * Runs one task on one worker.
   *
   * @param cancelled ends the wait; a task that no worker has begun is skipped
   * @throws ERR_TIMEOUT and ERR_ENCODE (the worker was lost and replaced; see `isWorkerLoss`), or
   *   ERR_MODEL_* when the model cannot be used
   */
  async run(task: PoolTask, cancelled?: AbortSignal): Promise<WorkerReply> {
    this.refuseWhileBroken();
    const watch: Watch = {
      clock: new TaskClock(),
      killer: new AbortController(),
      timer: undefined,
      timedOut: false,
      cause: undefined,
    };
    const onCancel = (): void => watch.clock.cancel();
    cancelled?.addEventListener('abort', onCancel, { once: true });
    this.watches.add(watch);
    this.watchDeadline(watch, task.items);
    try {
      const { pictures, texts } = task;
      const message: WorkerTask = {
        clock: watch.clock.shared,
        ...(pictures && { pictures }),
        ...(texts && { texts }),
      };
      const reply = await this.start().run(message, {
        transferList: pictures ? [pictures.bytes, pictures.offsets.buffer as ArrayBuffer] : [],
        signal: watch.killer.signal,
      });
      return checkReply(reply);
    } catch (cause) {
      if (isLibraryError(cause)) throw cause;
      this.losses.push(performance.now());
      throw lossError(
        watch,
        this.setup,
        task.items,
        this.limitMs(watch, task.items),
        watch.cause ?? cause,
      );
    } finally {
      cancelled?.removeEventListener('abort', onCancel);
      clearTimeout(watch.timer);
      this.watches.delete(watch);
    }
  }

  /** Ends all workers. The caller has waited for its tasks. */
  async destroy(): Promise<void> {
    const piscina = this.piscina;
    this.piscina = undefined;
    if (piscina === undefined) return;
    const limit = new Promise<void>((resolve) => setTimeout(resolve, DESTROY_LIMIT_MS).unref());
    await Promise.race([piscina.destroy(), limit]);
  }

  private start(): Piscina<WorkerTask, WorkerReply> {
    if (this.piscina === undefined) {
      this.piscina = new Piscina<WorkerTask, WorkerReply>({
        filename: this.workerFile,
        name: 'handle',
        workerData: this.setup,
        minThreads: 1,
        maxThreads: this.settings.workers,
        idleTimeout: IDLE_MS,
        concurrentTasksPerWorker: 1,
        recordTiming: false,
      });
      // A worker that dies while it has no task (it could not even start): nothing will take what
      // waits for it, so the waiting tasks end too.
      this.piscina.on('error', (cause: unknown) => {
        for (const watch of this.watches) {
          if (watch.clock.stage !== 'waiting') continue;
          watch.cause = cause;
          watch.killer.abort();
        }
      });
    }
    return this.piscina;
  }

  private limitMs(watch: Watch, items: number): number {
    return watch.clock.stage === 'running'
      ? deadlineMs(this.settings.timeoutMs, Math.max(1, items))
      : LOAD_LIMIT_MS;
  }

  /**
   * Waiting is not limited (the tasks before it are); loading and running are, each from its own
   * beginning. The timer only asks again when the stage has moved on meanwhile.
   */
  private watchDeadline(watch: Watch, items: number): void {
    const check = (): void => {
      const limit = this.limitMs(watch, items);
      const left = watch.clock.stage === 'waiting' ? limit : limit - watch.clock.elapsedMs;
      if (left <= 0) {
        watch.timedOut = true;
        watch.killer.abort();
        return;
      }
      // Short steps until the task runs: it may begin at any moment, with a shorter limit.
      const step = watch.clock.stage === 'running' ? left + 1 : this.settings.timeoutMs;
      watch.timer = setTimeout(check, Math.min(step, left + 1));
    };
    check();
  }

  private refuseWhileBroken(): void {
    const oldest = performance.now() - LOSS_WINDOW_MS;
    while (this.losses.length > 0 && (this.losses[0] as number) < oldest) this.losses.shift();
    if (this.losses.length < MAX_LOSSES) return;
    throw makeError(
      'ERR_ENCODE',
      `the ${this.setup.modality} encoder lost ${this.losses.length} workers within ` +
        `${LOSS_WINDOW_MS / 1000} s and takes no work until that is over`,
      { details: { modality: this.setup.modality, isBroken: true } },
    );
  }
}

/** A worker is our own code in a sane state, unless memory ran out in the middle of it. */
function checkReply(reply: WorkerReply): WorkerReply {
  const isReply = typeof reply === 'object' && reply?.vectors instanceof Float32Array;
  if (!isReply) throw makeError('ERR_ENCODE', 'a worker answered with something that is no reply');
  if (reply.fatal !== undefined) throw fromWire(reply.fatal);
  return reply;
}

function lossError(
  watch: Watch,
  setup: WorkerSetup,
  items: number,
  limit: number,
  cause: unknown,
): Error {
  const what = items === 0 ? `loading ${setup.file}` : `encoding ${items} ${setup.modality}(s)`;
  const details = { modality: setup.modality, items, isWorkerLoss: true };
  return watch.timedOut
    ? makeError(
        'ERR_TIMEOUT',
        `${what} took longer than ${limit / 1000} s; the worker was replaced`,
        {
          details: { ...details, limitMs: limit },
          cause,
        },
      )
    : makeError('ERR_ENCODE', `the worker died while ${what}: ${messageOf(cause)}`, {
        details,
        cause,
      });
}

/** True when a worker died or was ended, so that the input may be at fault and others are not. */
export function isWorkerLoss(error: unknown): boolean {
  return isLibraryError(error) && error.details['isWorkerLoss'] === true;
}
