/**
 * A column of vectors as statements name it: the store's own table and a table of somebody's application
 * are searched and indexed by the same code.
 */
import type { PgvectorVersion, TableSpec, TableState, VectorType } from './pg-schema';

/** Names are checked, or quoted from what the database itself says. */
export interface VectorColumn {
  readonly schemaName: string;
  readonly tableName: string;
  readonly columnName: string;
  /** Quoted, with its schema. */
  readonly table: string;
  /** Quoted. */
  readonly column: string;
  readonly dim: number;
  readonly type: VectorType;
  /** Quoted schema of the extension. */
  readonly ext: string;
  readonly version: PgvectorVersion;
  /** What a search gives of each row, beside its distance; the first decides between equal distances. */
  readonly select: readonly string[];
  /** Names of indexes begin with it. */
  readonly indexPrefix: string;
}

/** That of a store. */
export function storeColumn(spec: TableSpec, state: TableState): VectorColumn {
  return {
    schemaName: spec.schema,
    tableName: spec.table,
    columnName: 'embedding',
    table: state.table,
    column: 'embedding',
    dim: spec.dim,
    type: spec.type,
    ext: state.ext,
    version: state.version,
    select: ['key', '"row"'],
    indexPrefix: spec.table,
  };
}
