/** Prepared statements, each compiled once per database, and transactions. */
import { isLibraryError, makeError, type LibraryError } from '../../base/errors';
import {
  catalogError,
  type SqliteDatabase,
  type SqliteStatement,
  type SqlRow,
  type SqlValue,
} from './sqlite';

/** What is asked around statements. */
export interface Watch {
  /** Throws when writing is not allowed; called before each write and each commit. */
  beforeWrite(): void;
  afterCommit(): void;
  /** Throws when what was read is not to be believed. */
  afterRead(): void;
}

const NOBODY: Watch = { beforeWrite() {}, afterCommit() {}, afterRead() {} };

export class Statements {
  private readonly cache = new Map<string, SqliteStatement>();
  private depth = 0;
  private diskError: LibraryError | undefined;

  constructor(
    private readonly db: SqliteDatabase,
    private readonly watch: Watch = NOBODY,
  ) {}

  private prepared(sql: string): SqliteStatement {
    let statement = this.cache.get(sql);
    if (statement === undefined) this.cache.set(sql, (statement = this.db.prepare(sql)));
    return statement;
  }

  run(sql: string, ...values: SqlValue[]): void {
    if (this.depth > 0) {
      this.write(() => this.prepared(sql).run(...values));
      return;
    }
    this.watch.beforeWrite();
    this.write(() => this.prepared(sql).run(...values));
    this.watch.afterCommit();
  }

  get(sql: string, ...values: SqlValue[]): SqlRow | undefined {
    return this.read(() => this.prepared(sql).get(...values)) as SqlRow | undefined;
  }

  all(sql: string, ...values: SqlValue[]): SqlRow[] {
    return this.read(() => this.prepared(sql).all(...values)) as SqlRow[];
  }

  /**
   * Reads a large result in pages, each a query of its own: no cursor stays open between pages, so the
   * caller may write and the log can be checkpointed.
   *
   * @param sql   ends with two parameters: the key to start after, and the number of rows
   * @param key   unique column by which the result is ordered
   */
  *pages(sql: string, key: string, first: SqlValue, ...values: SqlValue[]): Generator<SqlRow> {
    const size = 500;
    for (let after = first; ;) {
      const rows = this.all(sql, ...values, after, size);
      yield* rows;
      if (rows.length < size) return;
      after = rows.at(-1)?.[key] as SqlValue;
    }
  }

  /** Runs `work` in a transaction. Nested calls join the outer one. */
  transaction<T>(work: () => T): T {
    if (this.depth > 0) return work();
    this.watch.beforeWrite();
    this.write(() => this.db.exec('BEGIN IMMEDIATE'));
    this.depth++;
    let hasCommitted = false;
    try {
      const result = work();
      this.watch.beforeWrite();
      this.write(() => this.db.exec('COMMIT'));
      hasCommitted = true;
      return result;
    } catch (error) {
      try {
        this.db.exec('ROLLBACK');
      } catch {
        // SQLite may have rolled back by itself (disk full); report the first error.
      }
      throw error;
    } finally {
      this.depth--;
      if (hasCommitted) this.watch.afterCommit();
    }
  }

  /**
   * After a disk error it is unknown what was written, and a retried write may falsely succeed. So writes
   * are refused until the catalog is reopened.
   */
  private write<T>(work: () => T): T {
    if (this.diskError !== undefined)
      throw makeError('ERR_IO', 'the catalog refuses writes after a disk error: reopen it', {
        cause: this.diskError,
      });
    try {
      return this.guard(work);
    } catch (error) {
      if (isLibraryError(error) && error.code === 'ERR_IO') this.diskError = error;
      throw error;
    }
  }

  private read<T>(work: () => T): T {
    let result: T;
    try {
      result = this.guard(work);
    } catch (error) {
      // Rather why the file cannot be read than that it cannot.
      this.watch.afterRead();
      throw error;
    }
    this.watch.afterRead();
    return result;
  }

  private guard<T>(work: () => T): T {
    try {
      return work();
    } catch (error) {
      throw catalogError(error);
    }
  }
}
