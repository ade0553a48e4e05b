/** Prepared statements, each compiled once per database, and transactions. */
import { isLibraryError, makeError, type LibraryError } from '../../base/errors';
import {
  catalogError,
  type SqliteDatabase,
  type SqliteStatement,
  type SqlRow,
  type SqlValue,
} from './sqlite';

export class Statements {
  private readonly cache = new Map<string, SqliteStatement>();
  private depth = 0;
  private diskError: LibraryError | undefined;

  /** @param beforeWrite throws when writing is not allowed; called before each write and each commit */
  constructor(
    private readonly db: SqliteDatabase,
    private readonly beforeWrite: () => void = () => undefined,
  ) {}

  private prepared(sql: string): SqliteStatement {
    let statement = this.cache.get(sql);
    if (statement === undefined) this.cache.set(sql, (statement = this.db.prepare(sql)));
    return statement;
  }

  run(sql: string, ...values: SqlValue[]): void {
    if (this.depth === 0) this.beforeWrite();
    this.write(() => this.prepared(sql).run(...values));
  }

  get(sql: string, ...values: SqlValue[]): SqlRow | undefined {
    return this.guard(() => this.prepared(sql).get(...values)) as SqlRow | undefined;
  }

  all(sql: string, ...values: SqlValue[]): SqlRow[] {
    return this.guard(() => this.prepared(sql).all(...values)) as SqlRow[];
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
    this.beforeWrite();
    this.write(() => this.db.exec('BEGIN IMMEDIATE'));
    this.depth++;
    try {
      const result = work();
      this.beforeWrite();
      this.write(() => this.db.exec('COMMIT'));
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

  private guard<T>(work: () => T): T {
    try {
      return work();
    } catch (error) {
      throw catalogError(error);
    }
  }
}
