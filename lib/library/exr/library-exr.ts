/** `library.exr`: what is like an OpenEXR file, which files are like each other, what departs from its sequence. */
import path from 'node:path';
import {
  anomaliesOf,
  checkExr,
  embedFiles,
  ExrSpaces,
  inspectFiles,
  pairsOf,
  vectorsOf,
  type ExrAnomaly,
  type ExrPairs,
  type ExrSpaceKind,
  type ExrStageReport,
} from '../../analyze/exr';
import { vectorOfBytes } from '../../base/arrays';
import { isLibraryError, makeError } from '../../base/errors';
import { readOptions } from '../../base/options';
import type { MediaId } from '../../base/types';
import type { Catalog, ExrFileRow, ExrVectors } from '../../catalog';
import { inspectExr, type ExrEmbeddingVersion, type ExrPayload } from '../../exr';
import { native } from '../../native';
import {
  EXR_MIGRATE,
  EXR_PAIRS,
  EXR_SIMILAR,
  type ExrMigrateOptions,
  type ExrPairsRequest,
  type ExrSimilarOptions,
} from './options';

export interface ExrSimilarFile {
  readonly fileId: number;
  /** Relative to the library's root. */
  readonly path: string;
  readonly distance: number;
  /** With `mix`: the distances it is the mean of. */
  readonly parts?: Readonly<Partial<Record<'metadata' | 'channels' | 'look', number>>>;
}

export interface ExrPairFiles {
  readonly pairs: readonly { readonly a: string; readonly b: string; readonly distance: number }[];
  readonly clusters: readonly (readonly string[])[];
  readonly isTruncated: boolean;
}

export interface ExrStats {
  readonly files: number;
  /** Files that could not be inspected. */
  readonly failed: number;
  /** Of the embeddings in use. */
  readonly version: ExrEmbeddingVersion;
  readonly embedded: number;
}

export interface LibraryExr {
  /**
   * Files like this one, closest first, without the file itself.
   *
   * @param target  an `.exr` file, absolute or relative to the root; or the id of one of the view `files`
   * @throws ERR_NOT_FOUND (unknown id; `look` of a file without a picture in the library) | ERR_MEDIA_* | ERR_ARG_TYPE |
   *   ERR_ARG_RANGE | ERR_CLOSED
   */
  similar(target: string | number, options?: ExrSimilarOptions): Promise<ExrSimilarFile[]>;
  /**
   * All pairs of files at most so far apart, and the clusters they make; by the index, so nearly all.
   *
   * @throws ERR_ARG_TYPE | ERR_ARG_RANGE | ERR_ABORTED | ERR_CLOSED
   */
  pairs(options?: ExrPairsRequest): Promise<ExrPairFiles>;
  /** Files whose structure departs from their neighbours in a sequence. @param folder  relative to the root; default: all */
  anomalies(folder?: string): ExrAnomaly[];
  /** Files that could not be inspected, and why. */
  problems(): { readonly path: string; readonly code: string; readonly reason: string }[];
  stats(): ExrStats;
  /**
   * Embeds all files by another version; the version in use answers meanwhile, and the new one from the end on. Resumable.
   *
   * @throws ERR_READ_ONLY | ERR_BUSY | ERR_ABORTED | ERR_CLOSED
   */
  migrate(options?: ExrMigrateOptions): Promise<ExrStats>;
}

/** What a library offers to it. */
export interface ExrHost {
  readonly root: string;
  readonly dir: string;
  readonly readOnly: boolean;
  readonly catalog: Catalog;
  assertOpen(): void;
  /** One operation at a time that changes the library. */
  inTurn<T>(work: () => Promise<T>): Promise<T>;
  /** The vector of the file's picture. */
  lookOf(mediaId: MediaId): Promise<Float32Array | undefined>;
  /** Media files by the distance of their pictures. */
  searchLook(vector: Float32Array, k: number): Promise<{ mediaId: MediaId; distance: number }[]>;
}

const CANDIDATES = 1000;
const METRIC: Readonly<Record<ExrSpaceKind, number>> = { metadata: 0, channels: 1 };

export class ExrOfLibrary implements LibraryExr {
  readonly spaces: ExrSpaces;

  constructor(private readonly host: ExrHost) {
    this.spaces = new ExrSpaces(host.catalog, host.dir, host.readOnly);
  }

  /** The stage of a sync. */
  async sync(
    halves: { ingest: boolean; embed: boolean },
    signal?: AbortSignal,
  ): Promise<ExrStageReport> {
    const { catalog, root } = this.host;
    const { version } = this.spaces;
    const read = halves.ingest
      ? await inspectFiles(catalog, root, signal)
      : { inspected: 0, failed: 0 };
    if (!halves.embed) return { ...read, embedded: 0 };
    if (catalog.meta('exr_version') === undefined && catalog.exr.counts().files > 0)
      this.spaces.useVersion(version);
    const embedded = await embedFiles(catalog, version, signal).catch(async (error: unknown) => {
      if (!isLibraryError(error) || error.code !== 'ERR_CATALOG') throw error;
      // A damaged entry waits for its vectors.
      await this.readDamagedAgain(signal);
      return embedFiles(catalog, version, signal);
    });
    await this.spaces.keepInStep(version, signal);
    return { ...read, embedded };
  }

