/**
 * The two spaces of EXR files in the engine, keyed by file id: `exr-metadata` (cosine) and `exr-channels` (euclidean); version 2 of
 * the embeddings has folders of its own, so that both can be searched during a migration. Everything in them can be made from the
 * catalog: what disagrees is written again, nothing is repaired.
 */
import { existsSync } from 'node:fs';
import { mkdir, rm, stat } from 'node:fs/promises';
import path from 'node:path';
import { throwIfAborted } from '../../base/abort';
import { isLibraryError, makeError } from '../../base/errors';
import { COMMIT_LOG, SPACES_FOLDER } from '../../base/files/names';
import type { Catalog, ExrVectors } from '../../catalog';
import { CHANNELS_DIM, METADATA_DIM, type ExrEmbeddingVersion } from '../../exr';
import { VectorIndex } from '../../vectors';

export type ExrSpaceKind = 'metadata' | 'channels';

export const EXR_SPACE_KINDS: readonly ExrSpaceKind[] = ['metadata', 'channels'];

const SHAPES = {
  metadata: { dim: METADATA_DIM, metric: 'cosine' },
  channels: { dim: CHANNELS_DIM, metric: 'euclidean' },
} as const;

export interface ExrSearch {
  readonly k: number;
  readonly exact?: boolean;
  /** Hits beyond it are left out. */
  readonly below?: number | undefined;
  /** Default: the version in use. */
  readonly version?: ExrEmbeddingVersion | undefined;
}

/** File ids and their distances, best first. */
export interface ExrNear {
  readonly ids: Float64Array;
  readonly distances: Float32Array;
}

/** Entry of the catalog's `meta`. */
const VERSION_KEY = 'exr_version';
/** Of a library that has none yet: version 1 hides what two files share behind the noise of a digest. */
const FIRST_VERSION: ExrEmbeddingVersion = 2;

const WRITE_BATCH = 2048;
/** Compact from a megabyte of removed rows, and a quarter of all. */
const LEAST_BYTES = 1 << 20;

interface Opened {
  readonly index: VectorIndex;
  readonly stamp: string;
}

export class ExrSpaces {
  private readonly opened = new Map<string, Promise<Opened | undefined>>();
  /** Versions whose rows were compared with the catalog since this was made. */
  private readonly compared = new Set<ExrEmbeddingVersion>();

  constructor(
    private readonly catalog: Catalog,
    private readonly dir: string,
    private readonly readOnly: boolean,
  ) {}

  /** Of the embeddings in use. */
  get version(): ExrEmbeddingVersion {
    const known = this.catalog.meta(VERSION_KEY);
    return known === undefined ? FIRST_VERSION : known === '1' ? 1 : 2;
  }

  useVersion(version: ExrEmbeddingVersion): void {
    this.catalog.setMeta(VERSION_KEY, String(version));
  }

  /** Undefined while the library has no such space. @throws as `VectorIndex.search` */
  async search(
    kind: ExrSpaceKind,
    query: Float32Array,
    { k, exact = false, below, version = this.version }: ExrSearch,
  ): Promise<ExrNear | undefined> {
    const index = await this.index(kind, version);
    if (index === undefined) return undefined;
    const options = below === undefined ? {} : { threshold: below };
    const hits = exact
      ? await index.searchExactAsync(query, k, options)
      : index.search(query, k, { ...options, efSearch: Math.min(10_000, Math.max(100, k)) });
    return { ids: Float64Array.from(hits.keys), distances: hits.distances };
  }

  /** The open index, made from the catalog where its folder is lost: in memory by a reader. Undefined: there is nothing to find. */
  async index(kind: ExrSpaceKind, version = this.version): Promise<VectorIndex | undefined> {
    const folder = this.folderOf(kind, version);
    let opened = await this.opened.get(folder);
    if (opened !== undefined && (!this.readOnly || opened.stamp === (await stampOf(folder))))
      return opened.index;
    this.opened.delete(folder);
    await opened?.index.close();
    const opening = this.open(folder, kind, version);
    this.opened.set(folder, opening);
    opening.catch(() => this.opened.delete(folder));
    opened = await opening;
    if (opened === undefined) this.opened.delete(folder);
    return opened?.index;
  }

  private folderOf(kind: ExrSpaceKind, version: ExrEmbeddingVersion): string {
    return path.join(this.dir, SPACES_FOLDER, `exr-${kind}${version === 1 ? '' : `-${version}`}`);
  }

  private async open(
    folder: string,
    kind: ExrSpaceKind,
    version: ExrEmbeddingVersion,
  ): Promise<Opened | undefined> {
    const { exr } = this.catalog;
    const stamp = await stampOf(folder);
    if (this.readOnly) {
      if (stamp !== '') return { index: await VectorIndex.open(folder, { readOnly: true }), stamp };
      const ids = exr.idsOf(version);
      if (ids.length === 0) return undefined;
      const index = await VectorIndex.create(SHAPES[kind]);
      await this.fill(index, kind, version, ids);
      return { index, stamp };
    }
    await mkdir(path.dirname(folder), { recursive: true });
    const make = (): Promise<VectorIndex> =>
      VectorIndex.openOrCreate({ ...SHAPES[kind], path: folder });
    let index: VectorIndex;
    try {
      index = await make();
    } catch (error) {
      const isDamaged =
        isLibraryError(error) && /^ERR_(FILE_CORRUPT|FILE_VERSION|DIM_MISMATCH)$/.test(error.code);
      if (!isDamaged) throw error;
      // All of it can be made again from the catalog.
      this.catalog.home.assertOurs();
      await rm(folder, { recursive: true, force: true });
      index = await make();
    }
    // A folder that was lost, or is not in a backup. What it never had is written by `keepInStep`.
    if (index.count === 0) await this.fill(index, kind, version, exr.idsOf(version, true));
    return { index, stamp };
  }

