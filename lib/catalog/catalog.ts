/** The catalog as the layers above use it: composes the tables and sets transaction boundaries. */
import { asFrameId, type FrameId, type FrameRecord, type MediaId, type Row } from '../base/types';
import { checkCatalog } from './check';
import { EncodingTable } from './tables/encoding-table';
import { exportMetadata } from './export-metadata';
import { ExrTable } from './tables/exr-table';
import { FormerTable, type Content } from './tables/former-table';
import { FrameTable } from './tables/frame-table';
import type { Home } from './home';
import { MediaTable } from './tables/media-table';
import { markMetadata } from './tables/metadata-mark';
import type {
  CatalogCounts,
  EmbeddingMetadata,
  EncodeFailure,
  EncodeRun,
  FormerMedia,
  FrameRow,
  IngestedItem,
  MediaLocation,
  MediaRow,
  RowFilter,
  StoredFrame,
} from './records';
import { framesThatPass, raiseRowGeneration, RowMap } from './tables/row-map';
import { Spaces } from './spaces';
import { SpaceTable } from './tables/space-table';
import type { SqliteDatabase } from './sqlite/sqlite';
import { Statements } from './sqlite/statements';

/** Length of SQLite's log that is worth a checkpoint: what SQLite takes by default. */
const CHECKPOINT_BYTES = 1000 * 4096;

/** One connection. Calls are synchronous and short; one writer at a time across all processes. */
export class Catalog {
  private readonly sql: Statements;
  private readonly spaceTable: SpaceTable;
  private readonly mediaTable: MediaTable;
  private readonly frameTable: FrameTable;
  private readonly encodingTable: EncodingTable;
  private readonly formerTable: FormerTable;
  private readonly rowMaps = new Map<string, RowMap>();
  readonly spaces: Spaces;
  readonly exr: ExrTable;
  private nextId: number;
  private closed = false;

