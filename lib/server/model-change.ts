/**
 * The change to the model for photographs that the page offers: a download, then every frame is embedded
 * beside the vectors of today, which answer meanwhile. One at a time, in the background, until the server closes.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { isError, isLibraryError, makeError, messageOf, type ErrorCode } from '../base/errors';
import { bytesOfPhotographModel, PHOTOGRAPH_MODEL, pullModel } from '../library/models';
import type { Library } from '../library/types';
import type { Log } from './log';
import type { SyncState } from './sync-state';

/** Opens a library for writing while `work` runs, which gets its `sync`. */
export type Writer = (work: (sync: Library['sync']) => Promise<void>) => Promise<void>;

/** Until a reader looks for commits again. */
const LOOK_MS = 1000;

export interface ModelChangeParts {
  readonly library: Library;
  readonly writer: Writer | undefined;
  /** Of the sync that runs behind the server. */
  readonly sync: () => SyncState;
  readonly log: Log;
}

type OwnState = Pick<SyncState, 'state' | 'phase' | 'done' | 'total' | 'error' | 'finishedAt'>;

export class ModelChange {
  /** Of the change that runs or has failed. */
  #own: OwnState | undefined;
  #running: Promise<void> | undefined;
  #bytes: Promise<number> | undefined;
  readonly #stop = new AbortController();

  constructor(private readonly parts: ModelChangeParts) {}

  /** Of this change, if there is one, or of the sync. */
  get state(): SyncState {
    const sync = this.parts.sync();
    const own = this.#own;
    if (own === undefined || (own.state === 'failed' && sync.state === 'running')) return sync;
    return { ...sync, frames: 0, framesTotal: 0, error: undefined, ...own };
  }

  /** The model that the page can offer now. */
  get offered(): string | undefined {
    const { library } = this.parts;
    const isFree = this.#running === undefined && this.#writer !== undefined;
    return isFree && library.hint !== undefined ? PHOTOGRAPH_MODEL : undefined;
  }

  /** Bytes to download; undefined while the hub cannot be asked. */
  bytes(): Promise<number | undefined> {
    this.#bytes ??= bytesOfPhotographModel();
    return this.#bytes.catch(() => (this.#bytes = undefined));
  }

  /** @throws ERR_READ_ONLY; ERR_NOT_FOUND where the model suits the pictures */
  check(): Writer {
    const writer = this.#writer;
    if (writer === undefined)
      throw makeError('ERR_READ_ONLY', 'this server only reads the library: its model stays');
    if (this.parts.library.hint === undefined)
      throw makeError('ERR_NOT_FOUND', 'no other model is offered for these pictures');
    return writer;
  }

  /**
   * Starts the change; resolves once it runs.
   *
   * @throws what `check` throws; ERR_BUSY during a change or a sync; what opening for writing throws
   */
  async start(): Promise<void> {
    const writer = this.check();
    if (this.#running !== undefined || this.parts.sync().state === 'running')
      throw makeError('ERR_BUSY', 'a sync or a change of the model is running');
    const opened = writer(() => Promise.resolve());
    this.#running = opened
      .then(() => this.#run(writer))
      .catch(() => undefined)
      .finally(() => (this.#running = undefined));
    // Before anything is downloaded: a library that another program holds cannot be changed.
    await opened;
  }

  /** Ends the change; what is done is kept, and the next sync goes on. */
  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#running;
  }

  get #writer(): Writer | undefined {
    const { library, writer } = this.parts;
    return writer ?? (library.readOnly ? undefined : (work) => work((o) => library.sync(o)));
  }

  async #run(writer: Writer): Promise<void> {
    const { signal } = this.#stop;
    try {
      this.#own = { state: 'running', phase: 'download', done: 0, total: 0 };
      await pullModel(PHOTOGRAPH_MODEL, {
        signal,
        onProgress: ({ doneBytes, totalBytes }) => this.#tell('download', doneBytes, totalBytes),
      });
      this.#bytes = undefined;
      this.#tell('reembed', 0, 0);
      await writer((sync) => this.#reembed(sync));
      await this.#takeOver();
      this.#own = undefined;
    } catch (error) {
      if (!signal.aborted) this.#failed(error);
    }
  }

  async #reembed(sync: Library['sync']): Promise<void> {
    const { modelChange } = await sync({
      model: PHOTOGRAPH_MODEL,
      signal: this.#stop.signal,
      onProgress: ({ phase, done, total }) => {
        if (phase === 'reembed') this.#tell('reembed', done, total);
      },
    });
    if (modelChange === undefined || modelChange.isDone) return;
    const { code = 'ERR_ABORTED', reason = 'not every frame is embedded' } =
      modelChange.problem ?? {};
    throw makeError(code as ErrorCode, reason);
  }

  /** The server answers with the new model before the change is called done. */
  async #takeOver(): Promise<void> {
    const { library } = this.parts;
    if (!library.readOnly) return;
    await delay(LOOK_MS, undefined, { signal: this.#stop.signal });
    await library.refresh();
  }

  #tell(phase: 'download' | 'reembed', done: number, total: number): void {
    this.#own = { state: 'running', phase, done, total };
  }

  #failed(cause: unknown): void {
    const error = isLibraryError(cause)
      ? cause
      : makeError('ERR_INTERNAL', messageOf(cause), { cause });
    const { phase = 'download', done = 0, total = 0 } = this.#own ?? {};
    const finishedAt = new Date().toISOString();
    this.#own = { state: 'failed', phase, done, total, error, finishedAt };
    this.parts.log({
      level: 'error',
      message: 'the model could not be changed',
      code: error.code,
      cause: isError(cause) ? (cause.stack ?? cause.message) : String(cause),
    });
  }
}
