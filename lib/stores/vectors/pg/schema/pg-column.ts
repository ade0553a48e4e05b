/**
 * A vector column as statements name it: the same code searches and indexes the store's own table and an
 * application's table.
 */
import type { PgvectorVersion, TableSpec, TableState, VectorType } from './pg-schema';

/** Names are checked, or quoted as the database returned them. */
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
  /** Columns returned for each row, besides its distance; the first breaks ties. */
  readonly select: readonly string[];
  /** Prefix of index names. */
  readonly indexPrefix: string;
}

/** The column of a store. */
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
