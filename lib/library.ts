/**
 * The facade: one folder of media and its library. `openLibrary(root)` gives sync, search, verify and
 * close; everything above this layer (server, command line, your program) uses nothing below it.
 */
import { existsSync } from 'node:fs';
import { mkdir, stat } from 'node:fs/promises';
import path from 'node:path';
import { framePath, openCatalog, type Catalog } from './catalog';
import type { ClipModel } from './encode';
import { truthOf } from './environment';
import { makeError } from './errors';
import {
  INDEX_OPTIONS,
  OPEN_LIBRARY_OPTIONS,
  SEARCH_OPTIONS,
  SEARCH_QUERY,
  SYNC_OPTIONS,
  VERIFY_OPTIONS,
  type IndexOptions,
  type VerifyOptions,
} from './library-options';
import { openLibraryModel } from './library-model';
import type { Library, MediaFileLocation, OpenLibraryOptions } from './library-types';
import { openEmbeddingService, type EmbeddingService } from './service';
import { openVectors, type LibraryVectors } from './library-vectors';
import { readOptions, TEXT, type OptionRules } from './options';
import { reconcile, runSync, verifyLibrary, type Halves, type SyncParts } from './pipeline';
import { search } from './search';
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
} from './types';

export type { Library, OpenLibraryOptions } from './library-types';

/** The vector space that words and pictures share. */
const SPACE = 'clip';
/** A reader looks for new commits at most this often. */
const REFRESH_MS = 1000;

/** The folder of the library that belongs to `root`, if there is one. */
export function findLibrary(root: string, dir?: string): string | undefined {
  TEXT('root', root);
  const folder = path.resolve(dir === undefined ? path.join(root, '.sightline') : TEXT('dir', dir));
  return existsSync(path.join(folder, 'catalog.sqlite')) ? folder : undefined;
}

/**
 * Opens the library of a folder, or makes an empty one. Does not read the media: that is `sync`.
 * Costs the same for ten frames and for a million.
 *
 * A library whose model is missing or damaged opens all the same: what needs the model is then
 * ERR_MODEL_* when it is used, everything else works.
 *
 * @throws ERR_LIBRARY_MISSING | ERR_FILE_LOCKED (another writer) | ERR_MODEL_MISMATCH (a model that was
 *   named) | ERR_MODEL_MISSING | ERR_MODEL_INVALID (of a library that is being made) | ERR_CATALOG |
 *   ERR_FILE_CORRUPT | ERR_ARG_RANGE (its vectors are elsewhere than \`vectorStore\` says) |
 *   ERR_STORE_UNAVAILABLE and the other ERR_STORE_*
 */
export async function openLibrary(root: string, given: OpenLibraryOptions = {}): Promise<Library> {
  const options = readOptions('options', given, OPEN_LIBRARY_OPTIONS);
  const absRoot = path.resolve(TEXT('root', root));
  const dir = path.resolve(options.dir ?? path.join(absRoot, '.sightline'));
  const readOnly = options.readOnly === true;
  if (findLibrary(absRoot, dir) === undefined && (readOnly || options.create === false)) {
    throw makeError('ERR_LIBRARY_MISSING', `${absRoot} has no library yet: sync it first`, {
      details: { root: absRoot, dir },
    });
  }
  const rootInfo = await stat(absRoot).catch(() => undefined);
  if (rootInfo?.isDirectory() !== true) {
    throw makeError('ERR_NOT_FOUND', `${absRoot} is not a folder`, { details: { root: absRoot } });
  }
  if (!readOnly) await mkdir(dir, { recursive: true });
  const catalog = await openCatalog(dir, { readOnly });
  let clip: ClipModel | undefined;
  let vectors: LibraryVectors | undefined;
  try {
    clip = await openLibraryModel(catalog, {
      root: absRoot,
      dir,
      space: SPACE,
      readOnly,
      model: options.model,
      encoder: {
        ...(options.device === undefined ? {} : { device: options.device }),
        ...(options.onNotice === undefined ? {} : { onNotice: options.onNotice }),
      },
    });
    checkRoot(catalog, absRoot, dir, readOnly);
    vectors = await openVectors(catalog, {
      dir,
      space: SPACE,
      model: clip.identity,
      dim: clip.dim,
      readOnly,
      choice: options.vectorStore,
    });
    if (!readOnly) await reconcile({ catalog, index: vectors.store, space: SPACE });
    const embeddings = await openEmbeddingService({
      clip,
      ...(options.textModel === undefined ? {} : { textModel: options.textModel }),
      ...(options.cache === undefined ? {} : { cache: options.cache }),
    });
    return new OpenedLibrary(absRoot, dir, readOnly, catalog, clip, vectors, embeddings);
  } catch (error) {
    await vectors?.close();
    await clip?.close();
    catalog.close();
    throw error;
  }
}

/**
 * A library that lies outside its root remembers it: given with another root it would take every
 * file it knows for gone. One inside its root moves with it, and needs no memory.
 *
 * @throws ERR_ARG_RANGE
 */
