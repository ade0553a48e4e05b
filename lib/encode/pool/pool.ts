/**
 * The pool of one tower: encoder processes that start on demand, each with one worker and the model.
 * Assigns tasks, replaces processes that pass a deadline, crash or fill their memory, pauses when they keep
 * dying without success, and unloads the model when idle. Every task settles exactly once. Loads neither
 * the runtime nor the image library.
 */
import path from 'node:path';
import { types } from 'node:util';
import { isLibraryError, makeError } from '../../base/errors';
import { EncoderProcess, LostWork, type Answer } from './encoder-process';
import { deadlineMs, type TowerSettings } from '../settings';
import { PoolCounters, type EncoderStats } from '../stats';
import { fromWire, type TaskInput, type WorkerReply, type WorkerSetup } from '../task';
import { LossCount, lossError, taskError } from './worker-loss';

/** Loading reads and optimizes the whole graph; slow disks and large models need minutes. */
const LOAD_LIMIT_MS = 300_000;
/** Idle time after which extra processes end; the first one stays, with its model. */
const EXTRA_IDLE_MS = 60_000;
/** Longest wait for processes to end after a kill. */
const DESTROY_LIMIT_MS = 5_000;
const NOT_BEGUN: WorkerReply = { vectors: new Float32Array(0), errors: [] };

export interface PoolTask extends TaskInput {
  /** 0: only load the model. */
  readonly items: number;
}

/** The fields of `EncoderStats` that the pool knows. */
export type PoolStats = Omit<
  EncoderStats,
  'modality' | 'requestedDevice' | 'workers' | 'threadsPerWorker' | 'calls' | 'maxCalls' | 'refused'
>;

/** A task that waits for a process, or is running on one. */
interface Job {
  readonly items: number;
  readonly begin: (process: EncoderProcess) => void;
  process: EncoderProcess | undefined;
}

export class TowerPool {
  private readonly processes = new Set<EncoderProcess>();
  private readonly jobs = new Set<Job>();
  private readonly waiting = new Set<Job>();
  private readonly losses = new LossCount();

  private readonly counters = new PoolCounters();
  private provider = 'cpu';
  private isLoaded = false;
  private idleTimer: NodeJS.Timeout | undefined;
  /** Called after every task, when its worker may be free. */
  onTaskEnd: () => void = () => undefined;

  constructor(
    private readonly setup: WorkerSetup,
    private readonly settings: TowerSettings,
    /** Called with the notice about a device that cannot be used. */
    private readonly onNotice: (line: string) => void,
    /** Tests inject faults here; otherwise the real worker. */
    private readonly workerFile = path.join(__dirname, 'worker.js'),
  ) {}

  /**
   * Runs one task on one worker.
   *
   * @param cancelled skips a task that has not started; its result is then meaningless
   * @throws ERR_TIMEOUT and ERR_ENCODE (of this task alone, see `isOfOneTask`, or because too many
   *   workers died), or ERR_MODEL_* when the model cannot be used
   */
  async run({ items, ...input }: PoolTask, cancelled?: AbortSignal): Promise<WorkerReply> {
    for (;;) {
      this.losses.refuseWhileTooMany(this.setup.modality);
      try {
        return await this.attempt(items, input, cancelled);
      } catch (cause) {
        if (isLibraryError(cause)) throw cause;
        if (!(cause instanceof LostWork)) throw taskError(this.setup, items, cause);
        this.losses.add(cause);
        const isInnocent = !cause.hadModel && cause.limitMs === undefined;
        this.counters.lost(isInnocent ? 0 : items, cause.limitMs !== undefined);
        // The worker died before the model was loaded, so the task is not at fault: retry on another.
        if (isInnocent && items > 0 && cancelled?.aborted !== true) continue;
        throw lossError(this.setup, items, cause);
      }
    }
  }

  /** @throws LostWork, the worker's error about the model, or why the task could not be sent */
  private async attempt(
    items: number,
    input: TaskInput,
    cancelled: AbortSignal | undefined,
  ): Promise<WorkerReply> {
    clearTimeout(this.idleTimer);
    const { job, begun } = this.enqueue(items, cancelled);
    try {
      const process = await begun;
      if (process === undefined) return NOT_BEGUN;
      const answer = await process.run(input, (stage) => {
        if (stage !== 'running') return LOAD_LIMIT_MS;
        this.losses.noteReady();
        return deadlineMs(this.settings.timeoutMs, Math.max(1, items));
      });
      this.losses.noteAnswer();
      this.count(items, answer);
      const { fatal } = answer.reply;
      if (fatal !== undefined) throw fromWire(fatal);
      return answer.reply;
    } finally {
      this.jobs.delete(job);
      if (job.process !== undefined) this.afterWork(job.process);
      if (this.jobs.size === 0) this.unloadLater();
      this.onTaskEnd();
    }
  }

