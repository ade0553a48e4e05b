/**
 * One encoder process, seen from the main thread: takes one input at a time, and is killed when that takes
 * too long. A process and not a thread of ours, because the runtime is native code: a model can crash
 * it, a call may never return, and a thread that is ended inside such a call takes everything down.
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
  /** Tests put faults here; everyone else uses the real worker. */
  readonly workerFile: string;
}

/** A process or its worker ended, or was ended, with an input at hand. */
export class LostWork extends Error {
  /**
   * @param hadModel whether the worker had its model, so that the input may be at fault
   * @param limitMs the time limit that was passed; undefined: it died by itself
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
  /** Milliseconds from the moment the worker began with the input. */
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
 * Allowed to the first input beyond its limit: the runtime allocates and the code is still cold (18 ms
 * instead of 5 with the built-in model on a quiet machine). Without it a short limit that one input
 * passes would end the next one as well, and so on, because each comes to a new process.
 */
const FIRST_RUN_MS = 1000;
/** Of what it wrote before it died: enough for a reason. */
const KEPT_STDERR = 4096;

export class EncoderProcess {
  /** Settles when it is gone. */
  readonly ended: Promise<void>;
  private readonly child: ChildProcess;
  private work: Work | undefined;
  private stderrTail = '';
  private isEnding = false;
  private hasModel = false;
  /** True once an input has been through the model. */
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

  /** True while it has nothing to do and may be given something. */
  get isFree(): boolean {
    return this.work === undefined && !this.isEnding;
  }

  /** What the worker does with the input at hand; undefined when it has none. */
  get stage(): TaskStage | undefined {
    return this.work?.stage;
  }

  /**
   * Runs one input; the process must not be busy.
   *
   * @param limitMs longest time of each stage, from its own beginning
   * @throws LostWork; any other error is the input's, and the process is well
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

  /** Ends it at once; what it works at is lost. Idempotent. */
  kill(): void {
    this.isEnding = true;
    // Whoever waits for `ended` must not see this process end first.
    this.keepAlive(true);
    this.child.kill('SIGKILL');
  }

  private onReply(message: HostReply): void {
    // What it says without work is about work that has been given up.
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
      // After a time in which this thread was busy the answer may be here, and only not read yet.
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

  /** Ends the work at hand, if there is any. */
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
      // Without a channel it is of no use; 'close' then says why it ended.
      this.child.send(request, (error) => {
        if (error !== null) this.kill();
      });
    } catch (cause) {
      // What cannot be written into a message, or only with more memory than there is.
      this.settle((work) => work.reject(cause as Error));
    }
  }

  /** How it ended, and the last thing it said that is a reason: stacks follow their message. */
  private exitMessage(how: string): string {
    const reason = this.stderrTail
      .split('\n')
      .find((line) => /\b(Error|FATAL ERROR|terminate called|what\(\))\b/.test(line));
    return `the encoder process ended (${how})${reason === undefined ? '' : `: ${reason.trim()}`}`;
  }

  /** An idle process must not keep this one from ending. */
  private keepAlive(isBusy: boolean): void {
    const { child } = this;
    const pipe = child.stderr as (NodeJS.ReadableStream & { ref(): void; unref(): void }) | null;
    for (const handle of [child, child.channel, pipe]) {
      if (isBusy) handle?.ref();
      else handle?.unref();
    }
  }
}
