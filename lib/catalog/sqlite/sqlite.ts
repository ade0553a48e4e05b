/**
 * SQLite through `node:sqlite` (22.13 and later), else `better-sqlite3` if the project has it, else the part
 * that `sightline setup` installs. All are used through the few calls of `SqliteDatabase`; no other code knows
 * which one it is.
 */
import { pathToFileURL } from 'node:url';
import { makeError, messageOf, type ErrorCode } from '../../base/errors';
import { loadPart, SQLITE } from '../../base/parts/parts';
import { openWithoutWriting, type Upgrade } from './read-only';

export type SqlValue = string | number | bigint | null | Uint8Array;
export type SqlRow = Record<string, SqlValue>;

export interface SqliteStatement {
  run(...values: SqlValue[]): unknown;
  get(...values: SqlValue[]): unknown;
  all(...values: SqlValue[]): unknown[];
}

export interface SqliteDatabase {
  exec(sql: string): unknown;
  prepare(sql: string): SqliteStatement;
  close(): void;
}

interface Driver {
  readonly name: 'node:sqlite' | 'better-sqlite3' | '@photostructure/sqlite';
  open(file: string, readOnly: boolean): SqliteDatabase;
  /** Opens as immutable; undefined where the driver cannot. */
  readonly openImmutable: ((file: string) => SqliteDatabase) | undefined;
}

let driver: Driver | undefined;

/** The driver in use, chosen once. @throws ERR_CATALOG with the remedy when there is none */
export function sqliteDriver(): Driver {
  driver ??= findDriver();
  return driver;
}

function findDriver(): Driver {
  return loadNodeSqlite() ?? loadBetterSqlite() ?? loadPackagedSqlite();
}

function loadBetterSqlite(): Driver | undefined {
  let Database: new (file: string, options: object) => SqliteDatabase;
  try {
    // Loaded on demand: the engine must work without SQLite.
    // eslint-disable-next-line @typescript-eslint/no-require-imports
    Database = require('better-sqlite3') as typeof Database;
  } catch {
    return undefined;
  }
  return {
    name: 'better-sqlite3',
    // The driver enables SQLite's defensive mode itself.
    open: (file, readOnly) => new Database(file, { readonly: readOnly, fileMustExist: readOnly }),
    // The driver takes no URL, which immutable mode needs.
    openImmutable: undefined,
  };
}

interface SqliteModule {
  readonly DatabaseSync: new (file: string | URL, options: object) => SqliteDatabase;
}

function immutable(module: SqliteModule, file: string): SqliteDatabase {
  const url = pathToFileURL(file);
  url.searchParams.set('immutable', '1');
  return new module.DatabaseSync(url, { readOnly: true, defensive: true });
}

function loadNodeSqlite(): Driver | undefined {
  const module = withoutExperimentalWarning(
    // Does not throw where the module does not exist.
    () => process.getBuiltinModule?.('node:sqlite') as SqliteModule | undefined,
  );
  if (module === undefined) return undefined;
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  return {
    name: 'node:sqlite',
    // Node 22 ignores `defensive`; the check of the schema makes up for it.
    open: (file, readOnly) => new module.DatabaseSync(file, { readOnly, defensive: true }),
    // URLs since 22.15.
    openImmutable: major > 22 || minor >= 15 ? (file) => immutable(module, file) : undefined,
  };
}

/** The interface of `node:sqlite`, for older Node. @throws ERR_CATALOG with the remedy */
function loadPackagedSqlite(): Driver {
  const module = loadPart(SQLITE) as SqliteModule;
  return {
    name: '@photostructure/sqlite',
    open: (file, readOnly) => {
      const db = new module.DatabaseSync(file, { readOnly, defensive: true });
      return readOnly ? db : checkpointedAtClose(db);
    },
    openImmutable: (file) => immutable(module, file),
  };
}

/**
 * The package cannot finalize statements, so that a connection ends only with the process or when the
 * collector finds it, and leaves its log: what that holds goes into the main file first, which is then whole.
 */
function checkpointedAtClose(db: SqliteDatabase): SqliteDatabase {
  return {
    exec: (sql) => db.exec(sql),
    prepare: (sql) => db.prepare(sql),
    close: () => {
      try {
        db.exec('PRAGMA wal_checkpoint(TRUNCATE)');
      } catch {
        // Closing must not fail; the log is read by the next open.
      }
      db.close();
    },
  };
}