  /** Tasks that are running or queued. */
  get activeTasks(): number {
    return this.jobs.size;
  }

  /** Execution provider in use; `cpu` until a model is loaded. */
  get device(): string {
    return this.provider;
  }

  stats(): PoolStats {
    const { counters } = this;
    let queuedItems = 0;
    let runningItems = 0;
    for (const { process, items } of this.jobs) {
      if (process?.stage === undefined || process.stage === 'starting') queuedItems += items;
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

  /** Estimated seconds until current work is done, 1 to 60. @param more inputs that are no task yet */
  retryAfterSeconds(more: number): number {
    let items = more;
    for (const job of this.jobs) items += job.items;
    return this.counters.retryAfterSeconds(items, this.settings.workers);
  }

  /** Kills all processes, which frees the model. Abandoned work is lost. */
  async destroy(): Promise<void> {
    clearTimeout(this.idleTimer);
    this.isLoaded = false;
    const ended = [...this.processes].map((process) => {
      this.processes.delete(process);
      process.kill();
      return process.ended;
    });
    const limit = new Promise<void>((resolve) => setTimeout(resolve, DESTROY_LIMIT_MS).unref());
    await Promise.race([Promise.all(ended), limit]);
  }

  /** `begun` receives the process, or undefined if the task was cancelled before. */
  private enqueue(
    items: number,
    cancelled: AbortSignal | undefined,
  ): { job: Job; begun: Promise<EncoderProcess | undefined> } {
    let settle: (process: EncoderProcess | undefined) => void = () => undefined;
    const begun = new Promise<EncoderProcess | undefined>((resolve) => (settle = resolve));
    const job: Job = {
      items,
      process: undefined,
      begin: (process) => {
        job.process = process;
        cancelled?.removeEventListener('abort', leave);
        settle(process);
      },
    };
    const leave = (): void => {
      if (this.waiting.delete(job)) settle(undefined);
    };
    this.jobs.add(job);
    this.waiting.add(job);
    if (cancelled?.aborted === true) leave();
    else cancelled?.addEventListener('abort', leave, { once: true });
    this.assign();
    return { job, begun };
  }

  /** In order of arrival. */
  private assign(): void {
    for (const job of this.waiting) {
      const process = this.freeProcess();
      if (process === undefined) return;
      this.waiting.delete(job);
      job.begin(process);
    }
  }

  private freeProcess(): EncoderProcess | undefined {
    const taken = new Set([...this.jobs].map((job) => job.process));
    for (const process of this.processes) if (process.isFree && !taken.has(process)) return process;
    if (this.processes.size >= this.settings.workers) return undefined;
    const { workerHeapMb: heapMb } = this.settings;
    const process = new EncoderProcess(this.setup, { heapMb, workerFile: this.workerFile });
    this.processes.add(process);
    void process.ended.then(() => {
      this.processes.delete(process);
      if (this.processes.size === 0) this.isLoaded = false;
      this.assign();
    });
    return process;
  }

  private afterWork(process: EncoderProcess): void {
    this.assign();
    if (!process.isFree || this.processes.size < 2) return;
    const timer = setTimeout(() => {
      const isInUse = [...this.jobs].some((job) => job.process === process);
      if (!isInUse && this.processes.size > 1) process.kill();
    }, EXTRA_IDLE_MS);
    timer.unref();
  }

  /** A task that arrives meanwhile starts its own process: it need not wait for the old ones. */
  private unloadLater(): void {
    if (this.settings.idleMs === 0 || this.processes.size === 0) return;
    const unload = (): void => {
      if (this.jobs.size > 0) return;
      if (this.isLoaded) this.counters.unloads++;
      // Ending has its own time limit; its failures concern no caller.
      this.destroy().catch(() => undefined);
    };
    clearTimeout(this.idleTimer);
    this.idleTimer = setTimeout(unload, this.settings.idleMs);
    this.idleTimer.unref();
  }

  /** @throws ERR_ENCODE for a malformed reply */
  private count(items: number, { reply, wallMs }: Answer): void {
    const { ran, errors, fatal } = checkReply(reply);
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
    this.counters.batch(items, failed, ran.inferenceMs, wallMs);
    this.say(
      `${items} in ${wallMs.toFixed(1)} ms (${ran.inferenceMs.toFixed(1)} inference), ` +
        `dim ${this.setup.dim}, ${failed} failed`,
    );
  }

  private say(what: string): void {
    if (this.settings.isVerbose)
      process.stderr.write(`sightline ${this.setup.modality}: ${what}\n`);
  }
}

/** Workers run our own code and stay usable, unless memory ran out. */
function checkReply(reply: WorkerReply): WorkerReply {
  const isReply = typeof reply === 'object' && types.isFloat32Array(reply?.vectors);
  if (isReply) return reply;
  throw makeError('ERR_ENCODE', 'a worker sent a malformed reply', {
    details: { isOneTask: true },
  });
}
