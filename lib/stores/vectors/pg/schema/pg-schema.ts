/**
 * The tables of a store and their versions. `sightline_spaces` has one line per vector table: its model and
 * dimension, and the number of assigned rows.
 *
 * Every writer updates that line first in its transaction, so that writers of one table are serialized and
 * row numbers have no gaps.
 */
import { makeError } from '../../../../base/errors';
import { quote } from '../../identifiers';
import type { PgConnection, Sql } from '../pg-connection';
import { extensionMissing } from '../pg-errors';
import type { Metric } from '../../vector-store';

export const META_TABLE = 'sightline_spaces';
/** Increment with every change of the tables; see `upgrade`. */
const SCHEMA_VERSION = 1;
/** Advisory lock that serializes table creation ("SLpg"). */
const LOCK = 0x534c7067;

export type ColumnType = 'text' | 'bigint' | 'double precision' | 'boolean';
export type VectorType = 'vector' | 'halfvec';

/** Largest dimension of indexes (pgvector): float32 up to 2000, halves up to 4000. */
export const MAX_VECTOR_DIM = 2000;
export const MAX_HALFVEC_DIM = 4000;

/** The wanted table; all names are checked. */
export interface TableSpec {
  readonly schema: string;
  readonly table: string;
  readonly dim: number;
  readonly metric: Metric;
  readonly type: VectorType;
  readonly model: string;
  readonly columns: Readonly<Record<string, ColumnType>>;
}

/** The table found in the database, and its names in SQL. */
export interface TableState {
  /** Quoted, with its schema. */
  readonly table: string;
  readonly meta: string;
  /** Quoted schema of the extension: its types and operators may lie outside the search path. */
  readonly ext: string;
  readonly vectorOid: number;
  readonly version: PgvectorVersion;
}

export interface PgvectorVersion {
  readonly text: string;
  /** 0.8 and later continue a search until enough rows pass the filter. */
  readonly hasIterativeScan: boolean;
  readonly hasHalfvec: boolean;
}

/**
 * Creates missing extension, tables and columns, and checks existing ones. Idempotent, also when run by
 * several processes at once.
 *
 * @throws ERR_STORE_EXTENSION | ERR_MODEL_MISMATCH | ERR_DIM_MISMATCH | ERR_FILE_VERSION |
 *   ERR_STORE_DENIED and the rest of ERR_STORE_*
 */
export async function ensureTable(connection: PgConnection, spec: TableSpec): Promise<TableState> {
  await ensureExtension(connection);
  return connection.transaction(
    async (sql) => {
      await sql('SELECT pg_advisory_xact_lock($1)', [LOCK]);
      const state = await readState(sql, connection.where, spec);
      await sql(`CREATE TABLE IF NOT EXISTS ${state.meta} (
        table_name text PRIMARY KEY,
        version integer NOT NULL,
        model text NOT NULL,
        dim integer NOT NULL,
        metric text NOT NULL,
        type text NOT NULL,
        next_row bigint NOT NULL,
        live_rows bigint NOT NULL,
        created_at timestamptz NOT NULL DEFAULT now())`);
      if (!(await isRecorded(sql, state, connection.where, spec))) {
        await createTable(sql, state, spec);
      }
      for (const [name, type] of Object.entries(spec.columns)) {
        await sql(`ALTER TABLE ${state.table} ADD COLUMN IF NOT EXISTS ${quote(name)} ${type}`);
      }
      return state;
    },
    { isRepeatable: true },
  );
}

/** For readers: checks, creates nothing. @throws as ensureTable, and ERR_NOT_FOUND */
export function findTable(connection: PgConnection, spec: TableSpec): Promise<TableState> {
  return connection.transaction(
    async (sql) => {
      const state = await readState(sql, connection.where, spec);
      if (await isRecorded(sql, state, connection.where, spec)) return state;
      throw makeError(
        'ERR_NOT_FOUND',
        `${connection.where} has no vectors in table "${spec.table}": open it for writing once`,
        { details: { table: spec.table } },
      );
    },
    { readOnly: true },
  );
}

async function ensureExtension(connection: PgConnection): Promise<void> {
  const present = `SELECT 1 FROM pg_extension WHERE extname = 'vector'`;
  const found = await connection.transaction((sql) => sql(present), { readOnly: true });
  if (found.length > 0) return;
  try {
    await connection.transaction((sql) => sql('CREATE EXTENSION IF NOT EXISTS vector'), {
      isRepeatable: true,
    });
  } catch (error) {
    const { code, details } = error as { code?: string; details?: { state?: string } };
    // Another process created it at the same moment.
    if (details?.state === '23505' || code === 'ERR_KEY_EXISTS') return;
    if (code === 'ERR_STORE_UNAVAILABLE' || code === 'ERR_TIMEOUT' || code === 'ERR_CLOSED')
      throw error;
    const why =
      code === 'ERR_STORE_DENIED'
        ? 'this user may not create the extension'
        : 'it is not installed';
    throw extensionMissing(connection.where, why, error);
  }
}

