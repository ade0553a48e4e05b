/**
 * Indexes for nearest neighbors: HNSW (better recall, slower to build) and IVFFlat (faster to build, needs
 * its rows first). Built concurrently with writes if the server can. An existing index with other
 * parameters is an error or, on request, replaced.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { makeError } from '../../../../base/errors';
import { BOOLEAN, integer, oneOf, readOptions, type OptionRules } from '../../../../base/options';
import { checkInteger, outOfRange } from '../../checks';
import { quote } from '../../identifiers';
import type { VectorColumn } from './pg-column';
import type { PgConnection, Sql } from '../pg-connection';
import { searchDefaults } from '../../settings';
import type { Metric } from '../../vector-store';

/** Advisory lock that serializes index builds of a table ("SLix"). */
const LOCK = 0x534c6978;
const LOCK_POLL_MS = 250;

export const METRICS: readonly Metric[] = ['cosine', 'euclidean', 'dot'];

/** By metric: operator of the distance, and the suffix of the operator class. */
export const OPERATORS: Readonly<
  Record<Metric, { readonly distance: string; readonly ops: string }>
> = {
  cosine: { distance: '<=>', ops: 'cosine_ops' },
  euclidean: { distance: '<->', ops: 'l2_ops' },
  // pgvector returns the negative inner product, like the engine.
  dot: { distance: '<#>', ops: 'ip_ops' },
};

export interface HnswOptions {
  /** Default: the store's. An index serves one metric. */
  readonly metric?: Metric;
  /** Most links per node, 2..100; default EMBEDDING_HNSW_M or 16. */
  readonly m?: number;
  /**
   * Candidate list size while building, 4..1000 and at least 2 * m; default
   * EMBEDDING_HNSW_EF_CONSTRUCTION or 64, or 2 * m where that is more.
   */
  readonly efConstruction?: number;
  /** Writes continue during the build; default true. */
  readonly concurrently?: boolean;
  /**
   * Rebuilds an index with other parameters beside the old one, then drops the old one. Default false:
   * ERR_FILE_EXISTS.
   */
  readonly replace?: boolean;
}

export interface IvfflatOptions {
  readonly metric?: Metric;
  /** 1..32768; default 100. Rows / 1000 up to a million rows, their square root beyond. */
  readonly lists?: number;
  readonly concurrently?: boolean;
  readonly replace?: boolean;
}

const HNSW_OPTIONS: OptionRules<HnswOptions> = {
  metric: oneOf(METRICS),
  m: integer(2, 100),
  efConstruction: integer(4, 1000),
  concurrently: BOOLEAN,
  replace: BOOLEAN,
};

const IVFFLAT_OPTIONS: OptionRules<IvfflatOptions> = {
  metric: oneOf(METRICS),
  lists: integer(1, 32_768),
  concurrently: BOOLEAN,
  replace: BOOLEAN,
};

export type IndexKind = 'hnsw' | 'ivfflat';

/** A usable index. */
export interface FoundIndex {
  /** Quoted, with its schema. */
  readonly name: string;
  readonly kind: IndexKind;
  readonly metric: Metric;
  /** `m` and `ef_construction`, or `lists`; pgvector's defaults where none were given. */
  readonly parameters: Readonly<Record<string, number>>;
}

interface IndexJob {
  readonly kind: IndexKind;
  readonly metric: Metric;
  /** By pgvector's names. */
  readonly parameters: Readonly<Record<string, number>>;
  /** The parameters that were requested; for the others any value is fine. */
  readonly asked: ReadonlySet<string>;
  readonly concurrently: boolean;
  readonly replace: boolean;
}

/** pgvector's default for an absent parameter. */
const UNSAID: Readonly<Record<IndexKind, Readonly<Record<string, number>>>> = {
  hnsw: { m: 16, ef_construction: 64 },
  ivfflat: { lists: 100 },
};

/** @param ofStore  the metric if `options` has none */
export function hnswJob(given: HnswOptions, ofStore: Metric): IndexJob {
  const options = readOptions('options', given, HNSW_OPTIONS);
  const defaults = searchDefaults();
  const m = options.m ?? defaults.m ?? 16;
  const wanted = options.efConstruction ?? defaults.efConstruction;
  const ef = checkInteger('efConstruction', wanted ?? Math.max(64, 2 * m), 4, 1000);
  if (ef < 2 * m) throw outOfRange('efConstruction', `at least 2 * m = ${2 * m}`, ef);
  const asked = new Set<string>();
  if ((options.m ?? defaults.m) !== undefined) asked.add('m');
  if (wanted !== undefined) asked.add('ef_construction');
  return job('hnsw', options, ofStore, { m, ef_construction: ef }, asked);
}

export function ivfflatJob(given: IvfflatOptions, ofStore: Metric): IndexJob {
  const options = readOptions('options', given, IVFFLAT_OPTIONS);
  const { lists = 100 } = options;
  return job('ivfflat', options, ofStore, { lists }, new Set(options.lists ? ['lists'] : []));
}

function job(
  kind: IndexKind,
  { metric, concurrently, replace }: HnswOptions | IvfflatOptions,
  ofStore: Metric,
  parameters: IndexJob['parameters'],
  asked: IndexJob['asked'],
): IndexJob {
  return {
    kind,
    metric: metric ?? ofStore,
    parameters,
    asked,
    concurrently: concurrently !== false,
    replace: replace === true,
  };
}

const listOf = (parameters: IndexJob['parameters']): string =>
  Object.entries(parameters)
    .map(([key, value]) => `${key} = ${value}`)
    .join(', ');

