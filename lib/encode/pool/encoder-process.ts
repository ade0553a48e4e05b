/**
 * One encoder process, seen from the main thread: runs one input at a time and is killed at the time limit.
 * A process instead of a thread, because the runtime is native code: a model can crash it, a call may never
 * return, and terminating a thread inside such a call takes the process down.
 */
import { fork, type ChildProcess } from 'node:child_process';
import path from 'node:path';
import { modelEnvironment } from '../../base/child-environment';
import { MODEL_MARK } from '../task';
import type { HostReply, HostRequest, TaskInput, TaskStage } from '../task';
import type { WorkerReply, WorkerSetup } from '../task';

export interface ProcessOptions {
  /** JavaScript heap of the worker, in megabytes. */
  readonly heapMb: number;
  /** Tests inject faults here; otherwise the real worker. */
  readonly workerFile: string;
}

/** A process or its worker ended with an input in progress. */
export class LostWork extends Error {
  /**
   * @param hadModel whether the model was loaded, so that the input may be at fault
   * @param limitMs the exceeded time limit; undefined: it crashed
   */
  constructor(
    message: string,
    readonly hadModel: boolean,
    readonly limitMs?: number,
  ) {
    super(message);
  }
}

export interface Answer {
  readonly reply: WorkerReply;
  /** Milliseconds since the worker started on the input. */
  readonly wallMs: number;
}

interface Work {
  readonly resolve: (answer: Answer) => void;
  readonly reject: (cause: Error) => void;
  readonly limitMs: (stage: TaskStage) => number;
  stage: TaskStage;
  since: number;
  timer: NodeJS.Timeout | undefined;
}

const HOST_FILE = path.join(__dirname, 'encoder-host.js');
/**
 * Extra time for the first input: the runtime allocates and the code is cold (18 ms instead of 5 with the
 * built-in model on a quiet machine). Without it, a short limit that one input exceeds would also fail the
 * next, because each gets a new process.
 */
const FIRST_RUN_MS = 1000;
/** Bytes of stderr to keep: enough for a reason. */
const KEPT_STDERR = 4096;

export class EncoderProcess {
  /** Settles when the process has ended. */
  readonly ended: Promise<void>;
  private readonly child: ChildProcess;
  private work: Work | undefined;
  private stderrTail = '';
  private isEnding = false;
  private hasModel = false;
  /** True once an input has passed through the model. */
  private isWarm = false;

  constructor(setup: WorkerSetup, { heapMb, workerFile }: ProcessOptions) {
    this.child = fork(HOST_FILE, [], {
      serialization: 'advanced',
      execArgv: [],
      env: modelEnvironment(),
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    });
    const { child } = this;
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.stderrTail = (this.stderrTail + text).slice(-KEPT_STDERR);
      this.hasModel ||= this.stderrTail.includes(MODEL_MARK);
    });
    this.ended = new Promise((resolve) => {
      const end = (why: string): void => {
        this.isEnding = true;
        this.lose(why);
        resolve();
      };
      child.on('close', (code, signal) => end(this.exitMessage(signal ?? `exit code ${code}`)));
      child.on('error', (error) => end(`no encoder process can be started: ${error.message}`));
    });
    child.on('message', (reply: HostReply) => this.onReply(reply));
    this.send({ setup, heapMb, workerFile });
    this.keepAlive(false);
  }

  /** True while idle and able to take an input. */
  get isFree(): boolean {
    return this.work === undefined && !this.isEnding;
  }

  /** Stage of the input in progress; undefined when idle. */
  get stage(): TaskStage | undefined {
    return this.work?.stage;
  }

  /**
   * Runs one input; the process must not be busy.
   *
   * @param limitMs time limit of each stage
   * @throws LostWork; any other error is the input's, and the process is healthy
   */
  run(input: TaskInput, limitMs: (stage: TaskStage) => number): Promise<Answer> {
    return new Promise((resolve, reject) => {
      if (this.isEnding) {
        reject(new LostWork('the encoder process is gone', false));
        return;
      }
      this.work = { resolve, reject, limitMs, stage: 'starting', since: 0, timer: undefined };
      this.keepAlive(true);
      this.enter('starting');
      this.send({ input });
    });
  }

  /** Kills the process; work in progress is lost. Idempotent. */
  kill(): void {
    this.isEnding = true;
    // Keeps this process alive until `ended` has settled.
    this.keepAlive(true);
    this.child.kill('SIGKILL');
  }

  private onReply(message: HostReply): void {
    // Messages without work in progress are about abandoned work.
    if (this.work === undefined) return;
    if ('stage' in message) this.enter(message.stage);
    else if ('lost' in message) this.lose(message.lost);
    else if ('failed' in message) this.settle((work) => work.reject(new Error(message.failed)));
    else {
      const { reply } = message;
      if (reply.vectors?.length > 0) this.isWarm = true;
      this.settle(({ resolve, since }) => resolve({ reply, wallMs: performance.now() - since }));
    }
  }

  private enter(stage: TaskStage): void {
    const { work } = this;
    if (work === undefined) return;
    work.stage = stage;
    this.hasModel ||= stage === 'running';
    work.since = performance.now();
    clearTimeout(work.timer);
    const limitMs = work.limitMs(stage);
    const graceMs = stage === 'running' && !this.isWarm ? FIRST_RUN_MS : 0;
    work.timer = setTimeout(() => {
      // If this thread was busy, the reply may have arrived and not been read yet.
      setImmediate(() => {
        if (this.work !== work || work.stage !== stage) return;
        this.kill();
        this.lose('it took too long', limitMs);
      });
    }, limitMs + graceMs);
  }

  private lose(why: string, limitMs?: number): void {
    this.settle((work) => work.reject(new LostWork(why, this.hasModel, limitMs)));
  }

  /** Rejects the work in progress, if any. */
  private settle(tell: (work: Work) => void): void {
    const { work } = this;
    if (work === undefined) return;
    clearTimeout(work.timer);
    this.work = undefined;
    if (!this.isEnding) this.keepAlive(false);
    tell(work);
  }

  private send(request: HostRequest): void {
    try {
      // Without a channel it is useless; 'close' then has the reason.
      this.child.send(request, (error) => {
        if (error !== null) this.kill();
      });
    } catch (cause) {
      // The message cannot be serialized, or memory is short.
      this.settle((work) => work.reject(cause as Error));
    }
  }

  /** How the process ended, and the first error line of its stderr: stacks follow their message. */
  private exitMessage(how: string): string {
    const reason = this.stderrTail
      .split('\n')
      .find((line) => /\b(Error|FATAL ERROR|terminate called|what\(\))\b/.test(line));
    return `the encoder process ended (${how})${reason === undefined ? '' : `: ${reason.trim()}`}`;
  }

  /** An idle process must not keep this one alive. */
  private keepAlive(isBusy: boolean): void {
    const { child } = this;
    const pipe = child.stderr as (NodeJS.ReadableStream & { ref(): void; unref(): void }) | null;
    for (const handle of [child, child.channel, pipe]) {
      if (isBusy) handle?.ref();
      else handle?.unref();
    }
  }
}
