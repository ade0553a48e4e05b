/**
 * One encoder process, seen from the main thread: takes one input at a time, and is killed when that takes
 * too long. A process and not a thread of ours, because the runtime is native code: a model can crash
 * it, a call may never return, and a thread that is ended inside such a call takes everything down.
 */
import { fork, type ChildProcess } from 'node:child_process';
import path from 'node:path';
import type { HostReply, HostRequest, TaskInput, TaskStage } from './task';
import type { WorkerReply, WorkerSetup } from './task';

export interface ProcessOptions {
  /** JavaScript heap of the worker, in megabytes. */
  readonly heapMb: number;
  /** Tests put faults here; everyone else uses the real worker. */
  readonly workerFile: string;
}

/** A process or its worker ended, or was ended, with an input at hand. */
export class LostWork extends Error {
  /** @param limitMs the time limit that was passed; undefined: it died by itself */
  constructor(
    message: string,
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
  readonly reject: (cause: LostWork) => void;
  readonly limitMs: (stage: TaskStage) => number;
  stage: TaskStage;
  since: number;
  timer: NodeJS.Timeout | undefined;
}

const HOST_FILE = path.join(__dirname, 'encoder-host.js');
/** Of what it wrote before it died: enough for a reason. */
const KEPT_STDERR = 4096;

export class EncoderProcess {
  /** Settles when it is gone. */
  readonly ended: Promise<void>;
  private readonly child: ChildProcess;
  private work: Work | undefined;
  private lastWords = '';
  private isEnding = false;

  constructor(setup: WorkerSetup, { heapMb, workerFile }: ProcessOptions) {
    this.child = fork(HOST_FILE, [], {
      serialization: 'advanced',
      execArgv: [],
      env: childEnvironment(),
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    });
    const { child } = this;
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.lastWords = (this.lastWords + text).slice(-KEPT_STDERR);
    });
    this.ended = new Promise((resolve) => {
      const end = (why: string): void => {
        this.isEnding = true;
        this.lose(new LostWork(why));
        resolve();
      };
      child.on('close', (code, signal) => end(this.epitaph(signal ?? `exit code ${code}`)));
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
   * @throws LostWork
   */
  run(input: TaskInput, limitMs: (stage: TaskStage) => number): Promise<Answer> {
    return new Promise((resolve, reject) => {
      if (this.isEnding) {
        reject(new LostWork('the encoder process is gone'));
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
    else if ('lost' in message) this.lose(new LostWork(message.lost));
    else {
      const { resolve, since } = this.work;
      this.release();
      resolve({ reply: message.reply, wallMs: performance.now() - since });
    }
  }

  private enter(stage: TaskStage): void {
    const { work } = this;
    if (work === undefined) return;
    work.stage = stage;
    work.since = performance.now();
    clearTimeout(work.timer);
    const limitMs = work.limitMs(stage);
    work.timer = setTimeout(() => {
      // After a time in which this thread was busy the answer may be here, and only not read yet.
      setImmediate(() => {
        if (this.work !== work || work.stage !== stage) return;
        this.kill();
        this.lose(new LostWork('it took too long', limitMs));
      });
    }, limitMs);
  }

  private lose(cause: LostWork): void {
    const { work } = this;
    if (work === undefined) return;
    this.release();
    work.reject(cause);
  }

  private release(): void {
    clearTimeout(this.work?.timer);
    this.work = undefined;
    if (!this.isEnding) this.keepAlive(false);
  }

  private send(request: HostRequest): void {
    // A process that dies meanwhile says so by 'close'.
    this.child.send(request, () => undefined);
  }

  /** How it ended, and the last thing it said that is a reason: stacks follow their message. */
  private epitaph(how: string): string {
    const reason = this.lastWords
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

/** As ours, for the libraries of graphics cards, but no debugger, hooks or secrets. */
function childEnvironment(): NodeJS.ProcessEnv {
  const isKept = (name: string): boolean =>
    name !== 'NODE_OPTIONS' && !/TOKEN|SECRET|PASSWORD|API_?KEY/i.test(name);
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => isKept(name)));
}
