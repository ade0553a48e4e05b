/**
 * Syncs a library behind its server, once or again and again. Holds the library for writing only while it
 * syncs, so that other processes can; the server reads it through a handle of its own.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { resolveConfig, rulesOfLibrary } from '../config';
import { isError, isLibraryError, makeError, messageOf, type ErrorCode } from '../base/errors';
import type { ProgressEvent, SyncOptions } from '../base/types';
import type { Library } from '../library/types';
import { NO_SYNC, type SyncState } from '../server';
import { printableLines } from './output/format';
import { makeProgress } from './output/progress';
import type { ProgressStyle } from './output/progress-style';
import { describeNews } from './output/sync-report';
import { rememberRules } from './remembered-rules';
import { openForSearch, openSession, syncOptionsOf, type Flags, type Session } from './session';

/** A look at a large folder takes long: the pause is at least so many times as long. */
const PAUSE_SHARE = 4;

/** Another process syncs, or nobody can: no failure. */
const NOT_NOW: Partial<Record<ErrorCode, SyncState['state']>> = {
  ERR_FILE_LOCKED: 'elsewhere',
  ERR_BUSY: 'elsewhere',
  ERR_READ_ONLY: 'off',
};

const now = (): string => new Date().toISOString();

export class BackgroundSync {
  #state: SyncState;
  #writer: Library | undefined;
  /** Said once, not at every look. */
  #lastTrouble = '';
  /** A round, or the library lent: one after the other. */
  #last: Promise<unknown> = Promise.resolve();
  #stopped: AbortSignal | undefined;
  /** Another model than the one that was named at the start. */
  #isModelChanged = false;

  private constructor(
    private readonly session: Session,
    private readonly flags: Flags,
    writer: Library | undefined,
  ) {
    const { watch } = session.config.settings;
    this.#state = { ...NO_SYNC, state: writer === undefined ? 'elsewhere' : 'running', watch };
    this.#writer = writer;
  }

  /**
   * Opens the library for writing and makes it if there is none; nothing is read yet.
   *
   * @throws what opening throws; a library that another process writes, or that may not be written, is
   *   no error: it is served as it is
   */
  static async open(session: Session, flags: Flags): Promise<BackgroundSync> {
    const { library, isWriter } = await openForSearch(session);
    if (isWriter) {
      try {
        rememberRules(session, flags, library.dir);
      } catch (error) {
        await library.close();
        throw error;
      }
      return new BackgroundSync(session, flags, library);
    }
    await library.close();
    return new BackgroundSync(session, flags, undefined);
  }

  get state(): SyncState {
    return this.#state;
  }

  /** Syncs, and with `watch` again after each pause, until the signal fires. Failures are the state's. */
  async run(signal: AbortSignal): Promise<void> {
    this.#stopped = signal;
    const { watch } = this.session.config.settings;
    // What keeps others from writing was said when it was opened.
    if (this.#writer === undefined && watch === 0) return;
    for (let round = 0; !signal.aborted; round++) {
      const started = performance.now();
      await this.#inTurn(() => this.#round(round, signal));
      if (watch === 0) return;
      const pause = Math.max(watch * 1000, PAUSE_SHARE * (performance.now() - started));
      await delay(pause, undefined, { signal }).catch(() => undefined);
    }
  }

  /**
   * Opens the library for writing between two rounds, for what the page changes: the model.
   *
   * @throws what opening throws, and what `work` throws
   */
  lend(work: (sync: Library['sync']) => Promise<void>): Promise<void> {
    return this.#inTurn(async () => {
      await using library = await openSession(this.session, { create: false, named: false });
      await work(async (options = {}) => {
        const signals = [options.signal, this.#stopped].filter((signal) => signal !== undefined);
        const signal = AbortSignal.any(signals);
        const report = await library.sync({ ...this.#options(library), ...options, signal });
        if (report.modelChange?.isDone === true) this.#isModelChanged = true;
        return report;
      });
    });
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#last.then(work);
    this.#last = result.catch(() => undefined);
    return result;
  }

  /** Closes the library if no round has taken it. */
  async close(): Promise<void> {
    await this.#writer?.close();
    this.#writer = undefined;
  }

  async #round(round: number, signal: AbortSignal): Promise<void> {
    if (signal.aborted) return;
    const { io } = this.session;
    try {
      // It was there at the start: what is there now may be the empty folder of a disk that is away.
      this.#writer ??= await openSession(this.session, {
        create: false,
        named: !this.#isModelChanged,
      });
      const library = this.#writer;
      this.#set({ state: 'running', done: 0, total: 0, frames: 0, framesTotal: 0 });
      const report = await this.#sync(library, round, signal);
      const news = describeNews(report);
      if (news !== undefined) io.note(news);
      this.#set({ state: 'idle', error: undefined, finishedAt: now() });
      this.#lastTrouble = '';
    } catch (error) {
      if (signal.aborted) return;
      this.#failed(error);
    } finally {
      await this.close().catch((error: unknown) => this.#failed(error));
    }
  }

  async #sync(library: Library, round: number, signal: AbortSignal): ReturnType<Library['sync']> {
    const style = round === 0 ? (this.flags.progress as ProgressStyle) : 'none';
    const progress = makeProgress(style, this.session.io.isQuiet);
    const onProgress = (event: ProgressEvent): void => {
      const { done, total, frames, framesTotal } = event;
      this.#set({ done, total, frames, framesTotal });
      progress.show(event);
    };
    try {
      return await library.sync({ ...this.#options(library), signal, onProgress });
    } finally {
      progress.end();
    }
  }

  /** Another process may have changed the library's rules since the last round. */
  #options(library: Library): SyncOptions {
    const { ignore } = resolveConfig({ env: process.env }).settings;
    const rules = [...new Set([...rulesOfLibrary(library.dir), ...ignore])];
    return { ...syncOptionsOf(this.session, this.flags), ignore: rules };
  }

  /** Also a fault that has no code must not end the server, which answers from what is indexed. */
  #failed(cause: unknown): void {
    const error = isLibraryError(cause)
      ? cause
      : makeError('ERR_INTERNAL', messageOf(cause), { cause });
    const state = NOT_NOW[error.code] ?? 'failed';
    this.#set(state === 'failed' ? { state, error, finishedAt: now() } : { state });
    // Where a bug of ours happened helps whoever reports it.
    const why =
      isError(cause) && error !== cause ? (cause.stack ?? messageOf(cause)) : messageOf(error);
    const trouble = `new files could not be looked for: ${printableLines(why)} (${error.code})`;
    if (state === 'failed' && trouble !== this.#lastTrouble) this.session.io.note(trouble);
    this.#lastTrouble = trouble;
  }

  #set(change: Partial<SyncState>): void {
    this.#state = { ...this.#state, ...change };
  }
}