/** The extension as statements name it. @throws ERR_STORE_EXTENSION where it is absent or too old */
export async function readExtension(
  sql: Sql,
  where: string,
): Promise<Pick<TableState, 'ext' | 'vectorOid' | 'version'>> {
  const [found] = await sql(
    `SELECT e.extversion, n.nspname, t.oid::bigint AS oid
     FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace
     JOIN pg_type t ON t.typnamespace = n.oid AND t.typname = 'vector'
     WHERE e.extname = 'vector'`,
  );
  if (found === undefined) throw extensionMissing(where, 'the extension is not created');
  const version = readVersion(found.extversion as string);
  if (version === undefined)
    throw extensionMissing(where, `version ${String(found.extversion)} is older than 0.5`);
  return { ext: quote(found.nspname as string), vectorOid: Number(found.oid), version };
}

async function readState(sql: Sql, where: string, spec: TableSpec): Promise<TableState> {
  const extension = await readExtension(sql, where);
  if (spec.type === 'halfvec' && !extension.version.hasHalfvec)
    throw extensionMissing(where, `${spec.dim} dimensions need halfvec, which came with 0.7`);
  return {
    table: `${quote(spec.schema)}.${quote(spec.table)}`,
    meta: `${quote(spec.schema)}.${quote(META_TABLE)}`,
    ...extension,
  };
}

/** undefined for what has no HNSW (before 0.5). */
export function readVersion(text: string): PgvectorVersion | undefined {
  const [major = 0, minor = 0] = text.split('.').map(Number);
  const number = major * 1000 + minor;
  if (!(number >= 5)) return undefined;
  return { text, hasIterativeScan: number >= 8, hasHalfvec: number >= 7 };
}

/** False if the table is not recorded yet. @throws if it holds something else */
async function isRecorded(
  sql: Sql,
  { meta }: TableState,
  where: string,
  spec: TableSpec,
): Promise<boolean> {
  const exists = await sql('SELECT to_regclass($1) IS NOT NULL AS yes', [meta]);
  if (exists[0]?.yes !== true) return false;
  const [row] = await sql(`SELECT * FROM ${meta} WHERE table_name = $1`, [spec.table]);
  if (row === undefined) return false;
  const what = `table "${spec.table}" at ${where}`;
  if (Number(row.version) > SCHEMA_VERSION) {
    throw makeError(
      'ERR_FILE_VERSION',
      `${what} has version ${Number(row.version)}, this Sightline knows up to ${SCHEMA_VERSION}: use a newer one`,
    );
  }
  if (Number(row.dim) !== spec.dim) {
    throw makeError(
      'ERR_DIM_MISMATCH',
      `${what} holds vectors of ${Number(row.dim)} values, not of ${spec.dim}: use another table, or the model it was made with`,
      { details: { expected: Number(row.dim), received: spec.dim } },
    );
  }
  if (row.model !== spec.model || row.metric !== spec.metric || row.type !== spec.type) {
    throw makeError(
      'ERR_MODEL_MISMATCH',
      `${what} holds vectors of model "${String(row.model)}" (${String(row.metric)}, ${String(row.type)}), not of ` +
        `"${spec.model}" (${spec.metric}, ${spec.type}): use that model, or another table`,
      { details: { table: spec.table, recorded: row.model, given: spec.model } },
    );
  }
  return true;
}

async function createTable(sql: Sql, state: TableState, spec: TableSpec): Promise<void> {
  const taken = await sql('SELECT to_regclass($1) IS NOT NULL AS yes', [state.table]);
  if (taken[0]?.yes === true) {
    throw makeError(
      'ERR_FILE_EXISTS',
      `there is a table "${spec.table}" already that this program did not make: give another name`,
      { details: { table: spec.table } },
    );
  }
  // Not `bigserial`: rows are assigned in blocks and must have no gaps.
  await sql(`CREATE TABLE ${state.table} (
    key bigint PRIMARY KEY,
    "row" bigint NOT NULL,
    embedding ${state.ext}.${spec.type}(${spec.dim}) NOT NULL,
    metadata jsonb)`);
  await sql(`CREATE UNIQUE INDEX ${quote(`${spec.table}_row`)} ON ${state.table} ("row")`);
  await sql(
    `INSERT INTO ${state.meta} (table_name, version, model, dim, metric, type, next_row, live_rows)
     VALUES ($1, $2, $3, $4, $5, $6, 0, 0)`,
    [spec.table, SCHEMA_VERSION, spec.model, spec.dim, spec.metric, spec.type],
  );
}
