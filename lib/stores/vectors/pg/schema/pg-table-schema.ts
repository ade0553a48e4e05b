/**
 * Describes an application's table. Changes nothing that the caller did not ask for; statements use the
 * names that the database returned, quoted.
 */
import { makeError } from '../../../../base/errors';
import { checkInteger, checkText, outOfRange } from '../../checks';
import { quote } from '../../identifiers';
import type { VectorColumn } from './pg-column';
import type { PgConnection, Sql } from '../pg-connection';
import { MAX_HALFVEC_DIM, MAX_VECTOR_DIM, readExtension, type VectorType } from './pg-schema';

/** Names as given by the application. */
export interface TableNames {
  readonly schema: string;
  readonly table: string;
  readonly idColumn: string;
  readonly embeddingColumn: string;
  /** Dimension of the column, where the table does not state it, or to add the column. */
  readonly dim: number | undefined;
  /** Columns of results; undefined: all but vectors. */
  readonly columns: readonly string[] | undefined;
  readonly addColumn: boolean;
}

export interface ApplicationTable {
  readonly target: VectorColumn;
  readonly vectorOid: number;
  /** By name, the type as SQL writes it. */
  readonly types: ReadonlyMap<string, string>;
}

const VECTOR_TYPES = /^(?:.*\.)?"?(vector|halfvec|sparsevec)"?(?:\((\d+)\))?$/;
/** PostgreSQL truncates longer names silently; our suffixes need some of the 63 bytes. */
const MAX_PREFIX = 48;

/** @throws ERR_ARG_* | ERR_NOT_FOUND | ERR_DIM_MISMATCH | ERR_STORE_EXTENSION | ERR_STORE_* */
export function readTable(connection: PgConnection, names: TableNames): Promise<ApplicationTable> {
  for (const [name, value] of Object.entries(names))
    if (typeof value === 'string') checkText(name, value);
  if (names.dim !== undefined) checkInteger('dim', names.dim, 1, MAX_HALFVEC_DIM);
  return connection.transaction(
    async (sql) => {
      const extension = await readExtension(sql, connection.where);
      let types = await readColumns(sql, connection.where, names);
      if (!types.has(names.embeddingColumn) && names.addColumn) {
        await addColumn(sql, names, extension.ext);
        types = await readColumns(sql, connection.where, names);
      }
      return describe(names, types, extension, connection.where);
    },
    { readOnly: !names.addColumn, isRepeatable: true },
  );
}

type Extension = Awaited<ReturnType<typeof readExtension>>;

/** @throws ERR_NOT_FOUND */
async function readColumns(
  sql: Sql,
  where: string,
  { schema, table }: TableNames,
): Promise<ReadonlyMap<string, string>> {
  const rows = await sql(
    `SELECT a.attname AS name, format_type(a.atttypid, a.atttypmod) AS type
     FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
     JOIN pg_namespace n ON n.oid = c.relnamespace
     WHERE n.nspname = $1 AND c.relname = $2 AND c.relkind IN ('r', 'p', 'm', 'v', 'f')
       AND a.attnum > 0 AND NOT a.attisdropped
     ORDER BY a.attnum`,
    [schema, table],
  );
  if (rows.length > 0) return new Map(rows.map((row) => [String(row.name), String(row.type)]));
  throw makeError(
    'ERR_NOT_FOUND',
    `${where} has no table "${table}" in schema "${schema}" (names are taken as written, capitals included)`,
    { details: { schema, table } },
  );
}

function addColumn(sql: Sql, names: TableNames, ext: string): Promise<unknown> {
  const { dim } = names;
  if (dim === undefined)
    throw makeError(
      'ERR_ARG_TYPE',
      '`addColumn` needs `dim`: 384 for all-MiniLM-L6-v2, 512 for CLIP',
    );
  const type = dim <= MAX_VECTOR_DIM ? 'vector' : 'halfvec';
  return sql(
    `ALTER TABLE ${quote(names.schema)}.${quote(names.table)}
     ADD COLUMN IF NOT EXISTS ${quote(names.embeddingColumn)} ${ext}.${type}(${dim})`,
  );
}

function describe(
  names: TableNames,
  types: ReadonlyMap<string, string>,
  { vectorOid, ...extension }: Extension,
  where: string,
): ApplicationTable {
  const { schema, table, idColumn, embeddingColumn } = names;
  for (const name of [idColumn, embeddingColumn, ...(names.columns ?? [])])
    columnOf(types, name, `table "${table}" at ${where}`);
  const [, type, said] = VECTOR_TYPES.exec(types.get(embeddingColumn) as string) ?? [];
  if (type !== 'vector' && type !== 'halfvec') {
    throw outOfRange(
      'embeddingColumn',
      'a column of type vector or halfvec',
      `${embeddingColumn} of type ${types.get(embeddingColumn)}`,
    );
  }
  const dim = said === undefined ? names.dim : Number(said);
  if (dim === undefined) {
    throw makeError(
      'ERR_ARG_TYPE',
      `column "${embeddingColumn}" does not say how long its vectors are: give \`dim\`, or make it ${type}(N)`,
    );
  }
  if (names.dim !== undefined && names.dim !== dim) {
    throw makeError(
      'ERR_DIM_MISMATCH',
      `column "${embeddingColumn}" holds vectors of ${dim} values, not of ${names.dim}`,
      { details: { expected: dim, received: names.dim } },
    );
  }
  const isVector = (one: string): boolean => VECTOR_TYPES.test(types.get(one) as string);
  const shown = names.columns ?? [...types.keys()].filter((one) => !isVector(one));
  const select = [idColumn, ...shown.filter((one) => one !== idColumn)];
  const target: VectorColumn = {
    ...extension,
    schemaName: schema,
    tableName: table,
    columnName: embeddingColumn,
    table: `${quote(schema)}.${quote(table)}`,
    column: quote(embeddingColumn),
    dim,
    type: type satisfies VectorType,
    select: select.map(quote),
    indexPrefix: prefixOf(`${table}_${embeddingColumn}`),
  };
  return { target, vectorOid, types };
}

/** Short enough for a suffix. Two that are cut alike meet as "taken by something else". */
function prefixOf(name: string): string {
  let cut = name;
  while (Buffer.byteLength(cut) > MAX_PREFIX) cut = cut.slice(0, -1);
  return cut.toLowerCase();
}

/** The type of a column. @throws ERR_ARG_RANGE listing the existing columns */
export function columnOf(
  types: ReadonlyMap<string, string>,
  name: string,
  what = 'the table',
): string {
  const type = types.get(name);
  if (type !== undefined) return type;
  const known = [...types.keys()].join(', ');
  throw makeError(
    'ERR_ARG_RANGE',
    `${what} has no column ${JSON.stringify(name.slice(0, 64))} (it has ${known})`,
    { details: { columns: [...types.keys()] } },
  );
}
