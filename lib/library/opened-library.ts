/** An open library: implements `Library` with the parts below. */
import path from 'node:path';
import { framePath, type Catalog } from '../catalog';
import { rulesOfLibrary } from '../config';
import type { ClipModel } from '../encode';
import { truthOf } from '../base/environment';
import { makeError } from '../base/errors';
import { backupLibrary, type LibraryBackupOptions, type LibraryBackupReport } from './backup';
import {
  INDEX_OPTIONS,
  SEARCH_OPTIONS,
  SEARCH_QUERY,
  SYNC_OPTIONS,
  VERIFY_OPTIONS,
  type IndexOptions,
  type VerifyOptions,
} from './options';
import { openOriginal, type OriginalFile } from './original-file';
import type { Library, MediaFileLocation } from './types';
import type { EmbeddingService } from '../service';
import type { LibraryVectors } from './vectors';
import { readOptions, type OptionRules } from '../base/options';
import {
  recallScan,
  repairLibrary,
  runSync,
  verifyLibrary,
  type Halves,
  type SyncParts,
  type VerifyOutcome,
} from '../pipeline';
import { frameVersion, search } from '../search';
import {
  asFrameId,
  asMediaId,
  type FrameRecord,
  type LibraryStats,
  type MediaProblem,
  type ModelIdentity,
  type SearchOptions,
  type SearchQuery,
  type SearchResponse,
  type SyncOptions,
  type SyncReport,
  type VerifyReport,
} from '../base/types';

/** The vector space shared by texts and pictures. */
export const SPACE = 'clip';
/** Shortest interval between two checks for new commits by a reader. */
const REFRESH_MS = 1000;
/** Attempts of a reader to check the library while another process keeps writing. */
const VERIFY_ATTEMPTS = 3;

export class OpenedLibrary implements Library {
  private isClosed = false;
  private running: Promise<unknown> | undefined;
  private readonly stop = new AbortController();
  private lastLook = performance.now();
  /** See SearcherParts; for a reader undefined until its first refresh. */
  private rowEpoch: number | undefined;

  constructor(
    readonly root: string,
    readonly dir: string,
    private readonly readOnly: boolean,
    private readonly catalog: Catalog,
    private readonly clip: ClipModel,
    private readonly vectors: LibraryVectors,
    readonly embeddings: EmbeddingService,
  ) {
    if (readOnly) this.lastLook = -Infinity;
    else this.rowEpoch = epochOf(catalog);
  }

  get model(): ModelIdentity {
    return this.clip.identity;
  }

  get isEmpty(): boolean {
    return this.vectors.store.liveCount === 0;
  }

  sync(options: SyncOptions = {}): Promise<SyncReport> {
    return this.run(options, SYNC_OPTIONS, ({ embed }) => ({
      ingest: true,
      embed: embed ?? truthOf(process.env, 'CLIP_ENABLED') ?? true,
    }));
  }

  ingest(options: SyncOptions = {}): Promise<SyncReport> {
    return this.run(options, SYNC_OPTIONS, () => ({ ingest: true, embed: false }));
  }

  index(options: IndexOptions = {}): Promise<SyncReport> {
    return this.run(options, INDEX_OPTIONS, () => ({ ingest: false, embed: true }));
  }

  private async run<T extends IndexOptions>(
    given: T,
    rules: OptionRules<T>,
    halvesOf: (options: SyncOptions) => Halves,
  ): Promise<SyncReport> {
    this.assertOpen();
    if (this.readOnly) throw makeError('ERR_READ_ONLY', 'the library was opened read-only');
    const { rebuild = false, ...options } = readOptions<IndexOptions>('options', given, rules);
    return this.inTurn(async () => {
      const signal = options.signal
        ? AbortSignal.any([options.signal, this.stop.signal])
        : this.stop.signal;
      if (rebuild) await this.startAfresh();
      const ignore = options.ignore ?? rulesOfLibrary(this.dir);
      return runSync(this.parts(), { ...options, ignore, signal }, halvesOf(options));
    });
  }

