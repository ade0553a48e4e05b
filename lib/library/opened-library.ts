/** An open library: implements `Library` with the parts below. */
import path from 'node:path';
import type { FileHandle } from 'node:fs/promises';
import { framePath, type Catalog, type SpaceRecord } from '../catalog';
import { rulesOfLibrary } from '../config';
import { truthOf } from '../base/environment';
import { makeError } from '../base/errors';
import { METADATA_FILE } from '../base/files/names';
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
import type { Library, MediaFileLocation } from './types';
import { beginChange, fillChange, openFormer, type RunningChange } from './spaces/model-change';
import { openModelOf } from './spaces/space-model';
import { OpenSpace } from './spaces/open-space';
import { discardSpace, type LibraryPlace } from './spaces/vectors';
import type { EmbeddingService } from '../service';
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
  type ModelChange,
  type ModelIdentity,
  type SearchOptions,
  type SearchQuery,
  type SearchResponse,
  type SyncOptions,
  type SyncReport,
  type VerifyReport,
} from '../base/types';

/** Shortest interval between two checks for new commits by a reader. */
const REFRESH_MS = 1000;
/** Attempts of a reader to check the library while another process keeps writing. */
const VERIFY_ATTEMPTS = 3;

export class OpenedLibrary implements Library {
  private isClosed = false;
  private running: Promise<unknown> | undefined;
  private readonly stop = new AbortController();
  private lastLook: number;
  private following: Promise<void> | undefined;
  readonly root: string;
  readonly dir: string;
  private readonly readOnly: boolean;

