/**
 * Decodes pictures in a few child processes, one item at a time each: a decoder that crashes, hangs or
 * exhausts memory fails one item and never this process. Each promise settles exactly once.
 */
import { types } from 'node:util';
import { fork, type ChildProcess } from 'node:child_process';
import { decoderEnvironment } from '../../base/child-environment';
import { ERROR_CODES, makeError, type LibraryError } from '../../base/errors';
import {
  EXIT_MEMORY,
  type DecodedPicture,
  type DecodeReply,
  type DecodeRequest,
} from './decode-protocol';

/** Above the size of any accepted picture: a killed child would leave temporary files behind. */
const CHILD_SETTINGS = { VIPS_DISC_THRESHOLD: '1g', UV_THREADPOOL_SIZE: '2' };
/** For the picture formats that ffmpeg decodes. */
const FFMPEG_SETTINGS = ['SIGHTLINE_FFMPEG', 'FFMPEG_PATH'];

export interface DecodePoolOptions {
  /** Main file of the children. */
  readonly script: string;
  /** Most children. */
  readonly size: number;
  /** Wall time per item. */
  readonly timeoutMs: number;
  /** Idle time after which a child is ended. */
  readonly idleMs?: number;
}

interface Job {
  readonly request: DecodeRequest;
  readonly settle: (error: LibraryError | undefined, picture?: DecodedPicture) => void;
  isSettled: boolean;
  crashes: number;
}

interface Slot {
  readonly child: ChildProcess;
  job: Job | undefined;
  timer: NodeJS.Timeout | undefined;
  isDead: boolean;
}

/** A single crash may have other causes; an item that crashes two children is at fault. */
const MAX_CRASHES = 2;

export class DecodePool {
  private readonly slots: Slot[] = [];
  private readonly queue: Job[] = [];
  private nextId = 0;
  private isClosed = false;

  constructor(private readonly options: DecodePoolOptions) {}

  /** Process ids of the running children. */
  get pids(): number[] {
    return this.slots.flatMap((slot) => slot.child.pid ?? []);
  }

  /**
   * @throws ERR_MEDIA_UNSUPPORTED | ERR_MEDIA_LIMIT | ERR_MEDIA_DECODE (also for an item that
   *   crashed two children) | ERR_MEDIA_MISSING | ERR_MEDIA_CHANGED | ERR_TIMEOUT | ERR_ABORTED |
   *   ERR_CLOSED | ERR_ADDON_LOAD
   */
  decode(request: Omit<DecodeRequest, 'id'>, signal?: AbortSignal): Promise<DecodedPicture> {
    return new Promise((resolve, reject) => {
      if (this.isClosed) return reject(makeError('ERR_CLOSED', 'the decoder was closed'));
      if (signal?.aborted === true) return reject(aborted());
      const onAbort = (): void => {
        // A working child finishes and its answer is dropped: cheaper than a new child.
        job.settle(aborted());
        const place = this.queue.indexOf(job);
        if (place >= 0) this.queue.splice(place, 1);
      };
      const job: Job = {
        request: { ...request, id: this.nextId++ },
        isSettled: false,
        crashes: 0,
        settle: (error, picture) => {
          if (job.isSettled) return;
          job.isSettled = true;
          signal?.removeEventListener('abort', onAbort);
          if (picture === undefined) reject(error ?? makeError('ERR_INTERNAL', 'no answer'));
          else resolve(picture);
        },
      };
      signal?.addEventListener('abort', onAbort, { once: true });
      this.queue.push(job);
      this.dispatch();
    });
  }

  /** Kills the children; pending items reject with ERR_CLOSED. Idempotent. */
  close(): void {
    this.isClosed = true;
    for (const job of this.queue.splice(0)) job.settle(makeError('ERR_CLOSED', 'closed'));
    for (const slot of [...this.slots]) {
      slot.job?.settle(makeError('ERR_CLOSED', 'the decoder was closed'));
      this.discard(slot);
    }
  }

  private dispatch(): void {
    while (this.queue.length > 0 && !this.isClosed) {
      const slot = this.slots.find((one) => one.job === undefined) ?? this.spawn();
      if (slot === undefined) return;
      const job = this.queue.shift() as Job;
      this.assign(slot, job);
    }
  }

  private assign(slot: Slot, job: Job): void {
    clearTimeout(slot.timer);
    slot.job = job;
    this.keepAlive(slot, true);
    // The item's own limit has precedence.
    const { seconds } = job.request.limits ?? {};
    const timeoutMs = seconds === undefined ? this.options.timeoutMs : seconds * 1000;
    slot.timer = setTimeout(() => {
      job.settle(
        makeError(
          'ERR_TIMEOUT',
          `decoding took longer than ${timeoutMs / 1000} s (--max-seconds)`,
          {
            details: { timeoutMs },
          },
        ),
      );
      this.discard(slot);
      this.dispatch();
    }, timeoutMs);
    // If the child has died, 'exit' settles the job.
    slot.child.send(job.request, () => undefined);
  }

