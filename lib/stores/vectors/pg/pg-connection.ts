/**
 * A bounded connection pool, used in short transactions with time limits. Work is retried on a new
 * connection where that is safe.
 *
 * Settings use SET LOCAL in each transaction, not the session, so that they work through poolers that
 * switch sessions between transactions.
 */
import type { Pool, PoolClient, QueryResult } from 'pg';
import { throwIfAborted } from '../../../base/abort';
import { makeError } from '../../../base/errors';
import { isClientTimeout, isConflict, isConnectionError, toLibraryError } from './pg-errors';

export interface ConnectionOptions {
  /** `postgres://user:password@host:port/database`; default: the PG* environment variables. */
  readonly url?: string;
  /** Connections at most, 1..64; default 4. */
  readonly poolSize: number;
  /** Calls that may wait for a connection before ERR_POOL_FULL. */
  readonly maxWaiting: number;
  readonly connectTimeoutMs: number;
  /** Time limit per statement, except index builds. */
  readonly statementTimeoutMs: number;
  /** How long safe work is retried while the server is unreachable. */
  readonly reconnectMs: number;
}

export type SqlValue = string | number | boolean | null | Buffer | readonly unknown[];
export type SqlRow = Readonly<Record<string, unknown>>;
/** Runs one statement; values are bound. */
export type Sql = (text: string, values?: readonly SqlValue[]) => Promise<SqlRow[]>;

export interface TransactionOptions {
  readonly readOnly?: boolean;
  /** Our own `SET LOCAL` lines: constants and whole numbers, no outside input. */
  readonly settings?: readonly string[];
  /**
   * Whether the work may run twice. If the connection is lost during COMMIT, the outcome is unknown; if it
   * is lost earlier, the server has dropped the transaction and a retry is always safe.
   */
  readonly isRepeatable?: boolean;
  /** For work that reads or empties whole tables. */
  readonly isUnlimited?: boolean;
  readonly signal?: AbortSignal | undefined;
}

/** The server should cancel a statement first and report it; this is for unresponsive servers. */
const CLIENT_GRACE_MS = 5000;
/** Longest timer. */
const NO_LIMIT_MS = 2 ** 31 - 1;
const FIRST_DELAY_MS = 50;
const MAX_DELAY_MS = 1000;

export class PgConnection {
  private constructor(
    private readonly pool: Pool,
    private readonly options: ConnectionOptions,
    /** host:port/database, for messages. */
    readonly where: string,
  ) {
    // Without a listener the loss of an idle connection would end the process. The pool has already dropped
    // the connection, and the next call opens a new one.
    pool.on('error', () => undefined);
  }

  private closing: Promise<void> | undefined;

  /** Does not connect yet. */
  static async create(options: ConnectionOptions): Promise<PgConnection> {
    const { default: pg } = await import('pg');
    let pool: Pool;
    let where: string;
    try {
      const config = {
        connectionString: options.url,
        application_name: 'sightline',
        max: options.poolSize,
        connectionTimeoutMillis: options.connectTimeoutMs,
        query_timeout: options.statementTimeoutMs + CLIENT_GRACE_MS,
        keepAlive: true,
      };
      const { host, port, database } = new pg.Client(config);
      where = `${host}:${port}/${database ?? ''}`;
      pool = new pg.Pool(config);
    } catch {
      // The driver's message may contain the URL with the password.
      throw makeError(
        'ERR_ARG_RANGE',
        'the vector store needs a URL such as postgres://user:password@host:5432/database',
      );
    }
    return new PgConnection(pool, options, where);
  }