  /** @param home  the files that were opened; checked before writes */
  constructor(
    private readonly db: SqliteDatabase,
    readonly home: Home,
  ) {
    this.sql = new Statements(db, {
      beforeWrite: () => home.assertOurs(),
      afterCommit: () => this.checkpoint(),
      afterRead: () => home.assertUnchanged(),
    });
    this.spaceTable = new SpaceTable(this.sql, this);
    this.mediaTable = new MediaTable(this.sql);
    this.frameTable = new FrameTable(this.sql);
    this.encodingTable = new EncodingTable(this.sql);
    this.formerTable = new FormerTable(this.sql);
    this.exr = new ExrTable(this.sql);
    const { sql, spaceTable, mediaTable, frameTable } = this;
    this.spaces = new Spaces(sql, this, spaceTable, mediaTable, frameTable);
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

  /**
   * Records the new path or times of files whose bytes have not changed: moved, swapped or touched. Frames
   * and vectors stay.
   */
  relocate(
    files: readonly { readonly mediaId: MediaId; readonly location: MediaLocation }[],
  ): void {
    this.sql.transaction(() => {
      const before = files.map(({ mediaId }) => this.mediaTable.byId(mediaId)?.path);
      const moved = files.filter(({ location }, i) => before[i] !== location.path);
      // Two files may have swapped their names: every moved file gets a temporary path before any gets its
      // new one. No real path begins with a slash; a NUL would end the text in Node 22's SQLite.
      for (const { mediaId, location } of moved) {
        this.mediaTable.setLocation(mediaId, { ...location, path: `/${mediaId}` });
      }
      for (const { mediaId, location } of files) this.mediaTable.setLocation(mediaId, location);
      if (moved.length > 0) raiseRowGeneration(this.sql);
    });
  }

  /** The next sync decodes these unchanged files again; ids stay. */
  markForDecoding(mediaIds: readonly MediaId[]): void {
    this.sql.transaction(() => {
      for (const mediaId of mediaIds) this.mediaTable.setNeedsDecoding(mediaId);
    });
  }

  /** Removes media files and their frames; returns the removed frames. */
  removeMedia(mediaIds: readonly MediaId[]): FrameId[] {
    return this.sql.transaction(() => {
      const buried = mediaIds.flatMap((mediaId) => {
        const frames = this.forget(mediaId, new Set());
        this.mediaTable.remove(mediaId);
        return frames;
      });
      if (buried.length > 0) raiseRowGeneration(this.sql);
      markMetadata(this.sql, buried);
      return buried;
    });
  }

  /** Removes frames and remembers their ids, in case the same bytes come back. */
  private forget(mediaId: MediaId, but: ReadonlySet<FrameId>): FrameId[] {
    const row = this.mediaTable.byId(mediaId);
    const ids = this.frameTable.storedOfMedia(mediaId).map(({ frameId }) => frameId);
    const isAll = ids.length > 0 && !ids.some((id) => but.has(id));
    if (isAll && row !== undefined && row.contentHash !== null && row.sampling !== null) {
      const { contentHash, sampling } = row;
      this.formerTable.add(mediaId, { contentHash, sampling }, ids);
    }
    return this.frameTable.removeOfMedia(mediaId, but);
  }

  /** The ids of a forgotten file with these bytes; each is returned once. */
  takeFormer(content: Content): FormerMedia | undefined {
    return this.formerTable.take(content);
  }

  /** Returns ids that were taken and never recorded, so that ids have no gaps. */
  beginIngest(): void {
    this.nextId = Number(this.meta('next_frame_id') ?? 0);
    this.formerTable.reset();
  }

  /** The id for the next frame. A taken id is final once a frame with it or a higher one is recorded. */
  nextFrameId(): FrameId {
    return asFrameId(this.nextId++);
  }

  /** Records decoded files, all or nothing; returns the frames that were replaced. */
  recordIngested(items: readonly IngestedItem[]): FrameId[] {
    return this.sql.transaction(() => {
      const buried: FrameId[] = [];
      const said: FrameId[] = [];
      for (const item of items) {
        const isLater = item.state === 'pending' && item.frames.length === 0;
        const keepsOld = isLater || item.keepsFrames === true;
        if (item.replaces !== undefined && !keepsOld) {
          const kept = item.frames.filter((frame) => frame.kept !== undefined);
          buried.push(...this.forget(item.replaces, new Set(kept.map((frame) => frame.frameId))));
        }
        if (item.former !== undefined) this.formerTable.remove(item.former);
        const mediaId = this.mediaTable.put(item);
        this.frameTable.put(mediaId, item.frames);
        if (item.state === 'indexed' && this.frameTable.hasWaiting(mediaId))
          this.mediaTable.setState(mediaId, 'pending');
        said.push(...item.frames.map((frame) => frame.frameId));
      }
      const highest = Math.max(-1, ...items.flatMap((item) => item.frames.map((f) => f.frameId)));
      if (highest >= Number(this.meta('next_frame_id') ?? 0)) {
        this.setMeta('next_frame_id', String(highest + 1));
      }
      if (buried.length > 0) raiseRowGeneration(this.sql);
      markMetadata(this.sql, [...buried, ...said]);
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

  /** Searchable frames of a space; undefined for other ids. */
  framesInSpace(space: string, frameIds: readonly FrameId[]): (FrameRecord | undefined)[] {
    return frameIds.map((frameId) => this.frameTable.inSpace(space, frameId));
  }

  /** All searchable frames of a space. */
  framesOfSpace(space: string): FrameId[] {
    return this.frameTable.idsInSpace(space);
  }

  frameCount(): number {
    return Number(this.sql.get('SELECT count(*) AS n FROM frames')?.n);
  }

  rowOfFrame(space: string, frameId: FrameId): Row | undefined {
    return this.frameTable.rowOf(space, frameId);
  }

  /** Frames of a media file with the checksums of their pictures, by time. */
  storedFrames(mediaId: MediaId): StoredFrame[] {
    return this.frameTable.storedOfMedia(mediaId);
  }

  /** CRC-32 of a frame's stored picture; null where an older version recorded none. */
  frameCrc(frameId: FrameId): number | null {
    return this.frameTable.crcOf(frameId);
  }

  /**
   * Ids of up to `limit` frames waiting to be encoded, in order.
   *
   * @param isDecoding  leaves out frames of files that are about to be decoded again
   */
  framesWithoutRow(space: string, limit: number, isDecoding = false): FrameId[] {
    return this.frameTable.waiting(space, limit, isDecoding);
  }

  /**
   * The commit point: makes the rows count. When this was the last waiting frame of a media file, the file
   * becomes `indexed`, or `failed` if none of its frames could be encoded.
   *
   * @param run how the batch was encoded
   * @returns media files that became final and have frames without an embedding
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
      // A renewed frame changes its row and a failed one loses it: not only an append.
      if (
        [...rows, ...failures].some(({ frameId }) => this.rowOfFrame(space, frameId) !== undefined)
      )
        raiseRowGeneration(this.sql);
      const settled = this.frameTable.settle(space, rows, failures, encodingId, run);
      this.spaceTable.setCommittedRows(space, committedRows);
      // The states of media files are those of the active space.
      if (this.spaces.byName(space)?.state !== 'active') return [];
      for (const mediaId of settled) {
        const hasFailure = this.spaces.settleMedia(space, mediaId);
        const media = hasFailure ? this.mediaTable.byId(mediaId) : undefined;
        if (media !== undefined) troubled.push(media);
      }
      markMetadata(
        this.sql,
        [...rows, ...failures].map(({ frameId }) => frameId),
      );
      return troubled;
    });
  }

  /**
   * Requeues frames that could not be encoded: those that failed less than three times by their own fault,
   * or with `all` every one.
   */
  retryFailedFrames(space: string, all = false): void {
    this.frameTable.retryFailed(space, all);
  }

  /** The embedding metadata of spec 003; undefined while the frame waits. */
  embeddingOf(space: string, frameId: FrameId): EmbeddingMetadata | undefined {
    const record = this.spaces.byName(space);
    return record && this.encodingTable.metadataOf(record, frameId);
  }

  /** For frames whose vectors are lost: they wait to be encoded again. */
  requeue(space: string, frameIds: readonly FrameId[]): void {
    this.sql.transaction(() => {
      this.frameTable.requeue(space, frameIds);
      raiseRowGeneration(this.sql);
      markMetadata(this.sql, frameIds);
    });
  }

  /** The slow part of `filterRows`, in steps that let other work run. */
  prepareFilter(space: string, filter: RowFilter): Promise<void> {
    return this.rowMap(space).prepare(this.spaces.byName(space)?.committedRows ?? 0, filter);
  }

  /** Bit `row & 7` of byte `row >> 3` is set if the row's media file passes the filter. */
  filterRows(space: string, filter: RowFilter): Uint8Array {
    return this.rowMap(space).bitset(this.spaces.byName(space)?.committedRows ?? 0, filter);
  }

  private rowMap(space: string): RowMap {
    let map = this.rowMaps.get(space);
    if (map === undefined) this.rowMaps.set(space, (map = new RowMap(this.sql, space)));
    return map;
  }

  /** The same as frame ids: slower, but also right while engine and catalog number rows differently. */
  filterFrames(space: string, filter: RowFilter): number[] {
    return framesThatPass(this.sql, space, filter);
  }

  // --- the whole

  counts(space: string): CatalogCounts {
    const { states: media, images, videos } = this.mediaTable.counts();
    return { media, images, videos, ...this.spaceTable.counts(space) };
  }

  /**
   * Updates `metadata.jsonl`; writes nothing when it is up to date. See `export-metadata.ts`.
   *
   * @param space describes the embeddings of this space; undefined: frames only
   * @throws ERR_DISK_FULL | ERR_IO; the next call tries again; ERR_FILE_REPLACED | ERR_FILE_MISSING
   */
  exportMetadata(file: string, space?: string): Promise<void> {
    const record = space === undefined ? undefined : this.spaces.byName(space);
    return exportMetadata(this.sql, file, record, () => this.home.assertOurs());
  }

  /** Full check; each finding names the entry; empty when all is well. Time grows with the catalog. */
  integrityCheck(): string[] {
    return checkCatalog(this.sql, {
      media: this.mediaTable,
      frames: this.frameTable,
      encodings: this.encodingTable,
      former: this.formerTable,
      exr: this.exr,
    });
  }

  /** Changes after a write by another connection. */
  foreignVersion(): number {
    return Number(this.sql.get('PRAGMA data_version')?.data_version);
  }

  /** Frees pages emptied by removals, if there are many. */
  shrink(): void {
    const pages = Number(this.sql.get('PRAGMA page_count')?.page_count);
    const free = Number(this.sql.get('PRAGMA freelist_count')?.freelist_count);
    if (free >= 256 && free >= pages / 4) this.sql.run('VACUUM');
  }

  /**
   * Moves a long log into the catalog file. SQLite does so by itself, but then nobody could tell its writes to
   * that file from those of others. What a reader holds back is left to the next time.
   */
  private checkpoint(): void {
    if (this.home.logBytes < CHECKPOINT_BYTES) return;
    // The next write says why.
    if (this.home.isOverwritten) return;
    try {
      this.db.exec('PRAGMA busy_timeout=0; PRAGMA wal_checkpoint(TRUNCATE);');
    } catch {
      // The commit stands, in the log; a disk that is full or broken says so at the next write.
    } finally {
      this.home.checkpointed();
      this.db.exec('PRAGMA busy_timeout=5000');
    }
  }

  /** Idempotent. */
  close(): void {
    if (this.closed) return;
    this.closed = true;
    if (this.home.isOverwritten) this.home.emptyLog();
    this.db.close();
  }
}