function checkRoot(catalog: Catalog, root: string, dir: string, readOnly: boolean): void {
  const isInside = !path.relative(root, dir).startsWith('..');
  const known = catalog.meta('root');
  if (isInside || known === root) return;
  if (known !== undefined) {
    throw makeError(
      'ERR_ARG_RANGE',
      `the library ${dir} belongs to ${known}, not to ${root}: use another folder for this root`,
      { details: { dir, known, root } },
    );
  }
  if (!readOnly) catalog.setMeta('root', root);
}

class OpenedLibrary implements Library {
  private isClosed = false;
  private running: Promise<unknown> | undefined;
  private readonly stop = new AbortController();
  private lastLook = performance.now();

  constructor(
    readonly root: string,
    readonly dir: string,
    private readonly readOnly: boolean,
    private readonly catalog: Catalog,
    private readonly clip: ClipModel,
    private readonly vectors: LibraryVectors,
    readonly embeddings: EmbeddingService,
  ) {}

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
    if (this.running !== undefined) throw makeError('ERR_BUSY', 'a sync is running already');
    const signal = options.signal
      ? AbortSignal.any([options.signal, this.stop.signal])
      : this.stop.signal;
    const work = (async () => {
      if (rebuild) await this.startAfresh();
      return runSync(this.parts(), { ...options, signal }, halvesOf(options));
    })();
    this.running = work;
    try {
      return await work;
    } finally {
      this.running = undefined;
    }
  }

  /** Drops vectors and graph; frames stay and wait to be encoded again. */
  private async startAfresh(): Promise<void> {
    // Before anything is dropped: without its model the library would lose vectors that it has.
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
        hint: this.clip.isBuiltin ? BUILTIN_HINT : undefined,
      },
      query,
      options,
    );
  }

  /** Through the cache, when what is cached is of this library's model. */
  private encodeText(text: string): Promise<Float32Array> {
    const { instruction } = this.embeddings.models;
    const isOurs = instruction.sha256 === this.clip.identity.sha256;
    return isOurs ? this.embeddings.getInstructionEmbedding(text) : this.clip.text.encode([text]);
  }

  frame(frameId: number): FrameRecord | undefined {
    this.assertOpen();
    return Number.isSafeInteger(frameId) ? this.catalog.frame(asFrameId(frameId)) : undefined;
  }

  frameFile(frameId: number): string | undefined {
    const frame = this.frame(frameId);
    return frame && path.join(this.dir, framePath(frame.frameId));
  }

  mediaFile(mediaId: string): MediaFileLocation | undefined {
    this.assertOpen();
    if (typeof mediaId !== 'string') return undefined;
    const media = this.catalog.mediaById(asMediaId(mediaId));
    return media && { path: path.join(this.root, media.path), kind: media.kind };
  }

  problems(): MediaProblem[] {
    this.assertOpen();
    const list: MediaProblem[] = [];
    for (const { path: file, state, code, reason } of this.catalog.media()) {
      if (code === null || state === 'pending') continue;
      list.push({
        path: file,
        state: state !== 'indexed' ? state : code.startsWith('ERR_MEDIA') ? 'damaged' : 'failed',
        code,
        reason: reason ?? '',
      });
    }
    return list;
  }

  warm(): Promise<void> {
    this.assertOpen();
    return this.clip.text.warm().then(() => {
      // The first searches need not wait for it; what goes wrong here they will meet and report.
      this.vectors.store.warm().catch(() => undefined);
    });
  }

  stats(): LibraryStats {
    this.assertOpen();
    const counts = this.catalog.counts(SPACE);
    const engine = this.vectors.store.figures();
    return {
      root: this.root,
      dir: this.dir,
      model: this.clip.identity,
      dim: this.clip.dim,
      media: counts.media,
      images: counts.images,
      videos: counts.videos,
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
    const outcome = await verifyLibrary({ ...this.parts() });
    if (options.repair === true && !outcome.ok) {
      if (this.readOnly)
        throw makeError('ERR_READ_ONLY', 'repair needs the library opened for writing');
      // Media whose frames are gone are forgotten, so that the sync below takes them as new.
      this.catalog.removeMedia(outcome.damagedMedia);
      if (!outcome.isIndexSound) await this.index({ rebuild: true });
      await this.sync({ confirmRemovals: false });
      return verifyLibrary({ ...this.parts() });
    }
    return outcome;
  }

  async close(): Promise<void> {
    if (this.isClosed) return;
    this.isClosed = true;
    this.stop.abort();
    await this.running?.catch(() => undefined);
    await this.vectors.close();
    await this.embeddings.cleanup();
    await this.clip.close();
    this.catalog.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** A reader notices what a writer in another process has committed. */
  private async refresh(): Promise<void> {
    if (!this.readOnly || performance.now() - this.lastLook < REFRESH_MS) return;
    this.lastLook = performance.now();
    await this.vectors.store.refresh(this.catalog.space(SPACE)?.committedRows);
  }

  private assertOpen(): void {
    if (this.isClosed) throw makeError('ERR_CLOSED', 'the library is closed');
  }
}

const BUILTIN_HINT =
  'The built-in model knows drawn scenes: colours, shapes, patterns, counts and places. For photographs ' +
  'use a real CLIP model with --model (see README, "Models").';
