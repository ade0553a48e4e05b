/**
 * The worker pool of one tower (Piscina): starts with the first task, gives each task to one worker,
 * ends and replaces a worker that passes its deadline or its memory, refuses for a while when workers
 * keep dying, and gives the model up when there is nothing to do. Every task settles exactly once.
 * Loads neither the runtime nor the image library.
 */
import path from 'node:path';
import { Piscina } from 'piscina';
import { isLibraryError, makeError } from '../errors';
import { deadlineMs, type TowerSettings } from './settings';
import { PoolCounters, type EncoderStats } from './stats';
import { fromWire, TaskClock, transferOf, type TaskInput } from './task';
import type { WorkerReply, WorkerSetup, WorkerTask } from './task';
import { LossCount, lossError } from './worker-loss';

/** Loading reads and optimises the whole graph; slow disks and large models need minutes. */
const LOAD_LIMIT_MS = 300_000;
/** Extra workers of a quiet pool end after this; the first one stays, with its model. */
const IDLE_MS = 60_000;
/**
 * Longest wait for workers to end. One inside a native call cannot be interrupted: if that call never
 * returns, its thread keeps a core, and the process, until the process is killed.
 */
const DESTROY_LIMIT_MS = 5_000;

export interface PoolTask extends TaskInput {
  /** 0: only load the model. */
  readonly items: number;
}

/** The part of `EncoderStats` that the pool knows. */
export type PoolStats = Omit<
  EncoderStats,
  'modality' | 'requestedDevice' | 'workers' | 'threadsPerWorker' | 'calls' | 'maxCalls' | 'refused'
>;

interface Watch {
  readonly items: number;
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
  private readonly losses = new LossCount();

  private readonly counters = new PoolCounters();
  private provider = 'cpu';
  private isLoaded = false;
  private idleTimer: NodeJS.Timeout | undefined;
  /** Workers that are being ended. */
  private ending: Promise<void> = Promise.resolve();
  /** Called after every task, when its worker may be free. */
  onTaskEnd: () => void = () => undefined;

  constructor(
    private readonly setup: WorkerSetup,
    private readonly settings: TowerSettings,
    /** One line about a device that cannot be used. */
    private readonly onNotice: (line: string) => void,
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
    this.losses.refuseWhileTooMany(this.setup.modality);
    clearTimeout(this.idleTimer);
    const watch: Watch = {
      items: task.items,
      clock: new TaskClock(),
      killer: new AbortController(),
      timer: undefined,
      timedOut: false,
      cause: undefined,
    };
    const onCancel = (): void => watch.clock.cancel();
    cancelled?.addEventListener('abort', onCancel, { once: true });
    this.watches.add(watch);
    const { items, ...input } = task;
    this.watchDeadline(watch, items);
    try {
      const message: WorkerTask = { clock: watch.clock.shared, ...input };
      const reply = await this.start().run(message, {
        transferList: transferOf(input),
        signal: watch.killer.signal,
      });
      this.count(task.items, checkReply(reply), watch.clock);
      if (reply.fatal !== undefined) throw fromWire(reply.fatal);
      return reply;
    } catch (cause) {
      if (isLibraryError(cause)) throw cause;
      this.losses.add();
      this.counters.lost(task.items, watch.timedOut);
      const limitMs = watch.timedOut ? this.limitMs(watch, task.items) : undefined;
      throw lossError(this.setup, task.items, limitMs, watch.cause ?? cause);
    } finally {
      cancelled?.removeEventListener('abort', onCancel);
      clearTimeout(watch.timer);
      this.watches.delete(watch);
      if (this.watches.size === 0) this.unloadLater();
      this.onTaskEnd();
    }
  }

  /** Tasks that are with a worker or wait for one. */
  get activeTasks(): number {
    return this.watches.size;
  }

  /** Execution provider in use; `cpu` until a model is loaded. */
  get device(): string {
    return this.provider;
  }

  stats(): PoolStats {
    const { counters } = this;
    let queuedItems = 0;
    let runningItems = 0;
    for (const { clock, items } of this.watches) {
      if (clock.stage === 'waiting') queuedItems += items;
      else runningItems += items;
    }
    return {
      device: this.provider,
      isLoaded: this.isLoaded,
      queuedItems,
      runningItems,
      batches: counters.batches,
      items: counters.items,
      batchSizes: [...counters.batchSizes],
      errors: counters.errors,
      lostWorkers: counters.lostWorkers,
      timeouts: counters.timeouts,
      loads: counters.loads,
      unloads: counters.unloads,
      inferenceMs: counters.inferenceMs,
    };
  }

  /** Seconds until what is at hand should be done, 1 to 60. @param more inputs that are no task yet */
  retryAfterSeconds(more: number): number {
    let items = more;
    for (const watch of this.watches) items += watch.items;
    return this.counters.retryAfterSeconds(items, this.settings.workers);
  }

  /** Ends all workers, and with them frees the model. The caller has waited for its tasks. */
  destroy(): Promise<void> {
    clearTimeout(this.idleTimer);
    const piscina = this.piscina;
    this.piscina = undefined;
    this.isLoaded = false;
    if (piscina !== undefined) {
      const limit = new Promise<void>((resolve) => setTimeout(resolve, DESTROY_LIMIT_MS).unref());
      const ended = Promise.race([piscina.destroy(), limit]);
      this.ending = Promise.all([this.ending, ended]).then(() => undefined);
    }
    return this.ending;
  }

  /** A task that comes meanwhile starts workers of its own: nothing has to wait for the old ones. */
  private unloadLater(): void {
    if (this.settings.idleMs === 0 || this.piscina === undefined) return;
    const unload = (): void => {
      if (this.watches.size > 0) return;
      if (this.isLoaded) this.counters.unloads++;
      // Ending has its own limit; what could go wrong with it concerns no caller.
      this.destroy().catch(() => undefined);
    };
    this.idleTimer = setTimeout(unload, this.settings.idleMs);
    this.idleTimer.unref();
  }

  private count(items: number, reply: WorkerReply, clock: TaskClock): void {
    const { ran, errors, fatal } = reply;
    if (fatal !== undefined) this.counters.errors += items;
    if (ran === undefined) return;
    if (!this.isLoaded) {
      this.counters.loads++;
      this.say(`model loaded on ${ran.device}: ${this.setup.file}`);
    }
    this.isLoaded = true;
    this.provider = ran.device;
    if (ran.notice !== undefined) this.onNotice(ran.notice);
    if (items === 0) return;
    const failed = errors.filter((error) => error !== undefined).length;
    this.counters.batch(items, failed, ran.inferenceMs, clock.elapsedMs);
    const dims = `dim ${this.setup.dim}, ${failed} failed`;
    this.say(
      `${items} in ${clock.elapsedMs.toFixed(1)} ms (${ran.inferenceMs.toFixed(1)} inference), ${dims}`,
    );
  }

  private say(what: string): void {
    if (this.settings.isVerbose)
      process.stderr.write(`sightline ${this.setup.modality}: ${what}\n`);
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
        resourceLimits: { maxOldGenerationSizeMb: this.settings.workerHeapMb },
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
}

/** A worker is our own code in a sane state, unless memory ran out in the middle of it. */
function checkReply(reply: WorkerReply): WorkerReply {
  const isReply = typeof reply === 'object' && reply?.vectors instanceof Float32Array;
  if (isReply) return reply;
  throw makeError('ERR_ENCODE', 'a worker answered with something that is no reply', {
    details: { isWorkerLoss: true },
  });
}