/** Node 22 warns that its SQLite is experimental: of no use to the user. */
function withoutExperimentalWarning<T>(load: () => T): T {
  const emit = process.emitWarning;
  process.emitWarning = ((warning: string | Error, ...rest: unknown[]) => {
    if (!/SQLite is an experimental feature/i.test(messageOf(warning)))
      Reflect.apply(emit, process, [warning, ...rest]);
  }) as typeof process.emitWarning;
  try {
    return load();
  } finally {
    process.emitWarning = emit;
  }
}

/**
 * Opens a database file with the settings every catalog uses (RELIABILITY 4.8).
 *
 * No `quick_check` here, although that table asks for one: it reads the whole file, and opening must not
 * slow down as a library grows. Searches check the rows they touch (checksums), `verify` checks the whole.
 *
 * @param upgrade  for reading a catalog of an older version where it may not be written
 */
export function openSqlite(
  file: string,
  readOnly: boolean,
  upgrade: Upgrade = () => undefined,
): SqliteDatabase {
  const { open, openImmutable } = sqliteDriver();
  try {
    if (!readOnly) return configure(open(file, false), false);
    return (
      openInPlace(file) ??
      openWithoutWriting(
        file,
        {
          openInPlace,
          openImmutable: openImmutable && ((name) => configure(openImmutable(name), true)),
          openForWriting: (name) => configure(open(name, false), true),
        },
        upgrade,
      )
    );
  } catch (error) {
    throw catalogError(error, file);
  }
}

/** Undefined where SQLite would have to create or change a file, which the first read reveals. */
function openInPlace(file: string): SqliteDatabase | undefined {
  const db = configure(sqliteDriver().open(file, true), true);
  try {
    db.prepare('SELECT count(*) FROM sqlite_schema').get();
    return db;
  } catch (error) {
    db.close();
    const code = resultCode(error);
    if (code === SQLITE_READONLY || code === SQLITE_CANTOPEN) return undefined;
    throw error;
  }
}

const SQLITE_READONLY = 8;
const SQLITE_CANTOPEN = 14;

function configure(db: SqliteDatabase, readOnly: boolean): SqliteDatabase {
  try {
    db.exec(
      'PRAGMA busy_timeout=5000; PRAGMA trusted_schema=OFF; PRAGMA cell_size_check=ON;' +
        'PRAGMA mmap_size=0; PRAGMA foreign_keys=ON;',
    );
    if (!readOnly)
      db.exec(
        // Checkpoints: see `Catalog.checkpoint`.
        'PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA journal_size_limit=67108864;' +
          'PRAGMA wal_autocheckpoint=0;',
      );
    return db;
  } catch (error) {
    db.close();
    throw error;
  }
}

/** SQLite's primary result codes that map to codes of ours. */
const CODES: Readonly<Record<number, { code: ErrorCode; words: string }>> = {
  5: { code: 'ERR_FILE_LOCKED', words: 'is being written by another process' },
  6: { code: 'ERR_FILE_LOCKED', words: 'is locked' },
  8: { code: 'ERR_READ_ONLY', words: 'is not writable' },
  10: { code: 'ERR_IO', words: 'hit a disk error' },
  13: { code: 'ERR_DISK_FULL', words: 'cannot grow: the disk is full' },
};

const NUMBERS: Readonly<Record<string, number>> = {
  SQLITE_BUSY: 5,
  SQLITE_LOCKED: 6,
  SQLITE_READONLY: 8,
  SQLITE_IOERR: 10,
  SQLITE_FULL: 13,
  SQLITE_CANTOPEN: 14,
};

/** Primary result code; undefined for an error that is not SQLite's. */
function resultCode(error: unknown): number | undefined {
  // Not `isError`: errors of better-sqlite3 are made without Error's constructor.
  if (typeof error !== 'object' || error === null || !('code' in error)) return undefined;
  const code = String(error.code);
  // node:sqlite gives the extended number, better-sqlite3 the extended name.
  if (code === 'ERR_SQLITE_ERROR') return 'errcode' in error ? Number(error.errcode) & 0xff : 1;
  if (!code.startsWith('SQLITE_')) return undefined;
  return NUMBERS[/^SQLITE_[A-Z]+/.exec(code)?.[0] ?? ''] ?? 1;
}

/** An error of SQLite as one of ours; others pass through. */
export function catalogError(error: unknown, file?: string): unknown {
  const number = resultCode(error);
  if (number === undefined) return error;
  const { code, words } = CODES[number] ?? {
    code: 'ERR_CATALOG' as const,
    words: 'cannot be used',
  };
  const where = file === undefined ? 'the catalog' : `the catalog ${file}`;
  return makeError(code, `${where} ${words}: ${messageOf(error)}`, {
    details: { sqlite: (error as { code?: unknown }).code },
    cause: error,
  });
}
