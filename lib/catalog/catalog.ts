/** The catalog as the layers above use it: composes the tables and sets transaction boundaries. */
import {
  asFrameId,
  type FrameId,
  type FrameRecord,
  type MediaId,
  type ModelIdentity,
  type Row,
} from '../base/types';
import { checkCatalog } from './check';
import { EncodingTable } from './tables/encoding-table';
import { exportMetadata } from './export-metadata';
import { FormerTable, type Content } from './tables/former-table';
import { FrameTable } from './tables/frame-table';
import type { Home } from './home';
import { MediaTable } from './tables/media-table';
import { markAllMetadata, markMetadata } from './tables/metadata-mark';
import type {
  CatalogCounts,
  EmbeddingMetadata,
  EncodeFailure,
  EncodeRun,
  FormerMedia,
  FrameFailure,
  FrameRow,
  IngestedItem,
  MediaLocation,
  MediaRow,
  RowEpoch,
  RowFilter,
  SpaceRecord,
  SpaceState,
  StoredFrame,
} from './records';
import { framesThatPass, raiseRowGeneration, RowMap } from './tables/row-map';
import { SpaceTable, type NewSpace } from './tables/space-table';
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
    return this.spaceTable.byName(name);
  }

  spaces(): SpaceRecord[] {
    return this.spaceTable.all();
  }

  spaceInState(state: SpaceState): SpaceRecord | undefined {
    return this.spaceTable.inState(state);
  }

  /**
   * Creates a space and queues every frame for it.
   *
   * @returns false if there is one of that name or in that state: another process created it first
   */
  createSpace(name: string, model: ModelIdentity, dim: number, more: NewSpace = {}): boolean {
    return this.sql.transaction(() => {
      const { state = 'active' } = more;
      if (this.space(name) !== undefined || this.spaceInState(state) !== undefined) return false;
      this.spaceTable.add(name, model, dim, more);
      if (state === 'active') markAllMetadata(this.sql);
      return true;
    });
  }

  /** A name that no space has had: of a new folder, a new row epoch. */
  nextSpaceName(): string {
    const number = Number(this.meta('spaces_made') ?? 1) + 1;
    this.setMeta('spaces_made', String(number));
    return `clip-${number}`;
  }

  /** Removes a space with its rows and queues; frames stay. */
  dropSpace(name: string): void {
    this.sql.transaction(() => this.spaceTable.remove(name));
  }

  /** Drops a space's rows, for a rebuild: every frame waits again. */
  emptySpace(name: string): void {
    this.sql.transaction(() => {
      this.spaceTable.empty(name);
      markAllMetadata(this.sql);
    });
  }

  setModelName(space: string, modelName: string): void {
    this.spaceTable.setModelName(space, modelName);
  }

  setVectorTable(space: string, table: string): void {
    this.spaceTable.setVectorTable(space, table);
  }

  /** The space of the former model is filled again, to become the active one. */
  reviveFormerSpace(name: string): void {
    this.spaceTable.setState(name, 'building');
  }

  /**
   * The commit point of a change of the model: from now on searches use the space, and the active one is
   * kept as the former. What media files lack is what they lack in this space.
   *
   * @param name the space being built, or the former one while none is being built
   */
  activateSpace(name: string): void {
    this.sql.transaction(() => {
      const active = this.spaceInState('active');
      if (active?.name === name) return;
      // One step at a time: no two spaces may be in one state.
      if (active !== undefined) {
        const isBack = this.space(name)?.state === 'former';
        this.spaceTable.setState(active.name, isBack ? 'building' : 'former');
        this.spaceTable.setState(name, 'active');
        this.spaceTable.setState(active.name, 'former');
      }
      for (const mediaId of this.frameTable.mediaToSettle(name)) {
        if (this.frameTable.isWaiting(name, mediaId)) this.mediaTable.setState(mediaId, 'pending');
        else this.settleMedia(name, mediaId);
      }
      raiseRowGeneration(this.sql);
      markAllMetadata(this.sql);
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
      if (this.space(space)?.state !== 'active') return [];
      for (const mediaId of settled) {
        const hasFailure = this.settleMedia(space, mediaId);
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
   * What keeps a space from taking the place of the active one although no frame waits: its encoder failed
   * as a whole, or all frames did.
   */
  obstacleOf(space: string): FrameFailure | undefined {
    const { frames } = this.counts(space);
    return (
      this.frameTable.failureOf(space, { ofEncoder: true }) ??
      (frames > 0 ? undefined : this.frameTable.failureOf(space))
    );
  }

  /** None of its frames waits: it is `indexed`, or `failed` if none could be encoded. */
  private settleMedia(space: string, mediaId: MediaId): boolean {
    const { rows, failure } = this.frameTable.outcomeOf(space, mediaId);
    this.mediaTable.setState(mediaId, rows > 0 ? 'indexed' : 'failed');
    this.mediaTable.setEncodeReason(mediaId, failure);
    return failure !== undefined;
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
    const record = this.space(space);
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

  /**
   * How often rows were renumbered. Row numbers of catalog and engine agree if this was equal before and
   * after the engine was opened, and still is.
   */
  rowEpoch(space: string): RowEpoch {
    return this.spaceTable.rowEpoch(space);
  }

  /** Call before the engine renumbers; after a crash `renumber` repairs the catalog. */
  beginRenumbering(space: string): void {
    this.spaceTable.beginRenumbering(space);
  }

  /** Takes over the rows that the engine gave to frames; frames without one wait again. */
  renumber(
    space: string,
    rowOf: (frameId: FrameId) => Row | undefined,
    committedRows: number,
  ): void {
    this.sql.transaction(() => {
      this.frameTable.renumber(space, rowOf);
      this.spaceTable.setCommittedRows(space, committedRows);
      this.spaceTable.raiseRowEpoch(space);
      markAllMetadata(this.sql);
    });
  }

  /** Frames that were removed here and may still have a row in the engine. */
  tombstones(space: string): FrameId[] {
    return this.spaceTable.tombstones(space);
  }

  clearTombstones(space: string): void {
    this.spaceTable.clearTombstones(space);
  }

  /** The slow part of `filterRows`, in steps that let other work run. */
  prepareFilter(space: string, filter: RowFilter): Promise<void> {
    return this.rowMap(space).prepare(this.space(space)?.committedRows ?? 0, filter);
  }

  /** Bit `row & 7` of byte `row >> 3` is set if the row's media file passes the filter. */
  filterRows(space: string, filter: RowFilter): Uint8Array {
    return this.rowMap(space).bitset(this.space(space)?.committedRows ?? 0, filter);
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
   * Updates `metadata.jsonl`; writes nothing when it is up to date. See `export-metadata.ts`.
   *
   * @param space describes the embeddings of this space; undefined: frames only
   * @throws ERR_DISK_FULL | ERR_IO; the next call tries again; ERR_FILE_REPLACED | ERR_FILE_MISSING
   */
  exportMetadata(file: string, space?: string): Promise<void> {
    const record = space === undefined ? undefined : this.space(space);
    return exportMetadata(this.sql, file, record, () => this.home.assertOurs());
  }

  /** Full check; each finding names the entry; empty when all is well. Time grows with the catalog. */
  integrityCheck(): string[] {
    return checkCatalog(this.sql, {
      media: this.mediaTable,
      frames: this.frameTable,
      encodings: this.encodingTable,
      former: this.formerTable,
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