  /** Runs one operation at a time that changes the library, or needs it unchanged. */
  private async inTurn<T>(work: () => Promise<T>): Promise<T> {
    if (this.running !== undefined)
      throw makeError('ERR_BUSY', 'a sync or a check is already running');
    const running = work();
    this.running = running;
    try {
      return await running;
    } finally {
      this.running = undefined;
      // Rows may have been renumbered; engine and catalog agree by now.
      if (!this.readOnly && !this.isClosed) this.rowEpoch = epochOf(this.catalog);
    }
  }

  /** Drops vectors and graph; frames stay and wait to be embedded again. */
  private async startAfresh(): Promise<void> {
    // Before anything is dropped: without its model the library would lose its vectors.
    await this.clip.image.warm();
    await this.vectors.startAfresh(() => {
      this.catalog.dropSpace(SPACE);
      this.catalog.createSpace(SPACE, this.clip.identity, this.clip.dim);
    });
  }

  private parts(): SyncParts {
    return {
      root: this.root,
      dir: this.dir,
      space: SPACE,
      catalog: this.catalog,
      index: this.vectors.store,
      encoder: this.clip.image,
    };
  }

  async search(given: SearchQuery, how: SearchOptions = {}): Promise<SearchResponse> {
    this.assertOpen();
    const query = readOptions('query', given, SEARCH_QUERY);
    const options = readOptions('options', how, SEARCH_OPTIONS);
    await this.refresh();
    return search(
      {
        catalog: this.catalog,
        index: this.vectors.store,
        clip: this.clip,
        encodeText: (text) => this.encodeText(text),
        space: SPACE,
        rowEpoch: this.rowEpoch,
        hint: this.clip.isBuiltin ? BUILTIN_HINT : undefined,
      },
      query,
      options,
    );
  }

  /** Through the cache, if the cached vectors are of this library's model. */
  private encodeText(text: string): Promise<Float32Array> {
    const { instruction } = this.embeddings.models;
    const isOurs = instruction.sha256 === this.clip.identity.sha256;
    return isOurs ? this.embeddings.getInstructionEmbedding(text) : this.clip.text.encode([text]);
  }

  frame(frameId: number): FrameRecord | undefined {
    this.assertOpen();
    return Number.isSafeInteger(frameId) ? this.catalog.frame(asFrameId(frameId)) : undefined;
  }

  frameVersion(frameId: number): string | undefined {
    const frame = this.frame(frameId);
    return frame && frameVersion(frame);
  }

  frameFile(frameId: number): string | undefined {
    const frame = this.frame(frameId);
    // The frame of that number may belong to another library by now.
    if (frame === undefined || !this.catalog.home.hasOurFrames) return undefined;
    return path.join(this.dir, framePath(frame.frameId));
  }

  mediaFile(mediaId: string): MediaFileLocation | undefined {
    this.assertOpen();
    if (typeof mediaId !== 'string') return undefined;
    const media = this.catalog.mediaById(asMediaId(mediaId));
    return media && { path: path.join(this.root, media.path), kind: media.kind };
  }

  async openMediaFile(mediaId: string): Promise<OriginalFile> {
    this.assertOpen();
    const media =
      typeof mediaId === 'string' ? this.catalog.mediaById(asMediaId(mediaId)) : undefined;
    // Of what was refused nothing was indexed.
    if (media === undefined || media.state === 'skipped' || media.state === 'failed')
      throw makeError('ERR_NOT_FOUND', 'no media file of this library has that id');
    return openOriginal(this.root, media);
  }

  problems(): MediaProblem[] {
    this.assertOpen();
    const list: MediaProblem[] = [...recallScan(this.catalog).problems];
    for (const { path: file, state, code, reason, fault, note } of this.catalog.media()) {
      if (code !== null && state !== 'pending') {
        const isFound = state === 'indexed';
        const shown = !isFound ? state : fault === 'decode' ? 'damaged' : 'failed';
        list.push({ path: file, state: shown, code, reason: reason ?? '' });
      }
      if (note !== null)
        list.push({ path: file, state: 'damaged', code: 'ERR_MEDIA_DECODE', reason: note });
    }
    return list.sort((a, b) => (a.path < b.path ? -1 : a.path > b.path ? 1 : 0));
  }

  warm(): Promise<void> {
    this.assertOpen();
    return this.clip.text.warm().then(() => {
      // The first searches need not wait for it; they will meet and report its errors.
      this.vectors.store.warm().catch(() => undefined);
    });
  }

