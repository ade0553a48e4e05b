/** One PostgreSQL for the tests of a file, stores in it, and SQL beside them. */
import pg from 'pg';
import type { Test } from 'uvu';
import { PgVectorStore, type PgVectorStoreOptions } from '../../lib/stores/vectors';
import { startPostgres, type TestPostgres } from './embedded-postgres';

export interface PostgresOfTests {
  /** From the first test on. Its files outlive a kill. */
  readonly server: TestPostgres;
  /** A table of its own with 8 dimensions, unless told otherwise. */
  openStore(options?: Partial<PgVectorStoreOptions>): Promise<PgVectorStore>;
  /** Past the store, on a connection of its own. */
  sql(text: string, values?: unknown[]): Promise<Record<string, unknown>[]>;
}

/** Starts with the first test of the file and ends with the last. */
export function usePostgres(test: Test): PostgresOfTests {
  let server: TestPostgres | undefined;
  let tables = 0;
  test.before(async () => {
    server = await startPostgres();
  });
  test.after(() => server?.stop());
  const running = (): TestPostgres => {
    if (server === undefined) throw new Error('PostgreSQL is there within tests only');
    return server;
  };
  return {
    get server() {
      return running();
    },
    openStore: (options = {}) =>
      PgVectorStore.open({
        url: running().url,
        table: `store_${tables++}`,
        dim: 8,
        model: 'test',
        ...options,
      }),
    sql: async (text, values) => {
      const client = new pg.Client({ connectionString: running().url });
      await client.connect();
      try {
        return (await client.query<Record<string, unknown>>(text, values)).rows;
      } finally {
        await client.end();
      }
    },
  };
}

export const range = (n: number, from = 0): number[] =>
  Array.from({ length: n }, (_, i) => from + i);
