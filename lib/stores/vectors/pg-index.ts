/**
 * Indexes for nearest neighbors: HNSW (better recall, slower to build) and IVFFlat (faster to build,
 * wants its rows first). Built beside writers where the server can.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { BOOLEAN, integer, oneOf, readOptions, type OptionRules } from '../../options';
import { checkInteger, outOfRange } from './checks';
import { quote } from './identifiers';
import type { PgConnection, Sql } from './pg-connection';
import type { TableSpec, TableState } from './pg-schema';
import { searchDefaults } from './settings';
import type { Metric } from './vector-store';

/** Builders of indexes of one table wait for each other under this number ("SLix"). */
const LOCK = 0x534c6978;
const LOCK_POLL_MS = 250;

export const METRICS: readonly Metric[] = ['cosine', 'euclidean', 'dot'];

/** By metric: operator of the distance, and the suffix of the operator class. */
export const OPERATORS: Readonly<
  Record<Metric, { readonly distance: string; readonly ops: string }>
> = {
  cosine: { distance: '<=>', ops: 'cosine_ops' },
  euclidean: { distance: '<->', ops: 'l2_ops' },
  // pgvector gives the negative inner product, as the engine does.
  dot: { distance: '<#>', ops: 'ip_ops' },
};

export interface HnswOptions {
  /** Default: the store's. An index serves one metric only. */
  readonly metric?: Metric;
  /** Most links per node, 2..100; default EMBEDDING_HNSW_M or 16. */
  readonly m?: number;
  /**
   * Candidate list size while building, 4..1000 and at least 2 * m; default
   * EMBEDDING_HNSW_EF_CONSTRUCTION or 64, or 2 * m where that is more.
   */
  readonly efConstruction?: number;
  /** Writers go on meanwhile; default true. */
  readonly concurrently?: boolean;
}

export interface IvfflatOptions {
  readonly metric?: Metric;
  /** 1..32768; default 100. Rows / 1000 up to a million rows, their square root beyond. */
  readonly lists?: number;
  readonly concurrently?: boolean;
}

const HNSW_OPTIONS: OptionRules<HnswOptions> = {
  metric: oneOf(METRICS),
  m: integer(2, 100),
  efConstruction: integer(4, 1000),
  concurrently: BOOLEAN,
};

const IVFFLAT_OPTIONS: OptionRules<IvfflatOptions> = {
  metric: oneOf(METRICS),
  lists: integer(1, 32_768),
  concurrently: BOOLEAN,
};

export type IndexKind = 'hnsw' | 'ivfflat';

/** An index that can be used. */
export interface FoundIndex {
  readonly kind: IndexKind;
  readonly metric: Metric;
  /** Of IVFFlat; 0 of HNSW. */
  readonly lists: number;
}

interface IndexJob {
  readonly kind: IndexKind;
  readonly metric: Metric;
  /** `name = number` pairs. */
  readonly parameters: Readonly<Record<string, number>>;
  readonly concurrently: boolean;
}

export function hnswJob(given: HnswOptions, spec: TableSpec): IndexJob {
  const options = readOptions('options', given, HNSW_OPTIONS);
  const defaults = searchDefaults();
  const m = options.m ?? defaults.m;
  const ef = checkInteger(
    'efConstruction',
    options.efConstruction ?? Math.max(defaults.efConstruction, 2 * m),
    4,
    1000,
  );
  if (ef < 2 * m) throw outOfRange('efConstruction', `at least 2 * m = ${2 * m}`, ef);
  return {
    kind: 'hnsw',
    metric: options.metric ?? spec.metric,
    parameters: { m, ef_construction: ef },
    concurrently: options.concurrently !== false,
  };
}

export function ivfflatJob(given: IvfflatOptions, spec: TableSpec): IndexJob {
  const options = readOptions('options', given, IVFFLAT_OPTIONS);
  return {
    kind: 'ivfflat',
    metric: options.metric ?? spec.metric,
    parameters: { lists: options.lists ?? 100 },
    concurrently: options.concurrently !== false,
  };
}

const nameOf = (spec: TableSpec, kind: IndexKind, metric: Metric): string =>
  `${spec.table}_${kind === 'hnsw' ? 'h' : 'i'}_${metric}`;

/**
 * Builds an index unless there is a usable one of its kind and metric. One that a broken build left
 * behind is dropped first.
 */
export async function createIndex(
  connection: PgConnection,
  spec: TableSpec,
  state: TableState,
  job: IndexJob,
): Promise<void> {
  const name = nameOf(spec, job.kind, job.metric);
  const qualified = `${quote(spec.schema)}.${quote(name)}`;
  const ops = `${state.ext}.${spec.type}_${OPERATORS[job.metric].ops}`;
  const parameters = Object.entries(job.parameters).map(([key, value]) => `${key} = ${value}`);
  const create = (how: string): string =>
    `CREATE INDEX ${how} IF NOT EXISTS ${quote(name)} ON ${state.table}
     USING ${job.kind} (embedding ${ops}) WITH (${parameters.join(', ')})`;
  await connection.alone(async (sql) => {
    // For the session: CREATE INDEX CONCURRENTLY refuses to run in a transaction.
    await sql('SET statement_timeout = 0');
    const lock = [LOCK, spec.table];
    try {
      // An index that somebody else is building looks like one that was left behind. Asked again and
      // again instead of waited for: a waiting statement would hold up CREATE INDEX CONCURRENTLY itself.
      for (;;) {
        const [got] = await sql('SELECT pg_try_advisory_lock($1, hashtext($2)) AS yes', lock);
        if (got?.yes === true) break;
        await sleep(LOCK_POLL_MS);
      }
      const [found] = await sql(
        `SELECT i.indisvalid AS valid FROM pg_index i WHERE i.indexrelid = to_regclass($1)`,
        [qualified],
      );
      if (found?.valid === false) await sql(`DROP INDEX ${qualified}`);
      await sql(create(job.concurrently ? 'CONCURRENTLY' : ''));
      // Without figures about the new rows the planner may not see that the index is worth using.
      await sql(`ANALYZE ${state.table}`);
    } finally {
      await sql('SELECT pg_advisory_unlock($1, hashtext($2))', lock).catch(() => undefined);
      await sql('RESET statement_timeout').catch(() => undefined);
    }
  });
}

/** The indexes on the vectors that can be used now, ours and those somebody else made. */
export async function findIndexes(sql: Sql, state: TableState): Promise<FoundIndex[]> {
  const rows = await sql(
    `SELECT a.amname AS kind, o.opcname AS ops, c.reloptions AS options
     FROM pg_index i
     JOIN pg_class c ON c.oid = i.indexrelid
     JOIN pg_am a ON a.oid = c.relam
     JOIN pg_opclass o ON o.oid = i.indclass[0]
     WHERE i.indrelid = to_regclass($1) AND a.amname IN ('hnsw', 'ivfflat')
       AND i.indisvalid AND i.indisready AND i.indpred IS NULL AND i.indexprs IS NULL`,
    [state.table],
  );
  return rows.flatMap((row) => {
    const metric = METRICS.find((one) => String(row.ops).endsWith(OPERATORS[one].ops));
    if (metric === undefined) return [];
    const options = (row.options as readonly string[] | null) ?? [];
    const lists = options.find((option) => option.startsWith('lists='))?.slice('lists='.length);
    const kind = row.kind as IndexKind;
    return [{ kind, metric, lists: kind === 'ivfflat' ? Number(lists ?? 100) : 0 }];
  });
}
