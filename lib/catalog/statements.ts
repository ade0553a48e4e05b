/** Prepared statements, each compiled once per database, and transactions. */
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

  constructor(private readonly db: SqliteDatabase) {}

  private prepared(sql: string): SqliteStatement {
    let statement = this.cache.get(sql);
    if (statement === undefined) this.cache.set(sql, (statement = this.db.prepare(sql)));
    return statement;
  }

  run(sql: string, ...values: SqlValue[]): void {
    this.guard(() => this.prepared(sql).run(...values));
  }

  get(sql: string, ...values: SqlValue[]): SqlRow | undefined {
    return this.guard(() => this.prepared(sql).get(...values)) as SqlRow | undefined;
  }

  all(sql: string, ...values: SqlValue[]): SqlRow[] {
    return this.guard(() => this.prepared(sql).all(...values)) as SqlRow[];
  }

  /** Streams rows. Always a fresh statement: a cached one could be asked again while it iterates. */
  iterate(sql: string, ...values: SqlValue[]): IterableIterator<SqlRow> {
    return this.guard(() => this.db.prepare(sql).iterate(...values)) as IterableIterator<SqlRow>;
  }

  /** All of `work` or nothing. Nested calls join the outer transaction. */
  transaction<T>(work: () => T): T {
    if (this.depth > 0) return work();
    this.guard(() => this.db.exec('BEGIN IMMEDIATE'));
    this.depth++;
    try {
      const result = work();
      this.guard(() => this.db.exec('COMMIT'));
      return result;
    } catch (error) {
      try {
        this.db.exec('ROLLBACK');
      } catch {
        // SQLite rolled back by itself (disk full); the first error is the one that matters.
      }
      throw error;
    } finally {
      this.depth--;
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
