/** Runs one statement on a connection of its own: read-only, with the views, the functions and nothing else. */
import { types } from 'node:util';
import { foldPath } from '../base/patterns';
import { makeError } from '../base/errors';
import { openSqlite, type SqliteDatabase, type SqliteStatement } from '../catalog/sqlite/sqlite';
import { authorize } from './authorize';
import { checkStatement } from './guard';
import { tokensOf } from './tokens';
import type { SqlAnswer, SqlRequest, SqlValue } from './protocol';
import { CHANNELS, distanceOf, VectorRefs, type ReadVectors } from './vectors';
import { viewsOf } from './views';

/** What both drivers have beyond the catalog's needs. */
interface Connection extends SqliteDatabase {
  function(name: string, options: object, work: (...values: unknown[]) => unknown): void;
}
interface Cursor extends SqliteStatement {
  iterate(...values: unknown[]): Iterable<Record<string, SqlValue>>;
  columns?(): readonly { readonly name: string }[];
}

/** Bytes that SQLite may take, for example for a sort; and bytes of a result. */
const HEAP_BYTES = 512 << 20;
const RESULT_BYTES = 256 << 20;

/** @throws ERR_ARG_RANGE | ERR_ARG_TYPE | ERR_DIM_MISMATCH | ERR_NO_MEMORY, and what opening a catalog throws */
export function runSql(request: SqlRequest): SqlAnswer {
  const opened = openSqlite(request.file, true);
  const vectors = new VectorReader(request);
  try {
    const db = ('connection' in opened ? opened.connection : opened) as Connection;
    const internal = db.prepare('SELECT lower(name) AS name FROM sqlite_schema').all() as {
      name: string;
    }[];
    checkStatement(tokensOf(request.written), new Set(internal.map(({ name }) => name)));
    prepareConnection(db, request, vectors.read);
    return answer(db, request);
  } finally {
    opened.close();
    vectors.close();
  }
}

function prepareConnection(db: Connection, request: SqlRequest, read: ReadVectors): void {
  const { params, vectorPlaces, version } = request;
  const vectors = params.map((value, place) =>
    vectorPlaces.includes(place) && types.isUint8Array(value) ? value : undefined,
  );
  const refs = new VectorRefs(read, vectors);
  const pure = { deterministic: true };
  const define = (
    name: string,
    work: (a: Uint8Array, b: Uint8Array, metric: unknown) => number,
    metric?: string,
  ): void =>
    db.function(name, { ...pure, varargs: true }, (...given: unknown[]) => {
      const most = metric === undefined ? 3 : 2;
      if (given.length < 2 || given.length > most)
        throw makeError(
          'ERR_ARG_RANGE',
          `${name} takes two vectors${most === 3 ? ' and a metric' : ''}`,
        );
      const a = refs.resolve(given[0]);
      const b = refs.resolve(given[1]);
      if (a === undefined || b === undefined) return null;
      const distance = work(a, b, metric ?? given[2] ?? 'cosine');
      return Number.isNaN(distance) ? null : distance;
    });
  define('DISTANCE', distanceOf);
  define('DOT_PRODUCT', (a, b, metric) => -distanceOf(a, b, metric), 'dot');
  db.function('fold_path', pure, (path: unknown) =>
    path === null ? null : foldPath(String(path)),
  );
  db.exec(
    `PRAGMA temp_store=MEMORY; PRAGMA hard_heap_limit=${HEAP_BYTES}; PRAGMA cache_size=-65536`,
  );
  fill(db, '__candidates', request.candidates, undefined);
  request.nearest.forEach(({ ids, distances }, i) => fill(db, `__nearest_${i}`, ids, distances));
  db.exec(viewsOf(version, request.candidates === undefined ? undefined : 'files'));
  db.exec('PRAGMA query_only=ON');
  authorize(db);
}

function fill(
  db: Connection,
  table: string,
  ids: Float64Array | undefined,
  distances: Float32Array | undefined,
): void {
  if (ids === undefined) return;
  db.exec(`CREATE TEMP TABLE ${table} (rank INTEGER PRIMARY KEY, id INTEGER, distance REAL)`);
  const insert = db.prepare(`INSERT INTO ${table} VALUES (?, ?, ?)`);
  ids.forEach((id, i) => insert.run(i + 1, id, distances?.[i] ?? null));
}

/** On a connection of its own: one that runs a statement takes no second one from within it. */
class VectorReader {
  private db: SqliteDatabase | undefined;
  private readonly statements = new Map<number, SqliteStatement>();

  constructor(private readonly request: Pick<SqlRequest, 'file' | 'version'>) {}

  readonly read: ReadVectors = (which, first, limit) =>
    this.statement(which).all(first, limit) as { id: number; bytes: Uint8Array }[];

  private statement(which: number): SqliteStatement {
    this.db ??= openSqlite(this.request.file, true);
    let statement = this.statements.get(which);
    if (statement === undefined) {
      const column = which === CHANNELS ? 'channel_fingerprint' : 'metadata_embedding';
      statement = this.db.prepare(
        `SELECT file_id AS id, ${column} AS bytes FROM exr_vectors WHERE version = ${this.request.version} AND file_id >= ?
         ORDER BY file_id LIMIT ?`,
      );
      this.statements.set(which, statement);
    }
    return statement;
  }

  close(): void {
    this.db?.close();
  }
}

function answer(db: Connection, request: SqlRequest): SqlAnswer {
  const { sql, fastSql, params, vectorPlaces, limit } = request;
  const bound = params.map((value, place) =>
    vectorPlaces.includes(place) ? -1 - place : typeof value === 'boolean' ? Number(value) : value,
  );
  const statement =
    (fastSql === undefined ? undefined : prepared(db, fastSql)) ?? (db.prepare(sql) as Cursor);
  // A reference is no column of an answer.
  const shown = (all: readonly string[]): string[] => all.filter((name) => !name.startsWith('__'));
  const columns = statement.columns && shown(statement.columns().map(({ name }) => name));
  const rows: SqlValue[][] = [];
  let names = columns;
  let isTruncated = false;
  let bytes = 0;
  for (const row of statement.iterate(...bound)) {
    names ??= shown(Object.keys(row));
    if (rows.length >= limit) {
      isTruncated = true;
      break;
    }
    const values = names.map((name) => row[name] ?? null);
    bytes += values.reduce((sum: number, value) => sum + sizeOf(value), 0);
    if (bytes > RESULT_BYTES)
      throw makeError(
        'ERR_NO_MEMORY',
        `the result takes more than ${RESULT_BYTES >> 20} MB: ask for fewer rows or columns`,
      );
    rows.push(values);
  }
  return { columns: names ?? [], rows, isTruncated };
}

/** Undefined where a reference is no column: then the vector itself goes into the function. */
function prepared(db: Connection, sql: string): Cursor | undefined {
  try {
    return db.prepare(sql) as Cursor;
  } catch {
    return undefined;
  }
}

function sizeOf(value: SqlValue): number {
  if (typeof value === 'string') return value.length * 2;
  return types.isUint8Array(value) ? value.byteLength : 8;
}