/**
 * Builds an index unless there is a usable one of its kind, metric and parameters. Drops the remains of a
 * failed build first.
 *
 * @throws ERR_FILE_EXISTS for one with other parameters, unless the job replaces it
 */
export async function createIndex(
  connection: PgConnection,
  target: VectorColumn,
  wanted: IndexJob,
): Promise<void> {
  await connection.alone(async (sql) => {
    // For the session: CREATE INDEX CONCURRENTLY cannot run in a transaction.
    await sql('SET statement_timeout = 0');
    const lock = [LOCK, target.tableName];
    try {
      // An index being built by another session looks like a failed build. Polls instead of blocking: a
      // waiting statement would block CREATE INDEX CONCURRENTLY itself.
      for (;;) {
        const [got] = await sql('SELECT pg_try_advisory_lock($1, hashtext($2)) AS yes', lock);
        if (got?.yes === true) break;
        await sleep(LOCK_POLL_MS);
      }
      await build(sql, target, wanted);
      // Without statistics on the new rows the planner may ignore the index.
      await sql(`ANALYZE ${target.table}`);
    } finally {
      await sql('SELECT pg_advisory_unlock($1, hashtext($2))', lock).catch(() => undefined);
      await sql('RESET statement_timeout').catch(() => undefined);
    }
  });
}

async function build(sql: Sql, target: VectorColumn, wanted: IndexJob): Promise<void> {
  const { kind, metric, parameters } = wanted;
  const found = await findIndexes(sql, target);
  const alike = found.filter((index) => index.kind === kind && index.metric === metric);
  const fits = (index: FoundIndex): boolean =>
    [...wanted.asked].every((name) => index.parameters[name] === parameters[name]);
  const others = alike.filter((index) => !fits(index));
  const [other] = others;
  if (other !== undefined && !wanted.replace) {
    throw makeError(
      'ERR_FILE_EXISTS',
      `${other.name} is there with ${listOf(other.parameters)}, not with ${listOf(parameters)}: ` +
        'give `replace: true` to build it again, or leave the parameters out to keep it',
      { details: { index: other.name, recorded: other.parameters, given: parameters } },
    );
  }
  const how = wanted.concurrently ? 'CONCURRENTLY' : '';
  if (others.length === alike.length) {
    const name = quote(await freeName(sql, target, wanted, found));
    const ops = `${target.ext}.${target.type}_${OPERATORS[metric].ops}`;
    await sql(
      `CREATE INDEX ${how} ${name} ON ${target.table}
       USING ${kind} (${target.column} ${ops}) WITH (${listOf(parameters)})`,
    );
  }
  for (const { name } of others) await sql(`DROP INDEX ${how} IF EXISTS ${name}`);
}

/**
 * Alternates between two names, so that an index can be built beside the one it replaces. Drops what a
 * failed build left under them.
 */
async function freeName(
  sql: Sql,
  target: VectorColumn,
  { kind, metric }: IndexJob,
  found: readonly FoundIndex[],
): Promise<string> {
  const first = `${target.indexPrefix}_${kind === 'hnsw' ? 'h' : 'i'}_${metric}`;
  for (const name of [first, `${first}_2`]) {
    const qualified = `${quote(target.schemaName)}.${quote(name)}`;
    if (found.some((index) => index.name === qualified)) continue;
    const [taken] = await sql(
      `SELECT i.indisvalid AS valid, i.indrelid = to_regclass($2) AS ours
       FROM pg_class c LEFT JOIN pg_index i ON i.indexrelid = c.oid WHERE c.oid = to_regclass($1)`,
      [qualified, target.table],
    );
    if (taken === undefined) return name;
    if (taken.ours === true && taken.valid === false) {
      await sql(`DROP INDEX ${qualified}`);
      return name;
    }
  }
  throw makeError(
    'ERR_FILE_EXISTS',
    `the names ${first} and ${first}_2 are taken by something else: rename it, or drop it`,
    { details: { name: first } },
  );
}

/** The usable indexes on the column, ours and others. */
export async function findIndexes(sql: Sql, target: VectorColumn): Promise<FoundIndex[]> {
  const rows = await sql(
    `SELECT a.amname AS kind, o.opcname AS ops, c.reloptions AS options,
       n.nspname AS schema, c.relname AS name
     FROM pg_index i
     JOIN pg_class c ON c.oid = i.indexrelid
     JOIN pg_namespace n ON n.oid = c.relnamespace
     JOIN pg_am a ON a.oid = c.relam
     JOIN pg_opclass o ON o.oid = i.indclass[0]
     JOIN pg_attribute t ON t.attrelid = i.indrelid AND t.attnum = i.indkey[0]
     WHERE i.indrelid = to_regclass($1) AND t.attname = $2
       AND a.amname IN ('hnsw', 'ivfflat')
       AND i.indisvalid AND i.indisready AND i.indpred IS NULL AND i.indexprs IS NULL
     ORDER BY c.relname`,
    [target.table, target.columnName],
  );
  return rows.flatMap((row) => {
    const metric = METRICS.find((one) => String(row.ops).endsWith(OPERATORS[one].ops));
    if (metric === undefined) return [];
    const kind = row.kind as IndexKind;
    const said = ((row.options as readonly string[] | null) ?? []).map((option) => {
      const [name = '', value] = option.split('=');
      return [name, Number(value)] as const;
    });
    const parameters = { ...UNSAID[kind], ...Object.fromEntries(said) };
    return [
      { name: `${quote(String(row.schema))}.${quote(String(row.name))}`, kind, metric, parameters },
    ];
  });
}
