/**
 * The facade: one folder of media and its library. `openLibrary(root)` gives sync, search, verify and
 * close; everything above this layer (server, command line, your program) uses nothing below it.
 */
import { existsSync } from 'node:fs';
import { mkdir, stat } from 'node:fs/promises';
import path from 'node:path';
import { framePath, openCatalog, type Catalog } from './catalog';
import { openClip, type ClipModel } from './encode';
import { truthOf } from './environment';
import { makeError } from './errors';
import {
  backupLibrary,
  type LibraryBackupOptions,
  type LibraryBackupReport,
} from './library-backup';
import type { Library, MediaFileLocation } from './library-types';
import { openEmbeddingService, type CacheName, type EmbeddingService } from './service';
import { openVectors, type LibraryVectors, type VectorStoreChoice } from './library-vectors';
import {
  checkSyncOptions,
  reconcile,
  runSync,
  verifyLibrary,
  type Halves,
  type SyncParts,
} from './pipeline';
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

export type { Library } from './library-types';

/** The vector space that words and pictures share. */
const SPACE = 'clip';
/** A reader looks for new commits at most this often. */
const REFRESH_MS = 1000;

export interface OpenLibraryOptions {
  /** The library's own folder; default `<root>/.sightline`. */
  readonly dir?: string;
  /** `builtin`, a model folder, or a repository id of the model store. Default: what the library was made with. */
  readonly model?: string;
  /** Search only; any number of readers may run beside one writer. */
  readonly readOnly?: boolean;
  /**
   * Keeps the vectors in PostgreSQL with pgvector: `postgres://user:password@host/database`. Default: in
   * the library's folder. A library stays where it was made.
   */
  readonly vectorStore?: VectorStoreChoice;
  /**
   * Answers `embeddings` of texts, for example a sentence encoder; searches use the library's own model.
   * Default: the library's model.
   */
  readonly textModel?: string;
  /**
   * Where `embeddings` keeps vectors: `none`, `memory`, `disk`, `disk:FOLDER` or `redis://HOST:PORT`. Default:
   * EMBEDDING_REDIS_URL if it is set, else `memory`.
   */
  readonly cache?: CacheName;
  /** False: ERR_LIBRARY_MISSING where there is none yet. Default true. */
  readonly create?: boolean;
  /**
   * Where the model runs: `auto`, `cpu`, `cuda`, `coreml`, `dml` or `webgpu`. Default: SIGHTLINE_DEVICE,
   * CLIP_DEVICE, EMBEDDING_DEVICE or `cpu`. One that cannot be used is a notice, not an error.
   */
  readonly device?: string;
  /** One line each, for example about such a device. Default: a process warning. */
  readonly onNotice?: (line: string) => void;
}

/** The folder of the library that belongs to `root`, if there is one. */
export function findLibrary(root: string, dir?: string): string | undefined {
  const folder = path.resolve(dir ?? path.join(root, '.sightline'));
  return existsSync(path.join(folder, 'catalog.sqlite')) ? folder : undefined;
}

/**
 * Opens the library of a folder, or makes an empty one. Does not read the media: that is `sync`.
 * Costs the same for ten frames and for a million.
 *
 * @throws ERR_LIBRARY_MISSING | ERR_FILE_LOCKED (another writer) | ERR_MODEL_MISMATCH | ERR_MODEL_MISSING |
 *   ERR_MODEL_INVALID | ERR_CATALOG | ERR_FILE_CORRUPT | ERR_ARG_RANGE (its vectors are elsewhere than
 *   \`vectorStore\` says) | ERR_STORE_UNAVAILABLE and the other ERR_STORE_*
 */
export async function openLibrary(
  root: string,
  options: OpenLibraryOptions = {},
): Promise<Library> {
  const absRoot = path.resolve(root);
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
    clip = await openClip(options.model ?? catalog.meta('model') ?? 'builtin', {
      ...(options.device === undefined ? {} : { device: options.device }),
      ...(options.onNotice === undefined ? {} : { onNotice: options.onNotice }),
    });
    if (catalog.space(SPACE) === undefined && !readOnly) {
      catalog.setMeta('model', options.model ?? 'builtin');
      catalog.createSpace(SPACE, clip.identity, clip.dim);
    }
    checkModel(catalog, clip.identity);
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

function checkModel(catalog: Catalog, identity: ModelIdentity): void {
  const space = catalog.space(SPACE);
  if (space === undefined) {
    throw makeError(
      'ERR_LIBRARY_MISSING',
      'the library is being made by another process: try again',
    );
  }
  const { model } = space;
  if (model.sha256 === identity.sha256 && model.preprocessVersion === identity.preprocessVersion)
    return;
  throw makeError(
    'ERR_MODEL_MISMATCH',
    `the library was embedded with ${model.id} (${model.sha256.slice(0, 12)}), not with ` +
      `${identity.id} (${identity.sha256.slice(0, 12)}): use that model, or delete the library's ` +
      'folder and sync again',
    { details: { library: model, given: identity } },
  );
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
    const embed = options.embed ?? truthOf(process.env, 'CLIP_ENABLED') ?? true;
    return this.run(options, { ingest: true, embed });
  }

  ingest(options: SyncOptions = {}): Promise<SyncReport> {
    return this.run(options, { ingest: true, embed: false });
  }

  index(options: SyncOptions & { readonly rebuild?: boolean } = {}): Promise<SyncReport> {
    return this.run(options, { ingest: false, embed: true }, options.rebuild === true);
  }

  private async run(options: SyncOptions, halves: Halves, rebuild = false): Promise<SyncReport> {
    this.assertOpen();
    if (this.readOnly) throw makeError('ERR_READ_ONLY', 'the library was opened read-only');
    if (this.running !== undefined) throw makeError('ERR_BUSY', 'a sync is running already');
    checkSyncOptions(options);
    const signal = options.signal
      ? AbortSignal.any([options.signal, this.stop.signal])
      : this.stop.signal;
    const work = (async () => {
      if (rebuild) await this.startAfresh();
      return runSync(this.parts(), { ...options, signal }, halves);
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

  async search(query: SearchQuery, options: SearchOptions = {}): Promise<SearchResponse> {
    this.assertOpen();
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

  async verify(options: { readonly repair?: boolean } = {}): Promise<VerifyReport> {
    this.assertOpen();
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

  async backup(target: string, options: LibraryBackupOptions = {}): Promise<LibraryBackupReport> {
    this.assertOpen();
    return backupLibrary(this.dir, target, { root: this.root, ...options });
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
