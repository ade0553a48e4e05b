/**
 * The process that runs a library's SQL. A process, because neither driver can be interrupted from its own thread, and a thread
 * within SQLite cannot be ended from another one; and because its memory is not ours.
 */
import { fork, type ChildProcess } from 'node:child_process';
import path from 'node:path';
import { decoderEnvironment } from '../base/child-environment';
import { makeError } from '../base/errors';
import type { SqlAnswer, SqlReply, SqlRequest } from './protocol';

interface Waiting {
  readonly request: SqlRequest;
  readonly timeoutMs: number;
  readonly signal: AbortSignal | undefined;
  readonly resolve: (answer: SqlAnswer) => void;
  readonly reject: (error: Error) => void;
}

/** Statements waiting their turn. */
const MOST_WAITING = 64;
const IDLE_MS = 30_000;
/** What finds the addon. */
const PASSED_ON = ['SIGHTLINE_ADDON', 'SIGHTLINE_KERNEL', 'SIGHTLINE_SETUP_DIR', 'HOME'];

export class SqlProcess {
  private child: ChildProcess | undefined;
  private readonly queue: Waiting[] = [];
  private current: Waiting | undefined;
  private nextId = 0;
  private timer: NodeJS.Timeout | undefined;
  private isClosed = false;

  /** @throws ERR_TIMEOUT | ERR_ABORTED | ERR_POOL_FULL | ERR_CLOSED, and what `runSql` throws */
  run(
    request: Omit<SqlRequest, 'id'>,
    timeoutMs: number,
    signal?: AbortSignal,
  ): Promise<SqlAnswer> {
    return new Promise((resolve, reject) => {
      if (this.isClosed) return reject(closed());
      if (signal?.aborted === true) return reject(aborted());
      if (this.queue.length >= MOST_WAITING)
        return reject(
          makeError('ERR_POOL_FULL', `${MOST_WAITING} SQL statements are waiting already`),
        );
      this.queue.push({
        request: { ...request, id: this.nextId++ },
        timeoutMs,
        signal,
        resolve,
        reject,
      });
      this.next();
    });
  }

  /** Ends the process; waiting statements reject with ERR_CLOSED. Idempotent. */
  close(): void {
    this.isClosed = true;
    for (const { reject } of this.queue.splice(0)) reject(closed());
    this.stop(closed());
  }

  private next(): void {
    if (this.current !== undefined) return;
    const job = this.queue.shift();
    if (job === undefined) return this.rest();
    if (job.signal?.aborted === true) {
      job.reject(aborted());
      return this.next();
    }
    this.current = job;
    const child = (this.child ??= this.spawn());
    clearTimeout(this.timer);
    child.ref();
    child.channel?.ref();
    const { timeoutMs } = job;
    this.timer = setTimeout(
      () =>
        this.stop(
          makeError(
            'ERR_TIMEOUT',
            `the SQL statement took longer than ${timeoutMs / 1000} s and was ended`,
            {
              details: { timeoutMs },
            },
          ),
        ),
      timeoutMs,
    );
    job.signal?.addEventListener('abort', this.onAbort, { once: true });
    child.send(job.request, () => undefined);
  }

  private readonly onAbort = (): void => this.stop(aborted());

  private rest(): void {
    const { child } = this;
    if (child === undefined) return;
    child.unref();
    child.channel?.unref();
    this.timer = setTimeout(() => this.stop(closed()), IDLE_MS);
    this.timer.unref();
  }

  private spawn(): ChildProcess {
    const own: Record<string, string> = {};
    for (const name of PASSED_ON) {
      const value = process.env[name];
      if (value !== undefined) own[name] = value;
    }
    const child = fork(path.join(__dirname, 'child.js'), [], {
      serialization: 'advanced',
      execArgv: ['--max-old-space-size=1024', '--no-warnings'],
      env: decoderEnvironment(own),
      stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
    });
    child.on('message', (reply: SqlReply) => this.onReply(child, reply));
    child.on('exit', () => {
      if (this.child === child)
        this.stop(makeError('ERR_NO_MEMORY', 'the SQL statement took more memory than it may'));
    });
    child.on('error', (cause) => {
      if (this.child === child)
        this.stop(
          makeError('ERR_NO_MEMORY', `no process for SQL can be started: ${cause.message}`, {
            cause,
          }),
        );
    });
    return child;
  }

  private onReply(child: ChildProcess, reply: SqlReply): void {
    const job = this.current;
    if (child !== this.child || job === undefined || reply.id !== job.request.id) return;
    this.finish();
    if ('answer' in reply) job.resolve(reply.answer);
    else job.reject(makeError(reply.code, reply.message));
    this.next();
  }

  private finish(): void {
    clearTimeout(this.timer);
    this.current?.signal?.removeEventListener('abort', this.onAbort);
    this.current = undefined;
  }

  /** Ends the process; the statement that runs rejects. */
  private stop(error: Error): void {
    const { child, current } = this;
    this.child = undefined;
    this.finish();
    child?.kill('SIGKILL');
    child?.unref();
    child?.channel?.unref();
    current?.reject(error);
    if (!this.isClosed) this.next();
  }
}

const closed = (): Error => makeError('ERR_CLOSED', 'the library is closed');
const aborted = (): Error => makeError('ERR_ABORTED', 'the SQL statement was aborted');
