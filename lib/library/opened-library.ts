/** An open library: implements `Library` with the parts below. */
import { EventEmitter } from 'node:events';
import path from 'node:path';
import type { FileHandle } from 'node:fs/promises';
import { framePath, type Catalog } from '../catalog';
import { rulesOfLibrary } from '../config';
import { truthOf } from '../base/environment';
import { throwIfAborted } from '../base/abort';
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
import type { Library, LibraryEvents, MediaFileLocation } from './types';
import {
  FRAMES_FILTER,
  framesOf,
  MEDIA_FILTER,
  mediaOf,
  type FramesFilter,
  type MediaFilter,
  type MediaItem,
} from './contents';
import { diskUsage, type DiskUsage } from './disk-usage';
import {
  exrPartsOf,
  type ExrParts,
  type LibraryExr,
  type SqlOptions,
  type SqlParam,
  type SqlResult,
} from './exr';
import { CurrentSpace } from './spaces/current-space';
import { beginChange, openFormer, runChange } from './spaces/model-change';
import type { OpenSpace } from './spaces/open-space';
import { problemsOf, statsOf } from './figures';
import { hintOf, lookForPhotographs } from './spaces/suitability';
import { discardSpace, type LibraryPlace } from './spaces/vectors';
import { verifyAsReader, verifyAsWriter, type Verifiable } from './verification';
import { openOriginal, type OriginalFile } from '../media';
import type { EmbeddingService } from '../service';
import { readOptions, type OptionRules } from '../base/options';
import { runSync, type Halves, type SyncParts } from '../pipeline';
import { frameVersion, search } from '../search';
import {
  asFrameId,
  asMediaId,
  type FrameRecord,
  type LibraryStats,
  type MediaProblem,
  type ModelChange,
  type ModelIdentity,
  type ProgressEvent,
  type SearchOptions,
  type SearchQuery,
  type SearchResponse,
  type SyncOptions,
  type SyncReport,
  type VerifyReport,
} from '../base/types';

export class OpenedLibrary implements Library {
  readonly events = new EventEmitter<LibraryEvents>();
  private isClosed = false;
  private running: Promise<unknown> | undefined;
  private readonly stop = new AbortController();
  private readonly current: CurrentSpace;
  private readonly ofExr: ExrParts;
  readonly root: string;
  readonly dir: string;
  readonly readOnly: boolean;

  /**
   * @param space  the active one
   * @param embeddings  of its model
   * @param lock  of the writer, released by `close`
   */
  constructor(
    private readonly place: LibraryPlace,
    private readonly catalog: Catalog,
    space: OpenSpace,
    readonly embeddings: EmbeddingService,
    private readonly lock: FileHandle | undefined,
  ) {
    ({ root: this.root, dir: this.dir, readOnly: this.readOnly } = place);
    this.current = new CurrentSpace(place, catalog, space, embeddings, () =>
      this.events.emit('change'),
    );
    this.ofExr = exrPartsOf(place, catalog, this.current, {
      assertOpen: () => this.assertOpen(),
      inTurn: (work) => this.inTurn(work),
    });
  }

  get exr(): LibraryExr {
    return this.ofExr.exr;
  }

  async sql(
    text: string,
    params: readonly SqlParam[] = [],
    options: SqlOptions = {},
  ): Promise<SqlResult> {
    this.assertOpen();
    await this.current.refresh();
    return this.ofExr.sql.run(text, params, options);
  }

  private get space(): OpenSpace {
    return this.current.space;
  }

  get model(): ModelIdentity {
    return this.space.clip.identity;
  }

  get isEmpty(): boolean {
    return this.space.store.liveCount === 0;
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
    const { rebuild = false, ...asked } = readOptions<IndexOptions>('options', given, rules);
    return this.inTurn(async () => {
      const signal = asked.signal
        ? AbortSignal.any([asked.signal, this.stop.signal])
        : this.stop.signal;
      const onProgress = (event: ProgressEvent): void => {
        asked.onProgress?.(event);
        this.events.emit('progress', event);
      };
      const ignore = asked.ignore ?? rulesOfLibrary(this.dir);
      const options = { ...asked, ignore, signal, onProgress };
      const halves = halvesOf(options);
      const report = await this.syncNow(options, halves, rebuild);
      if (!report.dryRun) await this.ofExr.exr.sync(halves, signal);
      await this.lookAtPictures(report);
      const { hint } = this;
      const told = hint === undefined ? report : { ...report, hint };
      this.events.emit('sync', told);
      return told;
    });
  }

  get hint(): string | undefined {
    return this.space.clip.isBuiltin ? hintOf(this.catalog) : undefined;
  }

  /** For a hint alone: what fails here must not fail a sync that is done. */
  private async lookAtPictures(report: SyncReport): Promise<void> {
    const { clip, name: space } = this.space;
    if (!clip.isBuiltin || report.dryRun) return;
    const hasChanged = report.framesAdded + report.removed + report.ignored > 0;
    const look = { dir: this.dir, space, hasChanged };
    await lookForPhotographs(this.catalog, look).catch(() => undefined);
  }

  private async syncNow(
    options: SyncOptions,
    halves: Halves,
    rebuild: boolean,
  ): Promise<SyncReport> {
    const { catalog, place, current } = this;
    const sync = (how: Halves): Promise<SyncReport> => runSync(this.parts(), options, how);
    if (options.dryRun === true) return sync(halves);
    const change = await beginChange(catalog, place, {
      model: options.model,
      resume: halves.embed && options.resumeModelChange !== false,
    });
    if (change !== undefined && 'space' in change)
      return runChange(catalog, change, current, { ...place, options, halves, sync });
    if (rebuild) await this.space.startAfresh();
    const report = await sync(halves);
    await this.dropFormer(report);
    return change === undefined ? report : { ...report, modelChange: change.report() };
  }

