/**
 * Searches with an index if one serves the metric; if filters leave too few results, compares all rows, so
 * that there are always `min(k, matches)` results.
 */
import { MAX_HITS } from '../../../base/limits';
import { similarityOf } from '../../../base/metric';
import { readOptions } from '../../../base/options';
import { checkInteger, checkVectors } from '../checks';
import { SEARCH_OPTIONS } from '../option-rules';
import { vectorParameter } from './pg-binary';
import type { PgConnection, Sql, SqlRow, SqlValue } from './pg-connection';
import { compileFilter, FEW_ROWS, type Condition } from './pg-filter';
import { OPERATORS, type FoundIndex } from './schema/pg-index';
import type { VectorColumn } from './schema/pg-column';
import type { TableSpec } from './schema/pg-schema';
import { type Metric, type StoreHits, type StoreSearchOptions } from '../vector-store';

/** Largest k of pgvector searches. */
/** Largest `hnsw.ef_search` of pgvector; larger values are clamped. */
const PGVECTOR_MAX_EF = 1000;
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
  { dim }: { readonly dim: number },
  metric: Metric,
  query: Float32Array,
  k: number,
  given: StoreSearchOptions,
  isExact: boolean,
): SearchJob {
  checkInteger('k', k, 1, MAX_HITS);
  const options = readOptions('options', given, SEARCH_OPTIONS);
  const checked = checkVectors('query', query, { n: 1, dim, metric });
  return { metric, query: checked, k, options, isExact };
}

export async function searchTable(
  connection: PgConnection,
  spec: TableSpec,
  target: VectorColumn,
  indexes: readonly FoundIndex[],
  job: SearchJob,
): Promise<StoreHits> {
  const condition = compileFilter(job.options.filter, spec.columns, 3);
  return toHits(await searchColumn(connection, target, indexes, job, condition), job);
}

/**
 * The nearest rows in order, with the column's selected values and `distance`.
 *
 * @param condition  its values start at `$3`
 */
export async function searchColumn(
  connection: PgConnection,
  target: VectorColumn,
  indexes: readonly FoundIndex[],
  job: SearchJob,
  condition: Condition,
): Promise<SqlRow[]> {
  const { k, options } = job;
  if (condition.most === 0) return [];
  const fitting = job.isExact ? [] : indexes.filter((index) => index.metric === job.metric);
  // Without iterative scan a search returns at most ef_search rows, before the filter.
  const isFew = condition.most <= Math.max(k, FEW_ROWS);
  const canWalk =
    fitting.length > 0 && !isFew && (target.version.hasIterativeScan || k <= PGVECTOR_MAX_EF);
  const run = (sql: Sql, byIndex: boolean): Promise<SqlRow[]> => {
    const text = statement(target, job.metric, condition.sql, byIndex);
    const values: SqlValue[] = [vectorParameter(job.query), k, ...condition.values];
    return sql(text, values);
  };
  return connection.transaction(
    async (sql) => {
      if (!canWalk) return run(sql, false);
      const found = await run(sql, true);
      // Too few results: either there are no more, or the index gave up. Only a scan can tell.
      return found.length < k ? run(sql, false) : found;
    },
    { readOnly: true, settings: canWalk ? settingsOf(fitting, target, k, options.efSearch) : [] },
  );
}

/**
 * Set for every index that the planner may choose: an index used without its parameter runs with pgvector's
 * minimum (one list of IVFFlat: recall 0.66 where HNSW gave 0.99). Beside HNSW all lists of IVFFlat are
 * requested: the planner then estimates the cost of a full scan and chooses HNSW; if it chooses IVFFlat
 * anyway, the result is exact.
 */
function settingsOf(
  fitting: readonly FoundIndex[],
  { version }: VectorColumn,
  k: number,
  efSearch = DEFAULT_EF_SEARCH,
): string[] {
  const settings: string[] = [];
  const hasHnsw = fitting.some(({ kind }) => kind === 'hnsw');
  if (hasHnsw) {
    const ef = Math.min(Math.max(efSearch, k), PGVECTOR_MAX_EF);
    settings.push(`SET LOCAL hnsw.ef_search = ${ef}`);
    if (version.hasIterativeScan) settings.push('SET LOCAL hnsw.iterative_scan = strict_order');
  }
  const lists = Math.max(0, ...fitting.map((index) => index.parameters.lists ?? 0));
  if (lists > 0) {
    // The square root of the lists is pgvector's recommendation. The statement restores the order.
    const probes = hasHnsw ? lists : Math.max(1, Math.round(Math.sqrt(lists)));
    settings.push(`SET LOCAL ivfflat.probes = ${probes}`);
    if (version.hasIterativeScan) settings.push('SET LOCAL ivfflat.iterative_scan = relaxed_order');
  }
  return settings;
}

function statement(
  { table, column, ext, type, dim, select }: VectorColumn,
  metric: Metric,
  condition: string,
  byIndex: boolean,
): string {
  const cast = type === 'halfvec' ? `::${ext}.halfvec(${dim})` : '';
  const distance = `${column} OPERATOR(${ext}.${OPERATORS[metric].distance}) ($1::${ext}.vector)${cast}`;
  const where = condition === '' ? '' : `WHERE ${condition}`;
  const fields = select.join(', ');
  // An index serves only an ORDER BY of exactly the distance. Adding 0 disables it, also for an index scan
  // followed by an incremental sort by key, which would not be exact.
  const [price, order] = byIndex ? [distance, distance] : [`(${distance}) + 0`, `2, 1`];
  const inner = `SELECT ${select[0]} AS _sightline_key, ${price} AS _sightline_distance, ${fields} FROM ${table} ${where}
     ORDER BY ${order} LIMIT $2`;
  return `SELECT * FROM (${inner}) AS found ORDER BY _sightline_distance, _sightline_key`;
}

function toHits(rows: readonly SqlRow[], { metric, options }: SearchJob): StoreHits {
  const { threshold = Infinity } = options;
  const distances = Float32Array.from(rows, (row) =>
    inRange(metric, Number(row._sightline_distance)),
  );
  // Truncated here and not in SQL: the number of rows shows whether the index found enough.
  // NaN, which sorts last, is the cosine of a zero row: it has no direction and matches nothing.
  const beyond = distances.findIndex((distance) => !(distance <= threshold));
  const n = beyond < 0 ? rows.length : beyond;
  const kept = rows.slice(0, n);
  return {
    keys: Float64Array.from(kept, (row) => Number(row.key)),
    nodes: Uint32Array.from(kept, (row) => Number(row.row)),
    distances: distances.slice(0, n),
    similarities: Float32Array.from(distances.slice(0, n), (one) => similarityOf(metric, one)),
  };
}

/** Rounding may push a cosine distance out of range. */
function inRange(metric: Metric, distance: number): number {
  return metric === 'cosine' && !Number.isNaN(distance)
    ? Math.min(2, Math.max(0, distance))
    : distance;
}
