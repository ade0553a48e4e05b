/**
 * The spaces of a catalog: which answers searches, which is being filled, how rows are numbered in each. Sets
 * the boundaries of their transactions.
 */
import type { FrameId, MediaId, ModelIdentity, Row } from '../base/types';
import type { FrameFailure, RowEpoch, SpaceRecord, SpaceState } from './records';
import type { Statements } from './sqlite/statements';
import type { FrameTable } from './tables/frame-table';
import type { MediaTable } from './tables/media-table';
import { markAllMetadata } from './tables/metadata-mark';
import { raiseRowGeneration } from './tables/row-map';
import type { NewSpace, SpaceTable } from './tables/space-table';

/** Entries of the catalog's `meta` table. */
interface MetaEntries {
  meta(key: string): string | undefined;
  setMeta(key: string, value: string): void;
}

export class Spaces {
  constructor(
    private readonly sql: Statements,
    private readonly meta: MetaEntries,
    private readonly table: SpaceTable,
    private readonly media: MediaTable,
    private readonly frames: FrameTable,
  ) {}

  byName(name: string): SpaceRecord | undefined {
    return this.table.byName(name);
  }

  all(): SpaceRecord[] {
    return this.table.all();
  }

  inState(state: SpaceState): SpaceRecord | undefined {
    return this.table.inState(state);
  }

  /**
   * Creates a space and queues every frame for it.
   *
   * @returns false if there is one of that name or in that state: another process created it first
   */
  create(name: string, model: ModelIdentity, dim: number, more: NewSpace = {}): boolean {
    return this.sql.transaction(() => {
      const { state = 'active' } = more;
      if (this.byName(name) !== undefined || this.inState(state) !== undefined) return false;
      this.table.add(name, model, dim, more);
      if (state === 'active') markAllMetadata(this.sql);
      return true;
    });
  }

  /** A name that no space has had: of a new folder, a new row epoch. */
  nextName(): string {
    const number = Number(this.meta.meta('spaces_made') ?? 1) + 1;
    this.meta.setMeta('spaces_made', String(number));
    return `clip-${number}`;
  }

  /** Removes a space with its rows and queues; frames stay. */
  drop(name: string): void {
    this.sql.transaction(() => this.table.remove(name));
  }

  /** Drops a space's rows, for a rebuild: every frame waits again. */
  empty(name: string): void {
    this.sql.transaction(() => {
      this.table.empty(name);
      markAllMetadata(this.sql);
    });
  }

  setModelName(space: string, modelName: string): void {
    this.table.setModelName(space, modelName);
  }

  setVectorTable(space: string, table: string): void {
    this.table.setVectorTable(space, table);
  }

  /** The space of the former model is filled again, to become the active one. */
  reviveFormer(name: string): void {
    this.table.setState(name, 'building');
  }

  /**
   * The commit point of a change of the model: from now on searches use the space, and the active one is
   * kept as the former. What media files lack is what they lack in this space.
   *
   * @param name the space being built, or the former one while none is being built
   */
  activate(name: string): void {
    this.sql.transaction(() => {
      const active = this.inState('active');
      if (active?.name === name) return;
      // One step at a time: no two spaces may be in one state.
      if (active !== undefined) {
        const isBack = this.byName(name)?.state === 'former';
        this.table.setState(active.name, isBack ? 'building' : 'former');
        this.table.setState(name, 'active');
        this.table.setState(active.name, 'former');
      }
      for (const mediaId of this.frames.mediaToSettle(name)) {
        if (this.frames.isWaiting(name, mediaId)) this.media.setState(mediaId, 'pending');
        else this.settleMedia(name, mediaId);
      }
      raiseRowGeneration(this.sql);
      markAllMetadata(this.sql);
    });
  }

  /**
   * How often rows were renumbered. Row numbers of catalog and engine agree if this was equal before and
   * after the engine was opened, and still is.
   */
  rowEpoch(space: string): RowEpoch {
    return this.table.rowEpoch(space);
  }

  /** Call before the engine renumbers; after a crash `renumber` repairs the catalog. */
  beginRenumbering(space: string): void {
    this.table.beginRenumbering(space);
  }

  /** Takes over the rows that the engine gave to frames; frames without one wait again. */
  renumber(
    space: string,
    rowOf: (frameId: FrameId) => Row | undefined,
    committedRows: number,
  ): void {
    this.sql.transaction(() => {
      this.frames.renumber(space, rowOf);
      this.table.setCommittedRows(space, committedRows);
      this.table.raiseRowEpoch(space);
      markAllMetadata(this.sql);
    });
  }

  /** Frames that were removed here and may still have a row in the engine. */
  tombstones(space: string): FrameId[] {
    return this.table.tombstones(space);
  }

  clearTombstones(space: string): void {
    this.table.clearTombstones(space);
  }

  /**
   * What keeps a space from taking the place of the active one although no frame waits: its encoder failed
   * as a whole, or all frames did.
   */
  obstacleOf(space: string): FrameFailure | undefined {
    return (
      this.frames.failureOf(space, { ofEncoder: true }) ??
      (this.frames.hasRows(space) ? undefined : this.frames.failureOf(space))
    );
  }

  /** None of its frames waits: it is `indexed`, or `failed` if none could be encoded. */
  settleMedia(space: string, mediaId: MediaId): boolean {
    const { rows, failure } = this.frames.outcomeOf(space, mediaId);
    this.media.setState(mediaId, rows > 0 ? 'indexed' : 'failed');
    this.media.setEncodeReason(mediaId, failure);
    return failure !== undefined;
  }
}