  private spawn(): Slot | undefined {
    if (this.slots.length >= this.options.size) return undefined;
    const child = fork(this.options.script, [], {
      serialization: 'advanced',
      execArgv: ['--max-old-space-size=128'],
      env: decoderEnvironment(childSettings()),
      stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
    });
    const slot: Slot = { child, job: undefined, timer: undefined, isDead: false };
    this.slots.push(slot);
    child.on('message', (reply) => this.onReply(slot, reply));
    child.on('exit', (code, signal) => this.onDeath(slot, code, signal));
    child.on('error', (error) => {
      // It could not be started; the item is not at fault.
      slot.job?.settle(
        makeError('ERR_NO_MEMORY', `no decoder process can be started: ${error.message}`, {
          cause: error,
        }),
      );
      this.discard(slot);
      this.dispatch();
    });
    return slot;
  }

  private onReply(slot: Slot, reply: unknown): void {
    if (!isReply(reply)) {
      // Its memory may be corrupt, so it is not trusted any more. 'exit' does the rest.
      slot.child.kill('SIGKILL');
      return;
    }
    if ('fatal' in reply) {
      // Other children would fail too.
      const error = makeError('ERR_ADDON_LOAD', `the picture decoder fails: ${reply.fatal}`);
      slot.job?.settle(error);
      for (const job of this.queue.splice(0)) job.settle(error);
      this.discard(slot);
      return;
    }
    const { job } = slot;
    if (job === undefined || reply.id !== job.request.id) return;
    if ('picture' in reply) job.settle(undefined, reply.picture);
    else job.settle(makeError(reply.code, reply.message));
    this.release(slot);
    this.dispatch();
  }

  private onDeath(slot: Slot, code: number | null, signal: NodeJS.Signals | null): void {
    const { job } = slot;
    this.discard(slot);
    if (job !== undefined && !job.isSettled) {
      job.crashes++;
      if (code === EXIT_MEMORY)
        job.settle(
          makeError(
            'ERR_MEDIA_LIMIT',
            'decoding exceeds the memory limit of a picture (--max-memory)',
          ),
        );
      else if (job.crashes >= MAX_CRASHES)
        job.settle(
          makeError('ERR_MEDIA_DECODE', `the decoder crashed twice (${signal ?? `exit ${code}`})`, {
            details: { crashed: true, signal, exitCode: code },
          }),
        );
      else this.queue.unshift(job);
    }
    this.dispatch();
  }

  private release(slot: Slot): void {
    clearTimeout(slot.timer);
    slot.job = undefined;
    this.keepAlive(slot, false);
    slot.timer = setTimeout(() => this.discard(slot), this.options.idleMs ?? 30_000);
    slot.timer.unref();
  }

  /** Removes a slot and kills its child. Idempotent. */
  private discard(slot: Slot): void {
    if (slot.isDead) return;
    slot.isDead = true;
    clearTimeout(slot.timer);
    slot.job = undefined;
    this.slots.splice(this.slots.indexOf(slot), 1);
    slot.child.kill('SIGKILL');
    this.keepAlive(slot, false);
  }

  /** An idle child must not keep this process alive. */
  private keepAlive({ child }: Slot, isBusy: boolean): void {
    if (isBusy) {
      child.ref();
      child.channel?.ref();
    } else {
      child.unref();
      child.channel?.unref();
    }
  }
}

/** Checks the shape of a message: a child that decodes hostile bytes is not trusted. */
function isReply(value: unknown): value is DecodeReply {
  if (typeof value !== 'object' || value === null) return false;
  const { fatal, id, picture, code, message } = value as Record<string, unknown>;
  if (typeof fatal === 'string') return true;
  if (typeof id !== 'number') return false;
  if (picture === undefined)
    return typeof message === 'string' && Object.hasOwn(ERROR_CODES, String(code));
  const { jpeg, ...rest } = picture as Partial<Record<keyof DecodedPicture, unknown>>;
  const sizes = [rest.width, rest.height, rest.sourceWidth, rest.sourceHeight];
  return (
    types.isUint8Array(jpeg) &&
    sizes.every((size) => Number.isInteger(size) && (size as number) > 0) &&
    (rest.capturedAt === null || typeof rest.capturedAt === 'string') &&
    (rest.damaged === undefined || typeof rest.damaged === 'string') &&
    /^[0-9a-f]{64}$/.test(String(rest.contentHash))
  );
}

function childSettings(): Record<string, string> {
  const own: Record<string, string> = { ...CHILD_SETTINGS };
  for (const name of FFMPEG_SETTINGS) {
    const value = process.env[name];
    if (value !== undefined) own[name] = value;
  }
  return own;
}

const aborted = (): LibraryError => makeError('ERR_ABORTED', 'decoding was aborted');