  /**
   * @param space  the active one
   * @param embeddings  of its model
   * @param lock  of the writer, released by `close`
   */
  constructor(
    private readonly place: LibraryPlace,
    private readonly catalog: Catalog,
    private space: OpenSpace,
    readonly embeddings: EmbeddingService,
    private readonly lock: FileHandle | undefined,
  ) {
    ({ root: this.root, dir: this.dir, readOnly: this.readOnly } = place);
    this.lastLook = this.readOnly ? -Infinity : performance.now();
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
      const options = { ...asked, ignore: asked.ignore ?? rulesOfLibrary(this.dir), signal };
      const halves = halvesOf(options);
      if (options.dryRun === true) return runSync(this.parts(), options, halves);
      const change = await beginChange(this.catalog, this.place, {
        model: options.model,
        resume: halves.embed && options.resumeModelChange !== false,
      });
      if (change !== undefined && 'space' in change)
        return this.changeModel(change, options, halves);
      if (rebuild) await this.space.startAfresh();
      const report = await runSync(this.parts(), options, halves);
      await this.dropFormer(report);
      return change === undefined ? report : { ...report, modelChange: change.stuck };
    });
  }

  /** A sync, then the stored frames are embedded with another model, and searches use it. */
  private async changeModel(
    change: RunningChange,
    options: SyncOptions,
    halves: Halves,
  ): Promise<SyncReport> {
    const { catalog } = this;
    const started = performance.now();
    try {
      if (!halves.embed) {
        throw makeError(
          'ERR_ARG_RANGE',
          'another model embeds all frames: leave out what keeps frames from being embedded',
        );
      }
      // Not worth it where most frames would be embedded for searches that are about to end.
      const { frames, pendingFrames } = catalog.counts(this.space.name);
      const embed = this.space.isUsable && pendingFrames <= frames;
      const report = await runSync(this.parts(), options, { ...halves, embed });
      const parts = { root: this.root, dir: this.dir, catalog };
      const modelChange = await fillChange(catalog, change, parts, options);
      if (modelChange.isDone) await this.adopt(change.space);
      else await change.space.close();
      const framesTotal = catalog.counts(this.space.name).frames;
      const elapsedMs = Math.round(performance.now() - started);
      return { ...report, framesTotal, elapsedMs, modelChange };
    } catch (error) {
      if (this.space !== change.space) await change.space.close();
      throw error;
    }
  }

  async undoModelChange(): Promise<ModelChange> {
    this.assertOpen();
    if (this.readOnly) throw makeError('ERR_READ_ONLY', 'the library was opened read-only');
    return this.inTurn(async () => {
      const { catalog } = this;
      const from = (catalog.spaceInState('building') ??
        catalog.spaceInState('active')) as SpaceRecord;
      const former = await openFormer(catalog, this.place);
      if (former !== undefined) await this.adopt(former);
      const { frames, pendingFrames: framesWaiting } = catalog.counts(this.space.name);
      return { from: from.model.id, to: this.model.id, isDone: true, frames, framesWaiting };
    });
  }

  /** Searches of this handle use the space from now on, and those of readers soon. */
  private async adopt(next: OpenSpace): Promise<void> {
    await next.store.save();
    this.catalog.activateSpace(next.name);
    await this.moveTo(next);
    await this.catalog.exportMetadata(path.join(this.dir, METADATA_FILE), next.name);
  }

  private async moveTo(next: OpenSpace): Promise<void> {
    const { space: former, embeddings } = this;
    this.space = next;
    const { image, text: instruction } = next.clip;
    // Texts may have a model of their own.
    const isOurs = embeddings.models.instruction.sha256 === former.clip.identity.sha256;
    await embeddings.useEncoders(isOurs ? { image, instruction } : { image });
    await former.close();
  }

  /** The vectors of the former model do not fit a library that has changed since. */
  private async dropFormer(report: SyncReport): Promise<void> {
    const { framesAdded, indexed, removed, ignored, moved } = report;
    const former = this.catalog.spaceInState('former');
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

  private parts(): SyncParts {
    const { root, dir, catalog, space } = this;
    return { root, dir, space: space.name, catalog, index: space.store, encoder: space.clip.image };
  }

  async search(given: SearchQuery, how: SearchOptions = {}): Promise<SearchResponse> {
    this.assertOpen();
    const query = readOptions('query', given, SEARCH_QUERY);
    const options = readOptions('options', how, SEARCH_OPTIONS);
    await this.refresh();
    const { space } = this;
    try {
      const response = await this.searchIn(space, query, options);
      if (!this.isGone(space)) return response;
    } catch (error) {
      if (!this.isGone(space)) throw error;
    }
    // Another process changed the model, and dropped the old vectors, during the search.
    this.lastLook = -Infinity;
    await this.refresh();
    return this.searchIn(this.space, query, options);
  }

  private searchIn(
    space: OpenSpace,
    query: SearchQuery,
    options: SearchOptions,
  ): Promise<SearchResponse> {
    const { name, store: index, clip, rowEpoch } = space;
    const hint = clip.isBuiltin ? BUILTIN_HINT : undefined;
    const encodeText = (text: string): Promise<Float32Array> => this.encodeText(text, space);
    const parts = { catalog: this.catalog, index, clip, encodeText, space: name, rowEpoch, hint };
    return space.use(() => search(parts, query, options));
  }

  /** A writer's own space is dropped by nobody else. */
  private isGone({ name }: OpenSpace): boolean {
    return this.readOnly && !this.isClosed && this.catalog.space(name) === undefined;
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
    const { clip, store } = this.space;
    return clip.text.warm().then(() => {
      // The first searches need not wait for it; they will meet and report its errors.
      store.warm().catch(() => undefined);
    });
  }

  stats(): LibraryStats {
    this.assertOpen();
    const { name, clip, store } = this.space;
    const counts = this.catalog.counts(name);
    const engine = store.figures();
    const scan = recallScan(this.catalog);
    return {
      root: this.root,
      dir: this.dir,
      model: clip.identity,
      dim: clip.dim,
      spaces: this.catalog.spaces().map((space) => {
        const { frames, pendingFrames: framesPending } = this.catalog.counts(space.name);
        const { name, state, modality, model, metric, dim } = space;
        return { name, state, modality, model, metric, dim, frames, framesPending };
      }),
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
      await this.space.startAfresh();
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
    await this.following?.catch(() => undefined);
    await this.embeddings.cleanup();
    try {
      await this.space.close();
    } finally {
      this.catalog.close();
      await this.lock?.close();
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** A reader picks up commits of a writer in another process; a failed check is repeated. */
  private async refresh(): Promise<void> {
    if (!this.readOnly || performance.now() - this.lastLook < REFRESH_MS) return;
    this.following ??= this.follow().finally(() => (this.following = undefined));
    await this.following;
    await this.space.refresh();
    this.lastLook = performance.now();
  }

  /** A reader takes over a change of the model. */
  private async follow(): Promise<void> {
    const { catalog, place, space } = this;
    const active = catalog.spaceInState('active');
    if (active === undefined || active.name === space.name) return;
    try {
      const clip = await openModelOf(catalog, place, active);
      await this.moveTo(await OpenSpace.open(catalog, place, active, clip));
    } catch (error) {
      // The vectors of before still answer, and the next search tries again.
      if (this.isGone(space)) throw error;
    }
  }

  private assertOpen(): void {
    if (this.isClosed) throw makeError('ERR_CLOSED', 'the library is closed');
  }
}

const BUILTIN_HINT =
  'The built-in model knows drawn scenes: colours, shapes, patterns, counts and places. For photographs ' +
  'use a real CLIP model with --model (see README, "Models").';
