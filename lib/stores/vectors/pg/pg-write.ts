/**
 * Writing: chunks of bounded size, each one transaction that is durable when it returns. Each first updates
 * its line of `sightline_spaces`, which serializes writers of one table.
 */
import { checkDistinct } from '../../../base/arrays';
import { throwIfAborted } from '../../../base/abort';
import { isLibraryError, makeError } from '../../../base/errors';
import { checkNames, readOptions } from '../../../base/options';
import { ADD_OPTIONS, ATTRIBUTES } from '../option-rules';
import { checkKeys, checkVectors, MAX_ROWS, wrongType } from '../checks';
import { quote } from '../identifiers';
import { keysParameter, vectorArrayParameter } from './pg-binary';
import { type PgConnection, type Sql, type SqlRow, type SqlValue } from './pg-connection';
import { checkValue, columnType, jsonOf } from './pg-filter';
import type { TableSpec, TableState } from './schema/pg-schema';
import type { Attributes, StoreAddOptions, StoreKeys } from '../vector-store';

/** Rows and bytes of one statement: memory of both sides stays small and a lost one costs little. */
const CHUNK_ROWS = 1000;
const CHUNK_BYTES = 4 * 1024 * 1024;

export interface WriteJob {
  readonly keys: StoreKeys;
  /** Shape [keys.length, dim]. */
  readonly vectors: Float32Array;
  readonly attributes: readonly Attributes[] | undefined;
  readonly signal: AbortSignal | undefined;
  /** Known keys get the new vector, instead of ERR_KEY_EXISTS. */
  readonly replaces: boolean;
}

/** @throws ERR_ARG_TYPE | ERR_ARG_RANGE | ERR_DIM_MISMATCH | ERR_VECTOR_INVALID | ERR_KEY_EXISTS */
export function writeJob(
  spec: TableSpec,
  vectors: Float32Array,
  given: StoreAddOptions,
  replaces: boolean,
): WriteJob {
  const options = readOptions('options', given, ADD_OPTIONS);
  const keys = checkKeys('keys', options.keys).slice();
  checkDistinct(keys);
  const { attributes, signal } = options;
  if (attributes !== undefined) checkAttributes(spec, attributes, keys.length);
  const shape = { n: keys.length, dim: spec.dim, metric: spec.metric };
  return { keys, vectors: checkVectors('vectors', vectors, shape), attributes, signal, replaces };
}

function checkAttributes(spec: TableSpec, attributes: readonly Attributes[], n: number): void {
  if (!Array.isArray(attributes) || attributes.length !== n)
    throw wrongType('attributes', `an array of ${n} objects, one per key`, attributes);
  for (const [i, one] of attributes.entries()) {
    checkNames(`attributes[${i}]`, one, ATTRIBUTES);
    for (const [name, value] of Object.entries(one.columns ?? {}))
      checkValue(`attributes[${i}].columns.${name}`, value, columnType(spec.columns, name));
  }
}

export interface Written {
  readonly firstRow: number;
  readonly rows: number;
  /** Rows that were not there before. */
  readonly added: number;
}

/** @throws as VectorStore.add; `details.rows` says how many rows are stored */
export async function writeRows(
  connection: PgConnection,
  spec: TableSpec,
  state: TableState,
  job: WriteJob,
): Promise<Written> {
  const n = job.keys.length;
  const size = Math.max(1, Math.min(CHUNK_ROWS, Math.floor(CHUNK_BYTES / (4 * spec.dim))));
  let firstRow = -1;
  let added = 0;
  for (let start = 0; start < n || firstRow < 0; start += size) {
    try {
      throwIfAborted(job.signal);
      const end = Math.min(n, start + size);
      const chunk = await connection.transaction(
        async (sql) => {
          // All rows are taken with the first chunk, so that they have no gaps.
          const first = firstRow < 0 ? await takeRows(sql, spec, state, n) : firstRow;
          const fresh =
            n === 0 ? 0 : await insert(sql, spec, state, job, start, end, first + start);
          await sql(`UPDATE ${state.meta} SET live_rows = live_rows + $2 WHERE table_name = $1`, [
            spec.table,
            fresh,
          ]);
          return { first, fresh };
        },
        { isRepeatable: job.replaces, signal: job.signal },
      );
      firstRow = chunk.first;
      added += chunk.fresh;
    } catch (error) {
      throw withRows(error, Math.max(0, start));
    }
  }
  return { firstRow, rows: n, added };
}

async function takeRows(sql: Sql, spec: TableSpec, state: TableState, n: number): Promise<number> {
  const [row] = await sql(
    `UPDATE ${state.meta} SET next_row = next_row + $2 WHERE table_name = $1 RETURNING next_row`,
    [spec.table, n],
  );
  if (row === undefined)
    throw makeError(
      'ERR_NOT_FOUND',
      `table "${spec.table}" is not recorded any more: open it again`,
    );
  const next = Number(row.next_row);
  if (next > MAX_ROWS)
    throw makeError(
      'ERR_ARG_RANGE',
      `table "${spec.table}" has given out all of its ${MAX_ROWS} rows`,
    );
  return next - n;
}