  /** Writes what the catalog says of these files into a new index. */
  private async fill(
    index: VectorIndex,
    kind: ExrSpaceKind,
    version: ExrEmbeddingVersion,
    ids: readonly number[],
  ): Promise<void> {
    for (let at = 0; at < ids.length; at += WRITE_BATCH) {
      const some = ids
        .slice(at, at + WRITE_BATCH)
        .map((id) => this.catalog.exr.vectorsOf(version, id))
        .filter((vectors) => vectors !== undefined);
      await index.add(floatsOf(some, kind), { keys: some.map(({ fileId }) => fileId) });
    }
  }

  /**
   * Brings both spaces of a version to what the catalog says. Rows are durable before the catalog counts them as indexed, so that a
   * crash in between writes them again.
   *
   * @throws ERR_ABORTED and what the engine throws
   */
  async keepInStep(version: ExrEmbeddingVersion, signal?: AbortSignal): Promise<void> {
    const { exr } = this.catalog;
    const wanted = exr.countOf(version);
    const hasFolder = existsSync(path.join(this.folderOf('metadata', version), COMMIT_LOG));
    if (wanted === 0 && !hasFolder) return;
    const spaces = await Promise.all(
      EXR_SPACE_KINDS.map(async (kind) => ({
        kind,
        index: (await this.index(kind, version)) as VectorIndex,
      })),
    );
    await this.writeWaiting(spaces, version, signal);
    const hasAll = spaces.every(({ index }) => index.liveCount === wanted);
    // A folder that was replaced may have as many rows, of other files: looked at once.
    if (hasAll && this.compared.has(version)) return;
    const ids = exr.idsOf(version);
    this.compared.add(version);
    const isSame = ({ index }: { index: VectorIndex }): boolean =>
      ids.every((id) => index.rowOf(id) !== undefined);
    if (hasAll && spaces.every(isSame)) return;
    const known = new Set(ids);
    for (const { index } of spaces) {
      const rows = Uint32Array.from({ length: index.count }, (_, row) => row);
      const gone = [...index.keysOf(rows)].filter(
        (key, row) => !known.has(key) && index.rowOf(key) === row,
      );
      if (gone.length > 0) await index.remove(gone);
    }
    const lost = ids.filter((id) => spaces.some(({ index }) => index.rowOf(id) === undefined));
    exr.setIndexed(version, lost, false);
    await this.writeWaiting(spaces, version, signal);
    for (const { index } of spaces) {
      const dead = index.count - index.liveCount;
      if (dead * index.dim * 4 >= LEAST_BYTES && dead * 4 >= index.count) await index.compact();
    }
  }

  private async writeWaiting(
    spaces: readonly { readonly kind: ExrSpaceKind; readonly index: VectorIndex }[],
    version: ExrEmbeddingVersion,
    signal: AbortSignal | undefined,
  ): Promise<void> {
    const { exr } = this.catalog;
    let written = 0;
    for (;;) {
      throwIfAborted(signal, 'the sync was interrupted');
      const some = exr.unindexed(version, WRITE_BATCH);
      if (some.length === 0) break;
      const keys = some.map(({ fileId }) => fileId);
      for (const { kind, index } of spaces)
        await index.update(keys, floatsOf(some, kind), { insertMissing: true });
      exr.setIndexed(version, keys, true);
      written += some.length;
    }
    if (written > 0) for (const { index } of spaces) await index.save();
  }

  /** For good: vectors of a version that is not in use. @throws ERR_ARG_RANGE */
  async drop(version: ExrEmbeddingVersion): Promise<void> {
    if (version === this.version)
      throw makeError('ERR_ARG_RANGE', `version ${version} of the EXR embeddings is in use`);
    await this.empty(version);
  }

  /** Drops vectors and spaces of a version; they can be made again. */
  async empty(version: ExrEmbeddingVersion): Promise<void> {
    this.catalog.exr.dropVersion(version);
    for (const kind of EXR_SPACE_KINDS) {
      const folder = this.folderOf(kind, version);
      const opened = await this.opened.get(folder);
      this.opened.delete(folder);
      await opened?.index.close();
      this.catalog.home.assertOurs();
      await rm(folder, { recursive: true, force: true });
    }
  }

  async close(): Promise<void> {
    const all = [...this.opened.values()];
    this.opened.clear();
    for (const one of all) await (await one.catch(() => undefined))?.index.close();
  }
}

async function stampOf(folder: string): Promise<string> {
  const stats = await stat(path.join(folder, COMMIT_LOG)).catch(() => undefined);
  return stats === undefined ? '' : `${stats.ino}:${stats.size}:${stats.mtimeMs}`;
}

/** Shape [n, dim]. */
export function floatsOf(vectors: readonly ExrVectors[], kind: ExrSpaceKind): Float32Array {
  const { dim } = SHAPES[kind];
  const flat = new Float32Array(vectors.length * dim);
  const bytes = new Uint8Array(flat.buffer);
  vectors.forEach((one, i) => bytes.set(one[kind], i * dim * 4));
  return flat;
}