  stats(): LibraryStats {
    this.assertOpen();
    const counts = this.catalog.counts(SPACE);
    const engine = this.vectors.store.figures();
    const scan = recallScan(this.catalog);
    return {
      root: this.root,
      dir: this.dir,
      model: this.clip.identity,
      dim: this.clip.dim,
      media: counts.media,
      images: counts.images,
      videos: counts.videos,
      notTaken: scan.problems.length + scan.problemsLeftOut,
      heldBack: scan.heldBack,
      unreachable: scan.unreachable,
      frames: counts.frames,
      framesPending: counts.pendingFrames,
      framesFailed: counts.failedFrames,
      hnswNodes: engine.indexedRows,
      maxLevel: engine.maxLevel,
      kernel: engine.kernel,
      bytesOnDisk: engine.bytesOnDisk,
      vectorStore: engine.where,
    };
  }

  async verify(given: VerifyOptions = {}): Promise<VerifyReport> {
    this.assertOpen();
    const options = readOptions('options', given, VERIFY_OPTIONS);
    if (this.readOnly) {
      if (options.repair === true)
        throw makeError('ERR_READ_ONLY', 'repair needs the library opened for writing');
      return this.verifyBeside();
    }
    return this.inTurn(async () => {
      const { signal } = this.stop;
      const check = (): Promise<VerifyOutcome> => verifyLibrary({ ...this.parts(), signal });
      let outcome = await check();
      if (options.repair !== true || outcome.ok) return outcome;
      const ignore = rulesOfLibrary(this.dir);
      await repairLibrary(this.parts(), outcome, { ignore, signal });
      outcome = await check();
      if (outcome.isIndexSound && outcome.rowsAgree) return outcome;
      // The engine has rows that nothing refers to: rebuild it from the stored frames.
      await this.startAfresh();
      await runSync(this.parts(), { signal }, { ingest: false, embed: true });
      return check();
    });
  }

  /** As a reader: changes by a writer in between would look like damage. */
  private async verifyBeside(): Promise<VerifyReport> {
    for (let attempt = 0; attempt < VERIFY_ATTEMPTS; attempt++) {
      this.lastLook = -Infinity;
      await this.refresh();
      const before = this.catalog.foreignVersion();
      const outcome = await verifyLibrary({ ...this.parts(), signal: this.stop.signal });
      if (outcome.ok || this.catalog.foreignVersion() === before) return outcome;
    }
    throw makeError(
      'ERR_BUSY',
      'another process is changing the library: verify it when its sync is done',
    );
  }

  async backup(target: string, options: LibraryBackupOptions = {}): Promise<LibraryBackupReport> {
    this.assertOpen();
    return backupLibrary(this.dir, target, { root: this.root, ...options });
  }

  async close(): Promise<void> {
    if (this.isClosed) return;
    this.isClosed = true;
    this.stop.abort();
    await this.running?.catch(() => undefined);
    try {
      // Fails when the vectors' folder was replaced and rows could not be saved.
      await this.vectors.close();
    } finally {
      await this.embeddings.cleanup();
      await this.clip.close();
      this.catalog.close();
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** A reader picks up commits of a writer in another process; a failed check is repeated. */
  async refresh(): Promise<void> {
    this.assertOpen();
    if (!this.readOnly || performance.now() - this.lastLook < REFRESH_MS) return;
    const before = epochOf(this.catalog);
    this.rowEpoch = undefined;
    await this.vectors.store.refresh(this.catalog.space(SPACE)?.committedRows);
    if (epochOf(this.catalog) === before) this.rowEpoch = before;
    this.lastLook = performance.now();
  }

  private assertOpen(): void {
    if (this.isClosed) throw makeError('ERR_CLOSED', 'the library is closed');
  }
}

/** Value of `SearcherParts.rowEpoch`. */
function epochOf(catalog: Catalog): number | undefined {
  const { number, isSettled } = catalog.rowEpoch(SPACE);
  return isSettled ? number : undefined;
}

const BUILTIN_HINT =
  'The built-in model knows drawn scenes: colours, shapes, patterns, counts and places. For photographs ' +
  'use a real CLIP model with --model (see README, "Models").';