  verify(): Promise<string[]> {
    return checkExr(this.host.catalog, this.spaces);
  }

  /** Damaged facts are read again from the files; the rest is made again from the facts, where it is not what they give. */
  async repair(signal?: AbortSignal): Promise<void> {
    const { catalog } = this.host;
    const { version } = this.spaces;
    await this.readDamagedAgain(signal);
    await embedFiles(catalog, version, signal);
    await this.spaces.keepInStep(version, signal);
    if ((await this.verify()).length === 0) return;
    await this.spaces.empty(version);
    await embedFiles(catalog, version, signal);
    await this.spaces.keepInStep(version, signal);
  }

  private async readDamagedAgain(signal?: AbortSignal): Promise<void> {
    this.host.catalog.exr.outdateDamaged();
    await inspectFiles(this.host.catalog, this.host.root, signal);
  }

  async similar(target: string | number, given: ExrSimilarOptions = {}): Promise<ExrSimilarFile[]> {
    this.host.assertOpen();
    const options = readOptions('options', given, EXR_SIMILAR);
    const {
      k = 20,
      by = 'metadata',
      maxDistance = Infinity,
      version = this.spaces.version,
    } = options;
    const { vectors, mediaId } = await this.vectorsOfTarget(target, version);
    const found =
      by === 'mix'
        ? await this.mixed(vectors, mediaId, version)
        : by === 'look'
          ? await this.byLook(mediaId, k + 1)
          : await this.byStructure(by, vectors, {
              k: k + 1,
              exact: options.exact ?? false,
              version,
            });
    return found
      .filter(({ fileId, distance }) => fileId !== vectors.fileId && distance <= maxDistance)
      .slice(0, k);
  }

  private async byStructure(
    kind: ExrSpaceKind,
    vectors: ExrVectors,
    how: { k: number; exact: boolean; version: ExrEmbeddingVersion },
  ): Promise<ExrSimilarFile[]> {
    const found = await this.spaces.search(kind, vectorOfBytes(vectors[kind]), how);
    return [...(found?.ids ?? [])].flatMap((fileId, i) => {
      const file = this.host.catalog.exr.byId(fileId);
      return file === undefined
        ? []
        : [{ fileId, path: file.path, distance: found?.distances[i] ?? NaN }];
    });
  }

  private async byLook(mediaId: MediaId | undefined, k: number): Promise<ExrSimilarFile[]> {
    const look = mediaId === undefined ? undefined : await this.host.lookOf(mediaId);
    if (look === undefined)
      throw makeError(
        'ERR_NOT_FOUND',
        'the file has no picture in the library: sync it, or compare by metadata or channels',
      );
    const ids = new Map([...this.host.catalog.exr.all()].map((file) => [file.mediaId, file]));
    const found = await this.host.searchLook(look, Math.max(k, CANDIDATES));
    return found.flatMap(({ mediaId: media, distance }) => {
      const file = ids.get(media);
      return file === undefined ? [] : [{ fileId: file.fileId, path: file.path, distance }];
    });
  }

  /** The mean of the distances there are, each from 0 to 2, over what any of them finds. */
  private async mixed(
    vectors: ExrVectors,
    mediaId: MediaId | undefined,
    version: ExrEmbeddingVersion,
  ): Promise<ExrSimilarFile[]> {
    const how = { k: CANDIDATES, exact: false, version };
    const look = mediaId === undefined ? undefined : await this.host.lookOf(mediaId);
    const looks = look === undefined ? [] : await this.byLook(mediaId, CANDIDATES);
    const lookOf = new Map(looks.map(({ fileId, distance }) => [fileId, distance]));
    const candidates = new Map<number, string>();
    for (const list of [
      await this.byStructure('metadata', vectors, how),
      await this.byStructure('channels', vectors, how),
      looks,
    ])
      for (const { fileId, path: name } of list) candidates.set(fileId, name);
    const found: ExrSimilarFile[] = [];
    for (const [fileId, name] of candidates) {
      const other = this.host.catalog.exr.vectorsOf(version, fileId);
      if (other === undefined) continue;
      const parts: Partial<Record<'metadata' | 'channels' | 'look', number>> = {};
      for (const kind of ['metadata', 'channels'] as const)
        parts[kind] = native().pairDistance(vectors[kind], other[kind], METRIC[kind]);
      const seen = lookOf.get(fileId);
      if (seen !== undefined) parts.look = seen;
      const all = Object.values(parts);
      found.push({
        fileId,
        path: name,
        distance: all.reduce((a, b) => a + b, 0) / all.length,
        parts,
      });
    }
    return found.sort((a, b) => a.distance - b.distance || a.fileId - b.fileId);
  }

