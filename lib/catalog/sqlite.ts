/**
 * SQLite through what the running Node has: `node:sqlite` (22.13 and later), else `better-sqlite3`.
 * Both are used through the few calls of `SqliteDatabase`; nobody else knows which one it is.
 */
import { makeError, messageOf } from '../errors';

export type SqlValue = string | number | bigint | null | Uint8Array;
export type SqlRow = Record<string, SqlValue>;

export interface SqliteStatement {
  run(...values: SqlValue[]): unknown;
  get(...values: SqlValue[]): unknown;
  all(...values: SqlValue[]): unknown[];
  iterate(...values: SqlValue[]): IterableIterator<unknown>;
}

export interface SqliteDatabase {
  exec(sql: string): unknown;
  prepare(sql: string): SqliteStatement;
  close(): void;
}

interface Driver {
  readonly name: 'node:sqlite' | 'better-sqlite3';
  open(file: string, readOnly: boolean): SqliteDatabase;
}

let driver: Driver | undefined;

/** The driver in use, chosen once. @throws ERR_CATALOG when there is none, with the remedy */
export function sqliteDriver(): Driver {
  driver ??= findDriver();
  return driver;
}

function findDriver(): Driver {
  const builtin = loadNodeSqlite();
  if (builtin !== undefined) return builtin;
  try {
    // Loaded late: the engine must work where no SQLite is installed.
    // eslint-disable-next-line @typescript-eslint/no-require-imports
    const Database = require('better-sqlite3') as new (
      file: string,
      options: object,
    ) => SqliteDatabase;
    return {
      name: 'better-sqlite3',
      open: (file, readOnly) => new Database(file, { readonly: readOnly, fileMustExist: readOnly }),
    };
  } catch (cause) {
    throw makeError(
      'ERR_CATALOG',
      'no SQLite was found: use Node 22.13 or later, or run `npm install better-sqlite3@12`',
      { cause },
    );
  }
}

function loadNodeSqlite(): Driver | undefined {
  // process.getBuiltinModule asks without throwing and without a warning where it does not exist.
  const module = process.getBuiltinModule?.('node:sqlite') as
    { DatabaseSync: new (file: string, options: object) => SqliteDatabase } | undefined;
  if (module === undefined) return undefined;
  return {
    name: 'node:sqlite',
    open: (file, readOnly) => new module.DatabaseSync(file, { readOnly }),
  };
}

/** Opens a database file with the settings every catalog uses (RELIABILITY 4.8). */
export function openSqlite(file: string, readOnly: boolean): SqliteDatabase {
  let db: SqliteDatabase | undefined;
  try {
    db = sqliteDriver().open(file, readOnly);
    db.exec(
      'PRAGMA busy_timeout=5000; PRAGMA trusted_schema=OFF; PRAGMA cell_size_check=ON;' +
        'PRAGMA mmap_size=0; PRAGMA foreign_keys=ON;',
    );
    if (!readOnly) db.exec('PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;');
    return db;
  } catch (error) {
    db?.close();
    throw catalogError(error, file);
  }
}

/** An error of SQLite as one of ours; others pass through. */
export function catalogError(error: unknown, file?: string): unknown {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  if (/FULL/.test(code)) return makeError('ERR_DISK_FULL', 'the disk is full', { cause: error });
  if (/^(SQLITE_|ERR_SQLITE)/.test(code)) {
    const where = file === undefined ? 'the catalog' : `the catalog ${file}`;
    return makeError('ERR_CATALOG', `${where} cannot be used: ${messageOf(error)}`, {
      details: { sqlite: code },
      cause: error,
    });
  }
  return error;
}
