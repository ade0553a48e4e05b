/** The catalog as the layers above use it: tables composed, transactions drawn. */
import { closeSync, openSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import {
  asFrameId,
  type FrameId,
  type FrameRecord,
  type MediaId,
  type ModelIdentity,
  type Row,
} from '../types';
import { makeError, messageOf } from '../errors';
import { checkCatalog } from './check';
import { EncodingTable } from './encoding-table';
import { exportMetadata } from './export-metadata';
import { FrameTable } from './frame-table';
import { MediaTable } from './media-table';
import type {
  CatalogCounts,
  EmbeddingMetadata,
  EncodeFailure,
  EncodeRun,
  FrameRow,
  IngestedItem,
  MediaRow,
  RowFilter,
  SpaceRecord,
} from './records';
import { raiseRowGeneration, RowMap } from './row-map';
import { prepareSchema, upgradeOf } from './schema';
import { mayWrite, NOT_PERMITTED } from './read-only';
import { catalogError, openSqlite, type SqliteDatabase } from './sqlite';
import { Statements } from './statements';

/** File name inside a library's folder. */
export const CATALOG_FILE = 'catalog.sqlite';

/**
 * Opens or creates the catalog of a library's folder. Does not grow with the catalog's size: the full
 * check is `integrityCheck`, run by `verify`.
 *
 * @throws ERR_CATALOG | ERR_FILE_VERSION | ERR_READ_ONLY | ERR_IO
 */
export async function openCatalog(
  dir: string,
  options: { readonly readOnly?: boolean } = {},
): Promise<Catalog> {
  const readOnly = options.readOnly === true;
  const file = path.join(dir, CATALOG_FILE);
  if (readOnly) assertReadable(file);
  else await makeWritable(dir);
  const db = openSqlite(file, readOnly, upgradeOf);
  try {
    prepareSchema(db, readOnly, file);
    return new Catalog(db);
  } catch (error) {
    db.close();
    throw catalogError(error, file);
  }
}

/** SQLite would say of such a file that it cannot be opened, and not why. @throws ERR_IO */
function assertReadable(file: string): void {
  try {
    closeSync(openSync(file, 'r'));
  } catch (cause) {
    throw makeError('ERR_IO', `the catalog ${file} may not be read: ${messageOf(cause)}`, {
      details: { path: file },
      cause,
    });
  }
}

/** @throws ERR_READ_ONLY with the way round, where the system does not let us write */
async function makeWritable(dir: string): Promise<void> {
  const refuse = (target: string, cause?: unknown): never => {
    throw makeError(
      'ERR_READ_ONLY',
      `${target} may not be written: keep the library in another folder, with --library FOLDER on the ` +
        'command line; one that is there already can be searched without writing',
      { details: { path: target }, cause },
    );
  };
  try {
    await mkdir(dir, { recursive: true });
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code ?? '';
    if (NOT_PERMITTED.has(code)) refuse(dir, cause);
    throw makeError('ERR_IO', `${dir} could not be made: ${messageOf(cause)}`, { cause });
  }
  if (!mayWrite(dir)) refuse(dir);
  const file = path.join(dir, CATALOG_FILE);
  if (!mayWrite(file)) refuse(file);
}

/** One connection. Calls are synchronous and short; one writer at a time over all processes. */
export class Catalog {
  private readonly sql: Statements;
  private readonly mediaTable: MediaTable;
  private readonly frameTable: FrameTable;
  private readonly encodingTable: EncodingTable;
  private readonly rowMaps = new Map<string, RowMap>();
  private nextId: number;
  private closed = false;

  constructor(private readonly db: SqliteDatabase) {
    this.sql = new Statements(db);
    this.mediaTable = new MediaTable(this.sql);
    this.frameTable = new FrameTable(this.sql);
    this.encodingTable = new EncodingTable(this.sql);
    this.nextId = Number(this.meta('next_frame_id') ?? 0);
  }

  meta(key: string): string | undefined {
    return this.sql.get('SELECT value FROM meta WHERE key = ?', key)?.value as string | undefined;
  }

  setMeta(key: string, value: string): void {
    this.sql.run(
      'INSERT INTO meta (key, value) VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value',
      key,
      value,
    );
  }

  // --- spaces

  space(name: string): SpaceRecord | undefined {
    const row = this.sql.get('SELECT * FROM spaces WHERE name = ?', name);
    return (
      row && {
        name,
        model: {
          id: row.model_id as string,
          revision: row.revision as string,
          sha256: row.sha256 as string,
          preprocessVersion: Number(row.preprocess_version),
        },
        dim: Number(row.dim),
        committedRows: Number(row.committed_rows),
      }
    );
  }

  /** Makes a space and queues every frame for it. */
  createSpace(name: string, model: ModelIdentity, dim: number): void {
    this.sql.transaction(() => {
      this.sql.run(
        `INSERT INTO spaces (name, model_id, revision, sha256, preprocess_version, dim, committed_rows)
         VALUES (?, ?, ?, ?, ?, ?, 0)`,
        name,
        model.id,
        model.revision,
        model.sha256,
        model.preprocessVersion,
        dim,
      );
      this.sql.run('INSERT INTO pending_frames SELECT ?, frame_id FROM frames', name);
    });
  }

  /** Forgets a space's rows and queues, for a rebuild; frames stay. */
  dropSpace(name: string): void {
    this.sql.transaction(() => {
      const tables = ['frame_rows', 'pending_frames', 'failed_frames', 'graves', 'encodings'];
      for (const table of tables) {
        this.sql.run(`DELETE FROM ${table} WHERE space = ?`, name);
      }
      this.sql.run('DELETE FROM spaces WHERE name = ?', name);
      raiseRowGeneration(this.sql);
    });
  }

  // --- media

  media(): IterableIterator<MediaRow> {
    return this.mediaTable.all();
  }

  mediaById(mediaId: MediaId): MediaRow | undefined {
    return this.mediaTable.byId(mediaId);
  }

  mediaByPath(mediaPath: string): MediaRow | undefined {
    return this.mediaTable.byPath(mediaPath);
  }

  rename(mediaId: MediaId, newPath: string, mtimeMs: number): void {
    this.sql.transaction(() => {
      this.mediaTable.rename(mediaId, newPath, mtimeMs);
      raiseRowGeneration(this.sql);
    });
  }

  /** Takes media files and their frames out; returns the frames that were there. */
  removeMedia(mediaIds: readonly MediaId[]): FrameId[] {
    return this.sql.transaction(() => {
      const buried = mediaIds.flatMap((mediaId) => {
        const frames = this.frameTable.removeOfMedia(mediaId);
        this.mediaTable.remove(mediaId);
        return frames;
      });
      if (buried.length > 0) raiseRowGeneration(this.sql);
      return buried;
    });
  }

  /** Gives back ids that were taken and never recorded, so that ids stay without gaps. */
  beginIngest(): void {
    this.nextId = Number(this.meta('next_frame_id') ?? 0);
  }

  /** The id for the next frame. Taken ids count once a frame with a higher one is recorded. */
  nextFrameId(): FrameId {
    return asFrameId(this.nextId++);
  }

  /** Records what the decoder made of some files, all or nothing; returns frames that were replaced. */
  recordIngested(items: readonly IngestedItem[]): FrameId[] {
    return this.sql.transaction(() => {
      const buried: FrameId[] = [];
      for (const item of items) {
        const keepsOld = item.state === 'pending' && item.frames.length === 0;
        if (item.replaces !== undefined && !keepsOld) {
          buried.push(...this.frameTable.removeOfMedia(item.replaces));
        }
        this.frameTable.add(this.mediaTable.put(item), item.frames);
      }
      const highest = Math.max(-1, ...items.flatMap((item) => item.frames.map((f) => f.frameId)));
      if (highest >= Number(this.meta('next_frame_id') ?? 0)) {
        this.setMeta('next_frame_id', String(highest + 1));
      }
      if (buried.length > 0) raiseRowGeneration(this.sql);
      return buried;
    });
  }

  // --- frames and rows

  frame(frameId: FrameId): FrameRecord | undefined {
    return this.frameTable.byId(frameId);
  }

  frames(): IterableIterator<FrameRecord> {
    return this.frameTable.all();
  }

  framesOfMedia(mediaId: MediaId): FrameId[] {
    return this.frameTable.idsOfMedia(mediaId);
  }

  framesByRows(space: string, rows: readonly Row[]): (FrameRecord | undefined)[] {
    return rows.map((row) => this.frameTable.byRow(space, row));
  }

  rowOfFrame(space: string, frameId: FrameId): Row | undefined {
    return this.frameTable.rowOf(space, frameId);
  }

  /** Ids of up to `limit` frames greater than `after` that wait to be encoded, in order. */
  framesWithoutRow(space: string, after: number, limit: number): FrameId[] {
    return this.frameTable.withoutRow(space, after, limit);
  }

  /**
   * The commit point: from here on the rows count. A media file whose last waiting frame this was
   * becomes `indexed`, or `failed` when none of its frames could be encoded.
   *
   * @param run how the batch was encoded
   * @returns the media files that became final and have frames without an embedding
   */
  recordRows(
    space: string,
    rows: readonly FrameRow[],
    failures: readonly EncodeFailure[],
    committedRows: number,
    run?: EncodeRun,
  ): MediaRow[] {
    return this.sql.transaction(() => {
      const encodingId =
        run !== undefined && rows.length > 0 ? this.encodingTable.add(space, run) : null;
      const troubled: MediaRow[] = [];
      for (const mediaId of this.frameTable.settle(space, rows, failures, encodingId, run)) {
        const { rows: live, failure } = this.frameTable.outcomeOf(space, mediaId);
        this.mediaTable.setState(mediaId, live > 0 ? 'indexed' : 'failed');
        this.mediaTable.setEncodeReason(mediaId, failure);
        const media = failure && this.mediaTable.byId(mediaId);
        if (media !== undefined) troubled.push(media);
      }
      this.sql.run('UPDATE spaces SET committed_rows = ? WHERE name = ?', committedRows, space);
      return troubled;
    });
  }

  /**
   * Queues frames that could not be encoded for another attempt: those that failed less than three
   * times by their own fault, or with `all` every one.
   */
  retryFailedFrames(space: string, all = false): void {
    this.frameTable.retryFailed(space, all);
  }

  /** What spec 003 keeps of a frame's embedding; undefined while the frame waits. */
  embeddingOf(space: string, frameId: FrameId): EmbeddingMetadata | undefined {
    const record = this.space(space);
    return record && this.encodingTable.metadataOf(record, frameId);
  }

  /** The engine has fewer rows than we counted: their frames wait to be encoded again. */
  forgetRows(space: string, firstRow: number): void {
    this.sql.transaction(() => {
      this.frameTable.forgetRows(space, firstRow);
      raiseRowGeneration(this.sql);
      this.sql.run('UPDATE spaces SET committed_rows = ? WHERE name = ?', firstRow, space);
    });
  }

  /** Frames that are gone here and may still have a row in the engine. */
  graves(space: string): FrameId[] {
    return this.sql
      .all('SELECT frame_id FROM graves WHERE space = ? ORDER BY frame_id', space)
      .map((row) => asFrameId(Number(row.frame_id)));
  }

  clearGraves(space: string): void {
    this.sql.run('DELETE FROM graves WHERE space = ?', space);
  }

  /** Does the part of `filterRows` that may take long, without keeping others waiting. */
  prepareFilter(space: string, filter: RowFilter): Promise<void> {
    return this.rowMap(space).prepare(this.space(space)?.committedRows ?? 0, filter);
  }

  /** Bit `row & 7` of byte `row >> 3` is set where the row's media file passes the filter. */
  filterRows(space: string, filter: RowFilter): Uint8Array {
    return this.rowMap(space).bitset(this.space(space)?.committedRows ?? 0, filter);
  }

  private rowMap(space: string): RowMap {
    let map = this.rowMaps.get(space);
    if (map === undefined) this.rowMaps.set(space, (map = new RowMap(this.sql, space)));
    return map;
  }

  // --- the whole

  counts(space: string): CatalogCounts {
    const { states, images, videos } = this.mediaTable.counts();
    const count = (table: string, where = ''): number =>
      Number(
        this.sql.get(`SELECT count(*) AS n FROM ${table} t WHERE space = ? ${where}`, space)?.n ??
          0,
      );
    return {
      media: states,
      images,
      videos,
      frames: count('frame_rows'),
      pendingFrames: count('pending_frames'),
      failedFrames: count(
        'failed_frames',
        `AND NOT EXISTS (SELECT 1 FROM pending_frames p
           WHERE p.space = t.space AND p.frame_id = t.frame_id)`,
      ),
    };
  }

  /**
   * Writes `metadata.jsonl`; see `export-metadata.ts`.
   *
   * @param space whose embeddings are described; left out: frames only
   * @throws ERR_DISK_FULL | ERR_IO
   */
  exportMetadata(file: string, space?: string): Promise<void> {
    const record = space === undefined ? undefined : this.space(space);
    const describe = record && ((id: FrameId) => this.encodingTable.metadataOf(record, id));
    return exportMetadata(this.frameTable.all(), file, describe);
  }

  /** Full check; every finding names the entry, empty when all is well. Grows with the catalog. */
  integrityCheck(): string[] {
    return checkCatalog(this.sql, {
      media: this.mediaTable,
      frames: this.frameTable,
      encodings: this.encodingTable,
    });
  }

  /** Idempotent. */
  close(): void {
    if (this.closed) return;
    this.closed = true;
    this.db.close();
  }
}