  /** Of a file of the library as stored; of another file inspected now. The id is -1 then. */
  async vectorsOfTarget(
    target: string | number,
    version: ExrEmbeddingVersion = this.spaces.version,
  ): Promise<{ vectors: ExrVectors; mediaId: MediaId | undefined }> {
    const { catalog, root } = this.host;
    const name = typeof target === 'string' ? this.nameOf(target) : undefined;
    const file: ExrFileRow | undefined =
      typeof target === 'number'
        ? catalog.exr.byId(target)
        : name === undefined
          ? undefined
          : catalog.exr.byPath(name);
    if (typeof target === 'number' && file === undefined)
      throw makeError('ERR_NOT_FOUND', `the library has no EXR file ${target}`, {
        details: { fileId: target },
      });
    const stored = file && catalog.exr.vectorsOf(version, file.fileId);
    if (file !== undefined && stored !== undefined)
      return { vectors: stored, mediaId: file.mediaId };
    const absolute = path.resolve(root, file?.path ?? String(target));
    const payload =
      file?.payload ?? JSON.stringify(await inspectExr(absolute, { as: name ?? absolute }));
    return { vectors: vectorsOf(file?.fileId ?? -1, payload, version), mediaId: file?.mediaId };
  }

  /** The path of a file within the root, as the catalog has it. */
  private nameOf(target: string): string | undefined {
    const relative = path.relative(this.host.root, path.resolve(this.host.root, target));
    return relative.startsWith('..') || path.isAbsolute(relative)
      ? undefined
      : relative.split(path.sep).join('/');
  }

  async pairs(given: ExrPairsRequest = {}): Promise<ExrPairFiles> {
    this.host.assertOpen();
    const {
      maxDistance = 0.2,
      by = 'metadata',
      ...rest
    } = readOptions('options', given, EXR_PAIRS);
    const index = await this.spaces.index(by);
    const none: ExrPairs = { pairs: [], clusters: [], isTruncated: false };
    const { pairs, clusters, isTruncated } =
      index === undefined ? none : await pairsOf(index, { maxDistance, ...rest });
    const names = new Map<number, string>();
    const nameOf = (id: number): string => {
      const known = names.get(id) ?? this.host.catalog.exr.byId(id)?.path ?? '';
      names.set(id, known);
      return known;
    };
    return {
      pairs: pairs.map(({ a, b, distance }) => ({ a: nameOf(a), b: nameOf(b), distance })),
      clusters: clusters.map((group) => group.map(nameOf)),
      isTruncated,
    };
  }

  anomalies(folder = ''): ExrAnomaly[] {
    this.host.assertOpen();
    const name = this.nameOf(folder);
    if (name === undefined)
      throw makeError('ERR_ARG_RANGE', `${folder} is not a folder of this library`);
    const prefix = name === '' ? '' : `${name}/`;
    const files = [...this.host.catalog.exr.all()].flatMap(({ path: file, payload }) =>
      payload !== null && file.startsWith(prefix)
        ? [{ path: file, payload: JSON.parse(payload) as ExrPayload }]
        : [],
    );
    return anomaliesOf(files);
  }

  problems(): { path: string; code: string; reason: string }[] {
    this.host.assertOpen();
    return [...this.host.catalog.exr.all()].flatMap(({ path: file, code, reason }) =>
      code === null ? [] : [{ path: file, code, reason: reason ?? '' }],
    );
  }

  stats(): ExrStats {
    this.host.assertOpen();
    const { version } = this.spaces;
    const { exr } = this.host.catalog;
    return { ...exr.counts(), version, embedded: exr.countOf(version) };
  }

  async migrate(given: ExrMigrateOptions = {}): Promise<ExrStats> {
    this.host.assertOpen();
    if (this.host.readOnly) throw makeError('ERR_READ_ONLY', 'the library was opened read-only');
    const {
      to = 2,
      dropOther = false,
      signal,
      onProgress,
    } = readOptions('options', given, EXR_MIGRATE);
    return this.host.inTurn(async () => {
      const { catalog } = this.host;
      const total = catalog.exr.counts().files - catalog.exr.counts().failed;
      await embedFiles(catalog, to, signal, (done) => onProgress?.(done, total));
      await this.spaces.keepInStep(to, signal);
      this.spaces.useVersion(to);
      if (dropOther) await this.spaces.drop(to === 1 ? 2 : 1);
      return this.stats();
    });
  }

  close(): Promise<void> {
    return this.spaces.close();
  }
}
