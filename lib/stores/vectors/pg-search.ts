/**
 * Searches. By an index where one serves the metric; then, if filters starved it, by comparing all
 * rows, so that there are always `min(k, matches)` results.
 */
import { readOptions } from '../../options';
import { checkInteger, checkVectors, MAX_K } from './checks';
import { SEARCH_OPTIONS } from './option-rules';
import { vectorParameter } from './pg-binary';
import type { PgConnection, Sql, SqlRow, SqlValue } from './pg-connection';
import { compileFilter, FEW_ROWS } from './pg-filter';
import { OPERATORS, type FoundIndex } from './pg-index';
import type { TableSpec, TableState } from './pg-schema';
import { similarityOf, type Metric, type StoreHits, type StoreSearchOptions } from './vector-store';

/** What pgvector takes at most. */
const MAX_EF_SEARCH = 1000;
export const DEFAULT_EF_SEARCH = 100;

export interface SearchJob {
  readonly metric: Metric;
  readonly query: Float32Array;
  readonly k: number;
  readonly options: StoreSearchOptions;
  readonly isExact: boolean;
}

/** @throws ERR_ARG_TYPE | ERR_ARG_RANGE | ERR_DIM_MISMATCH | ERR_VECTOR_INVALID */
export function searchJob(
  spec: TableSpec,
  metric: Metric,
  query: Float32Array,
  k: number,
  given: StoreSearchOptions,
  isExact: boolean,
): SearchJob {
  checkInteger('k', k, 1, MAX_K);
  const options = readOptions('options', given, SEARCH_OPTIONS);
  const checked = checkVectors('query', query, { n: 1, dim: spec.dim, metric });
  return { metric, query: checked, k, options, isExact };
}

export async function searchTable(
  connection: PgConnection,
  spec: TableSpec,
  state: TableState,
  indexes: readonly FoundIndex[],
  job: SearchJob,
): Promise<StoreHits> {
  const { k, options } = job;
  const condition = compileFilter(options.filter, spec.columns, 3);
  if (condition.most === 0) return toHits([], job);
  const index = job.isExact ? undefined : usable(indexes, job.metric);
  // A walk without iterative scan gives at most ef_search rows, before the filter.
  const isFew = condition.most <= Math.max(k, FEW_ROWS);
  const canWalk =
    index !== undefined && !isFew && (state.version.hasIterativeScan || k <= MAX_EF_SEARCH);
  const run = async (sql: Sql, byIndex: boolean): Promise<SqlRow[]> => {
    const text = statement(spec, state, job.metric, condition.sql, byIndex);
    const values: SqlValue[] = [vectorParameter(job.query), k, ...condition.values];
    return sql(text, values);
  };
  const rows = await connection.transaction(
    async (sql) => {
      if (!canWalk) return run(sql, false);
      const found = await run(sql, true);
      // Fewer than asked: there are no more, or the index gave up looking. Only a scan can tell.
      return found.length < k ? run(sql, false) : found;
    },
    { readOnly: true, settings: canWalk ? settingsOf(index, state, k, options.efSearch) : [] },
  );
  return toHits(rows, job);
}

/** HNSW first. */
function usable(indexes: readonly FoundIndex[], metric: Metric): FoundIndex | undefined {
  const fitting = indexes.filter((index) => index.metric === metric);
  return fitting.find((index) => index.kind === 'hnsw') ?? fitting[0];
}

function settingsOf(
  index: FoundIndex,
  { version }: TableState,
  k: number,
  efSearch = DEFAULT_EF_SEARCH,
): string[] {
  if (index.kind === 'ivfflat') {
    // The square root of the lists is pgvector's own advice. Order is restored by the statement.
    const probes = Math.max(1, Math.round(Math.sqrt(index.lists)));
    const iterate = version.hasIterativeScan
      ? ['SET LOCAL ivfflat.iterative_scan = relaxed_order']
      : [];
    return [`SET LOCAL ivfflat.probes = ${probes}`, ...iterate];
  }
  const ef = Math.min(Math.max(efSearch, k), MAX_EF_SEARCH);
  const iterate = version.hasIterativeScan ? ['SET LOCAL hnsw.iterative_scan = strict_order'] : [];
  return [`SET LOCAL hnsw.ef_search = ${ef}`, ...iterate];
}

function statement(
  spec: TableSpec,
  { table, ext }: TableState,
  metric: Metric,
  condition: string,
  byIndex: boolean,
): string {
  const cast = spec.type === 'halfvec' ? `::${ext}.halfvec(${spec.dim})` : '';
  const distance = `embedding OPERATOR(${ext}.${OPERATORS[metric].distance}) ($1::${ext}.vector)${cast}`;
  const where = condition === '' ? '' : `WHERE ${condition}`;
  // An index can only serve an ORDER BY of exactly the distance. Adding 0 keeps the planner from it,
  // also from an index followed by an incremental sort for the key, which would not be exact.
  const inner = byIndex
    ? `SELECT key, "row", ${distance} AS distance FROM ${table} ${where} ORDER BY ${distance} LIMIT $2`
    : `SELECT key, "row", (${distance}) + 0 AS distance FROM ${table} ${where} ORDER BY 3, 1 LIMIT $2`;
  return `SELECT key, "row", distance FROM (${inner}) AS found ORDER BY distance, key`;
}

function toHits(rows: readonly SqlRow[], { metric, options }: SearchJob): StoreHits {
  const { threshold = Infinity } = options;
  const distances = Float32Array.from(rows, (row) => Number(row.distance));
  // Cut here and not in SQL: how many rows there were tells whether the index was starved.
  const beyond = distances.findIndex((distance) => distance > threshold);
  const n = beyond < 0 ? rows.length : beyond;
  const kept = rows.slice(0, n);
  return {
    keys: Float64Array.from(kept, (row) => Number(row.key)),
    nodes: Uint32Array.from(kept, (row) => Number(row.row)),
    distances: distances.slice(0, n),
    similarities: Float32Array.from(distances.slice(0, n), (one) => similarityOf(metric, one)),
  };
}