  async undoModelChange(): Promise<ModelChange> {
    this.assertOpen();
    if (this.readOnly) throw makeError('ERR_READ_ONLY', 'the library was opened read-only');
    return this.inTurn(async () => {
      const { catalog } = this;
      const from = catalog.spaces.inState('building')?.model ?? this.model;
      const former = await openFormer(catalog, this.place);
      if (former !== undefined) await this.current.adopt(former);
      const { frames, pendingFrames: framesWaiting } = catalog.counts(this.space.name);
      return { from: from.id, to: this.model.id, isDone: true, frames, framesWaiting };
    });
  }

  /** The vectors of the former model do not fit a library that has changed since. */
  private async dropFormer(report: SyncReport): Promise<void> {
    const { framesAdded, indexed, removed, ignored, moved } = report;
    const former = this.catalog.spaces.inState('former');
    if (former === undefined || framesAdded + indexed + removed + ignored + moved === 0) return;
    await discardSpace(this.catalog, this.place, former);
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
      const { space } = this;
      if (!this.readOnly && !this.isClosed) space.rowEpoch = space.settledEpoch();
    }
  }

  private verifiable(): Verifiable {
    const { dir, catalog, current } = this;
    const { signal } = this.stop;
    return { dir, catalog, current, exr: this.ofExr.exr, signal, parts: () => this.parts() };
  }

  private parts(): SyncParts {
    const { root, dir, catalog, space } = this;
    return { root, dir, space: space.name, catalog, index: space.store, encoder: space.clip.image };
  }

  async search(given: SearchQuery, how: SearchOptions = {}): Promise<SearchResponse> {
    this.assertOpen();
    const query = readOptions('query', given, SEARCH_QUERY);
    const options = readOptions('options', how, SEARCH_OPTIONS);
    throwIfAborted(options.signal, 'the search was aborted');
    return this.current.answer((space) => this.searchIn(space, query, options));
  }

  private searchIn(
    space: OpenSpace,
    query: SearchQuery,
    options: SearchOptions,
  ): Promise<SearchResponse> {
    const { name, store: index, clip, rowEpoch } = space;
    const { hint } = this;
    const encodeText = (text: string): Promise<Float32Array> => this.encodeText(text, space);
    const parts = { catalog: this.catalog, index, clip, encodeText, space: name, rowEpoch, hint };
    return search(parts, query, options);
  }

  /** Through the cache, if the cached vectors are of this library's model. */
  private encodeText(text: string, { clip }: OpenSpace): Promise<Float32Array> {
    const { instruction } = this.embeddings.models;
    const isOurs = instruction.sha256 === clip.identity.sha256;
    return isOurs ? this.embeddings.getInstructionEmbedding(text) : clip.text.encode([text]);
  }

  frame(frameId: number): FrameRecord | undefined {
    this.assertOpen();
    return Number.isSafeInteger(frameId) ? this.catalog.frame(asFrameId(frameId)) : undefined;
  }

  frames(filter: FramesFilter = {}): IterableIterator<FrameRecord> {
    this.assertOpen();
    return framesOf(this.catalog, readOptions('filter', filter, FRAMES_FILTER));
  }

  media(filter: MediaFilter = {}): IterableIterator<MediaItem> {
    this.assertOpen();
    return mediaOf(this.catalog, readOptions('filter', filter, MEDIA_FILTER));
  }

  async vectorOf(frameId: number): Promise<Float32Array | undefined> {
    this.assertOpen();
    if (!Number.isSafeInteger(frameId)) return undefined;
    return this.current.answer(async ({ name, store }) => {
      const isSearchable = this.catalog.rowOfFrame(name, asFrameId(frameId)) !== undefined;
      return isSearchable ? (await store.get([frameId]))[0] : undefined;
    });
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
    return problemsOf(this.catalog);
  }

  warm(): Promise<void> {
    this.assertOpen();
    const { clip, store } = this.space;
    return clip.text.warm().then(() => {
      // The first searches need not wait for it; they will meet and report its errors.
      store.warm().catch(() => undefined);
    });
  }

  stats(): LibraryStats {
    this.assertOpen();
    return { ...statsOf(this.catalog, this.place, this.space), exr: this.exr.stats() };
  }

  diskUsage(): Promise<DiskUsage> {
    this.assertOpen();
    return diskUsage(this.dir);
  }

  async verify(given: VerifyOptions = {}): Promise<VerifyReport> {
    this.assertOpen();
    const options = readOptions('options', given, VERIFY_OPTIONS);
    if (this.readOnly) {
      if (options.repair === true)
        throw makeError('ERR_READ_ONLY', 'repair needs the library opened for writing');
      return verifyAsReader(this.verifiable());
    }
    return this.inTurn(() => verifyAsWriter(this.verifiable(), options.repair === true));
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
    await this.embeddings.cleanup();
    try {
      await this.ofExr.close();
      await this.current.close();
    } finally {
      this.catalog.close();
      await this.lock?.close();
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async refresh(): Promise<void> {
    this.assertOpen();
    await this.current.refresh();
  }

  private assertOpen(): void {
    if (this.isClosed) throw makeError('ERR_CLOSED', 'the library is closed');
  }
}