/** @returns how many keys were new */
async function insert(
  sql: Sql,
  spec: TableSpec,
  state: TableState,
  job: WriteJob,
  start: number,
  end: number,
  firstRow: number,
): Promise<number> {
  const { dim, type } = spec;
  const names = job.attributes === undefined ? [] : Object.keys(spec.columns);
  const part = job.attributes?.slice(start, end);
  const values: SqlValue[] = [
    firstRow,
    keysParameter(job.keys.slice(start, end)),
    vectorArrayParameter(job.vectors.subarray(start * dim, end * dim), dim, state.vectorOid),
  ];
  const arrays = ['$2::bigint[]', `$3::${state.ext}.vector[]`];
  const fields = ['key', 'embedding'];
  for (const name of names) {
    values.push(part?.map((one) => one.columns?.[name] ?? null) ?? []);
    arrays.push(`$${values.length}::${columnType(spec.columns, name)}[]`);
    fields.push(quote(name));
  }
  if (part !== undefined) {
    values.push(
      part.map((one, i) =>
        one.metadata === undefined
          ? null
          : jsonOf(`attributes[${start + i}].metadata`, one.metadata),
      ),
    );
    arrays.push(`$${values.length}::text[]`);
    fields.push('metadata');
  }
  const convert = (field: string): string => {
    if (field === 'embedding' && type === 'halfvec')
      return `u.embedding::${state.ext}.halfvec(${dim})`;
    return field === 'metadata' ? 'u.metadata::jsonb' : `u.${field}`;
  };
  const update = ['"row"', ...fields.slice(1)].map((field) => `${field} = excluded.${field}`);
  const conflict = job.replaces ? `ON CONFLICT (key) DO UPDATE SET ${update.join(', ')}` : '';
  const [counted] = await sql(
    // xmax is 0 in rows that this statement made, and not in those that it changed.
    `WITH written AS (
       INSERT INTO ${state.table} AS t ("row", ${fields.join(', ')})
       SELECT $1::bigint + u.place - 1, ${fields.map(convert).join(', ')}
       FROM unnest(${arrays.join(', ')}) WITH ORDINALITY AS u (${fields.join(', ')}, place)
       ${conflict} RETURNING t.xmax::text = '0' AS is_new)
     SELECT count(*) FILTER (WHERE is_new) AS fresh FROM written`,
    values,
  );
  return Number(counted?.fresh ?? 0);
}

function withRows(error: unknown, rows: number): unknown {
  if (rows === 0 || !isLibraryError(error)) return error;
  return makeError(error.code, `${error.message} (${rows} rows were stored before)`, {
    details: { ...error.details, rows },
    cause: error,
  });
}

/** @returns how many were there */
export function removeRows(
  connection: PgConnection,
  spec: TableSpec,
  state: TableState,
  keys: StoreKeys,
): Promise<number> {
  return deleteWhere(connection, spec, state, 'key = ANY($1::bigint[])', keysParameter(keys));
}

/** Deletes rows from `rowCount` on and gives their numbers out again. @returns how many there were */
export function rollbackRows(
  connection: PgConnection,
  spec: TableSpec,
  state: TableState,
  rowCount: number,
): Promise<number> {
  return rowCount === 0
    ? emptyTable(connection, spec, state)
    : deleteWhere(connection, spec, state, '"row" >= $1', rowCount, rowCount);
}

/** Takes no time whatever the size, where deleting row by row would take every index along. */
function emptyTable(connection: PgConnection, spec: TableSpec, state: TableState): Promise<number> {
  return connection.transaction(
    async (sql) => {
      const [record] = await lockRecord(sql, spec, state);
      await sql(`TRUNCATE ${state.table}`);
      await sql(`UPDATE ${state.meta} SET live_rows = 0, next_row = 0 WHERE table_name = $1`, [
        spec.table,
      ]);
      return Number(record?.live_rows ?? 0);
    },
    { isRepeatable: true },
  );
}

/** Update the line first, as every writer does: another order of locks could deadlock. */
function lockRecord(sql: Sql, spec: TableSpec, state: TableState): Promise<SqlRow[]> {
  return sql(`SELECT live_rows FROM ${state.meta} WHERE table_name = $1 FOR UPDATE`, [spec.table]);
}

function deleteWhere(
  connection: PgConnection,
  spec: TableSpec,
  state: TableState,
  condition: string,
  value: SqlValue,
  nextRow?: number,
): Promise<number> {
  return connection.transaction(
    async (sql) => {
      await lockRecord(sql, spec, state);
      const [counted] = await sql(
        `WITH gone AS (DELETE FROM ${state.table} WHERE ${condition} RETURNING 1)
         SELECT count(*) AS n FROM gone`,
        [value],
      );
      const n = Number(counted?.n ?? 0);
      await sql(
        `UPDATE ${state.meta} SET live_rows = live_rows - $2,
         next_row = least(next_row, coalesce($3::bigint, next_row)) WHERE table_name = $1`,
        [spec.table, n, nextRow ?? null],
      );
      return n;
    },
    { isRepeatable: true },
  );
}
