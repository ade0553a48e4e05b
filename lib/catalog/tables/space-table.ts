/** Spaces: the model, state, committed rows and row epoch of each. */
import { asFrameId, type FrameId, type ModelIdentity } from '../../base/types';
import type { CatalogCounts, RowEpoch, SpaceRecord, SpaceState } from '../records';
import { raiseRowGeneration } from './row-map';
import type { SqlRow } from '../sqlite/sqlite';
import type { Statements } from '../sqlite/statements';

/** Tables with rows per space. Tombstones are stored in `graves`. */
const TABLES = ['frame_rows', 'pending_frames', 'failed_frames', 'graves', 'encodings'];

/** Keys and values of the `meta` table. */
interface Entries {
  meta(key: string): string | undefined;
  setMeta(key: string, value: string): void;
}

export interface NewSpace {
  /** Default `active`. */
  readonly state?: SpaceState;
  /** Default: the model's id. */
  readonly modelName?: string;
}

const toSpace = (row: SqlRow): SpaceRecord => ({
  name: row.name as string,
  state: row.state as SpaceState,
  modality: row.modality as 'image',
  metric: row.metric as 'cosine',
  model: {
    id: row.model_id as string,
    revision: row.revision as string,
    sha256: row.sha256 as string,
    preprocessVersion: Number(row.preprocess_version),
  },
  modelName: row.model_name as string,
  vectorTable: (row.vector_table ?? undefined) as string | undefined,
  dim: Number(row.dim),
  committedRows: Number(row.committed_rows),
});

export class SpaceTable {
  constructor(
    private readonly sql: Statements,
    private readonly entries: Entries,
  ) {}

  byName(name: string): SpaceRecord | undefined {
    const row = this.sql.get('SELECT * FROM spaces WHERE name = ?', name);
    return row && toSpace(row);
  }

  inState(state: SpaceState): SpaceRecord | undefined {
    const query = "SELECT * FROM spaces WHERE modality = 'image' AND state = ?";
    const row = this.sql.get(query, state);
    return row && toSpace(row);
  }

  all(): SpaceRecord[] {
    return this.sql.all('SELECT * FROM spaces ORDER BY name').map(toSpace);
  }

  /** Every frame waits for it. */
  add(name: string, model: ModelIdentity, dim: number, more: NewSpace): void {
    this.sql.run(
      `INSERT INTO spaces (name, state, model_name, model_id, revision, sha256, preprocess_version,
         dim, committed_rows) VALUES (?, ?, ?, ?, ?, ?, ?, ?, 0)`,
      name,
      more.state ?? 'active',
      more.modelName ?? model.id,
      model.id,
      model.revision,
      model.sha256,
      model.preprocessVersion,
      dim,
    );
    this.enqueueAll(name);
  }

  remove(name: string): void {
    for (const table of TABLES) this.sql.run(`DELETE FROM ${table} WHERE space = ?`, name);
    this.sql.run('DELETE FROM spaces WHERE name = ?', name);
    this.raiseRowEpoch(name);
  }

  /** Removes rows and failures; every frame waits again. */
  empty(name: string): void {
    for (const table of TABLES) this.sql.run(`DELETE FROM ${table} WHERE space = ?`, name);
    this.setCommittedRows(name, 0);
    this.enqueueAll(name);
    this.raiseRowEpoch(name);
  }

  private enqueueAll(name: string): void {
    this.sql.run('INSERT INTO pending_frames SELECT ?, frame_id FROM frames', name);
  }

  /** No other space may have the state. */
  setState(name: string, state: SpaceState): void {
    this.sql.run('UPDATE spaces SET state = ? WHERE name = ?', state, name);
  }

  setModelName(name: string, modelName: string): void {
    this.sql.run('UPDATE spaces SET model_name = ? WHERE name = ?', modelName, name);
  }

  setVectorTable(name: string, table: string): void {
    this.sql.run('UPDATE spaces SET vector_table = ? WHERE name = ?', table, name);
  }

  setCommittedRows(name: string, rows: number): void {
    this.sql.run('UPDATE spaces SET committed_rows = ? WHERE name = ?', rows, name);
  }

  rowEpoch(name: string): RowEpoch {
    const value = this.entries.meta(epochOf(name)) ?? '0';
    return { number: Number.parseInt(value), isSettled: !value.endsWith('+') };
  }

  beginRenumbering(name: string): void {
    this.entries.setMeta(epochOf(name), `${this.rowEpoch(name).number}+`);
  }

  raiseRowEpoch(name: string): void {
    this.entries.setMeta(epochOf(name), String(this.rowEpoch(name).number + 1));
    raiseRowGeneration(this.sql);
  }

  tombstones(name: string): FrameId[] {
    return this.sql
      .all('SELECT frame_id FROM graves WHERE space = ? ORDER BY frame_id', name)
      .map((row) => asFrameId(Number(row.frame_id)));
  }

  clearTombstones(name: string): void {
    this.sql.run('DELETE FROM graves WHERE space = ?', name);
  }

  counts(space: string): Pick<CatalogCounts, 'frames' | 'pendingFrames' | 'failedFrames'> {
    const count = (table: string, where = ''): number => {
      const query = `SELECT count(*) AS n FROM ${table} t WHERE space = ? ${where}`;
      return Number(this.sql.get(query, space)?.n ?? 0);
    };
    return {
      frames: count('frame_rows'),
      pendingFrames: count('pending_frames'),
      failedFrames: count(
        'failed_frames',
        `AND NOT EXISTS (SELECT 1 FROM pending_frames p
           WHERE p.space = t.space AND p.frame_id = t.frame_id)`,
      ),
    };
  }
}

const epochOf = (name: string): string => `row_epoch:${name}`;