  /**
   * Runs `work` in one transaction.
   *
   * @throws only our own errors
   */
  async transaction<T>(work: (sql: Sql) => Promise<T>, options: TransactionOptions): Promise<T> {
    const isRepeatable = options.isRepeatable === true || options.readOnly === true;
    const giveUpAt = performance.now() + this.options.reconnectMs;
    for (let delay = FIRST_DELAY_MS; ; delay = Math.min(2 * delay, MAX_DELAY_MS)) {
      this.assertOpen();
      const progress = { isCommitting: false };
      try {
        return await this.attempt(work, options, progress);
      } catch (error) {
        const isSafe = isRepeatable || !progress.isCommitting;
        const again = isConflict(error) || (isSafe && isConnectionError(error));
        if (!again || performance.now() + delay > giveUpAt || this.closing !== undefined)
          throw toLibraryError(error, this.where);
        await this.pause(delay, options.signal);
      }
    }
  }

  /**
   * Runs statements outside a transaction and without time limit, on one connection, as CREATE INDEX
   * CONCURRENTLY requires.
   */
  async alone<T>(work: (sql: Sql) => Promise<T>): Promise<T> {
    const client = await this.connect().catch((error: unknown) => {
      throw toLibraryError(error, this.where);
    });
    let failure: unknown;
    try {
      return await work(sqlOf(client, NO_LIMIT_MS));
    } catch (error) {
      failure = error;
      throw toLibraryError(error, this.where);
    } finally {
      client.release(isBroken(failure));
    }
  }

  /** Refuses new work, waits for work in flight, closes the connections. */
  close(): Promise<void> {
    this.closing ??= this.pool.end().catch(() => undefined);
    return this.closing;
  }

  private async attempt<T>(
    work: (sql: Sql) => Promise<T>,
    { readOnly = false, settings = [], isUnlimited = false, signal }: TransactionOptions,
    progress: { isCommitting: boolean },
  ): Promise<T> {
    throwIfAborted(signal);
    const client = await this.connect();
    const sql = sqlOf(client, isUnlimited ? NO_LIMIT_MS : undefined);
    let failure: unknown;
    try {
      const limit = isUnlimited ? 0 : this.options.statementTimeoutMs;
      const timeout = `SET LOCAL statement_timeout = ${limit}`;
      // One message for all of them: a round trip costs as much as a small search.
      await sql([`BEGIN${readOnly ? ' READ ONLY' : ''}`, timeout, ...settings].join('; '));
      const result = await work(sql);
      progress.isCommitting = true;
      await sql('COMMIT');
      return result;
    } catch (error) {
      failure = error;
      if (!isBroken(error)) {
        await sql('ROLLBACK').catch((broken: unknown) => (failure = broken));
      }
      throw error;
    } finally {
      client.release(isBroken(failure));
    }
  }

  private async connect(): Promise<PoolClient> {
    this.assertOpen();
    if (this.pool.waitingCount >= this.options.maxWaiting) {
      throw makeError(
        'ERR_POOL_FULL',
        `${this.pool.waitingCount} calls wait for a connection to ${this.where} already: try again, or raise poolSize`,
      );
    }
    const client = await this.pool.connect();
    // Reports a connection lost between two statements; the next statement fails with it.
    if (client.listenerCount('error') === 0) client.on('error', () => undefined);
    return client;
  }

  private assertOpen(): void {
    if (this.closing !== undefined) throw makeError('ERR_CLOSED', 'the vector store is closed');
  }

  private async pause(ms: number, signal: AbortSignal | undefined): Promise<void> {
    const { setTimeout: sleep } = await import('node:timers/promises');
    await sleep(ms, undefined, signal ? { signal } : {}).catch(() => undefined);
    throwIfAborted(signal);
  }
}

/** Whether the connection must be discarded: lost, or in an unknown state. */
function isBroken(error: unknown): boolean {
  return error !== undefined && (isConnectionError(error) || isClientTimeout(error));
}

function sqlOf(client: PoolClient, timeoutMs?: number): Sql {
  return async (text, values) => {
    const query = {
      text,
      ...(values && { values: values as unknown[] }),
      ...(timeoutMs !== undefined && { query_timeout: timeoutMs }),
    };
    const result = (await client.query(query)) as QueryResult | QueryResult[];
    return (Array.isArray(result) ? (result.at(-1)?.rows ?? []) : result.rows) as SqlRow[];
  };
}
