/**
 * Similarity search and indexing over an existing table of an application: the vector search functions of
 * spec 002. Writes only the embedding column.
 */
import { types } from 'node:util';
import { similarityOf } from '../../../base/metric';
import { makeError } from '../../../base/errors';
import {
  ANYTHING,
  arrayOf,
  BOOLEAN,
  checkNames,
  integer,
  number,
  readOptions,
  RECORD,
  type OptionRules,
} from '../../../base/options';
import { checkText, checkVectors, outOfRange, wrongType } from '../checks';
import { vectorArrayParameter } from './pg-binary';
import { PgConnection, type SqlRow, type SqlValue } from './pg-connection';
import type { Condition } from './pg-filter';
import {
  createIndex,
  findIndexes,
  hnswJob,
  ivfflatJob,
  type HnswOptions,
  type IvfflatOptions,
} from './schema/pg-index';
import { MAX_DISTANCE, QUERY } from '../option-rules';
import { checkConnection, CONNECTION_OPTIONS, type PgConnectionOptions } from './pg-options';
import { MAX_HALFVEC_DIM } from './schema/pg-schema';
import { searchColumn, searchJob } from './pg-search';
import { columnOf, readTable, type ApplicationTable } from './schema/pg-table-schema';
import { quote } from '../identifiers';
import { searchDefaults } from '../settings';
import { type Metric } from '../vector-store';

export interface PgEmbeddingTableOptions extends PgConnectionOptions {
  /** As it is called in the database, capitals included. */
  readonly table: string;
  /** Default `public`. */
  readonly schema?: string;
  /** Default `id`. Of any type that can be compared: integer, bigint, uuid, text, ... */
  readonly idColumn?: string;
  /** Of type `vector` or `halfvec`. */
  readonly embeddingColumn: string;
  /** Values of a vector: needed where the column does not say, checked where it does. */
  readonly dim?: number;
  /** Columns of results; default all but those of vectors. */
  readonly columns?: readonly string[];
  /** Adds the column, of `dim` values, where it is missing. Default false. */
  readonly addColumn?: boolean;
}

const TABLE_OPTIONS: OptionRules<PgEmbeddingTableOptions> = {
  ...CONNECTION_OPTIONS,
  maxWaiting: integer(1, 100_000),
  table: checkText,
  schema: checkText,
  idColumn: checkText,
  embeddingColumn: checkText,
  dim: integer(1, MAX_HALFVEC_DIM),
  columns: arrayOf(checkText),
  addColumn: BOOLEAN,
};

export type ColumnValue = string | number | bigint | boolean | Date | null;

/** Parts hold all; a part holds where the column is equal to the value, or to one of several. */
export type TableFilters = Readonly<Record<string, ColumnValue | readonly ColumnValue[]>>;

export interface TableSimilarityQuery {
  /** `dim` values, any length > 0. */
  readonly query: Float32Array;
  /** 1..10000; default EMBEDDING_SIMILARITY_TOP_K or 10. */
  readonly topK?: number;
  /** Smallest cosine returned, -1..1; default EMBEDDING_SIMILARITY_THRESHOLD or all. */
  readonly threshold?: number;
  readonly filters?: TableFilters;
  /** Candidate list size of HNSW, at most 1000. */
  readonly efSearch?: number;
}

export interface TableDistanceQuery extends Omit<TableSimilarityQuery, 'threshold'> {
  /** Largest distance returned; default all. */
  readonly maxDistance?: number;
}

/**
 * The columns of the row, and beside them, whatever the table calls its own: `similarity` (the cosine; of
 * Euclidean searches `1 / (1 + distance)`) and `distance`.
 */
export type TableHit = Readonly<Record<string, unknown>> & {
  readonly similarity: number;
  readonly distance: number;
};

/** What is asked is held against the table where its columns are known. */
const QUERY_RULES = { ...QUERY, filters: RECORD } as const;
const SIMILARITY_RULES: OptionRules<TableSimilarityQuery> = {
  ...QUERY_RULES,
  threshold: number(-1, 1),
};
const DISTANCE_RULES: OptionRules<TableDistanceQuery> = {
  ...QUERY_RULES,
  maxDistance: MAX_DISTANCE,
};

export interface TableEmbedding {
  readonly id: string | number | bigint;
  /** `dim` values, finite; stored as they are. */
  readonly embedding: Float32Array;
}

const EMBEDDING_RULES: OptionRules<TableEmbedding> = { id: ANYTHING, embedding: ANYTHING };

/** Bytes of one statement. */
const CHUNK_BYTES = 4 * 1024 * 1024;
const CHUNK_ROWS = 1000;

export class PgEmbeddingTable implements AsyncDisposable {
  private constructor(
    private readonly connection: PgConnection,
    private readonly parts: ApplicationTable,
    private readonly idColumn: string,
  ) {}

  /**
   * @throws ERR_NOT_FOUND (no such table) | ERR_ARG_RANGE (no such column) | ERR_DIM_MISMATCH |
   *   ERR_STORE_UNAVAILABLE | ERR_STORE_DENIED | ERR_STORE_EXTENSION
   */
  static async open(options: PgEmbeddingTableOptions): Promise<PgEmbeddingTable> {
    const given = readOptions('options', options, TABLE_OPTIONS);
    for (const name of ['table', 'embeddingColumn'] as const) checkText(name, given[name]);
    const { table, schema = 'public', idColumn = 'id', embeddingColumn, dim } = given;
    const { columns, addColumn = false } = given;
    const names = { schema, table, idColumn, embeddingColumn, dim, columns, addColumn };
    const connection = await PgConnection.create(checkConnection(given));
    try {
      return new PgEmbeddingTable(connection, await readTable(connection, names), idColumn);
    } catch (error) {
      await connection.close();
      throw error;
    }
  }

  /** Values of a vector. */
  get dim(): number {
    return this.parts.target.dim;
  }

  /** By cosine, best first; rows without an embedding, or with one of zeros, are left out. */
  async cosineSimilaritySearch(search: TableSimilarityQuery): Promise<TableHit[]> {
    const { threshold = searchDefaults().threshold, ...rest } = readOptions(
      'options',
      search,
      SIMILARITY_RULES,
    );
    return this.find('cosine', rest, 1 - threshold);
  }

  /** By Euclidean distance of the vectors as they are stored, nearest first. */
  async euclideanDistanceSearch(search: TableDistanceQuery): Promise<TableHit[]> {
    const { maxDistance = Infinity, ...rest } = readOptions('options', search, DISTANCE_RULES);
    return this.find('euclidean', rest, maxDistance);
  }

  private async find(
    metric: Metric,
    search: TableDistanceQuery,
    mostDistance: number,
  ): Promise<TableHit[]> {
    const { target, types } = this.parts;
    const { query, topK = searchDefaults().topK, filters = {}, efSearch } = search;
    const job = searchJob(target, metric, query, topK, { efSearch }, false);
    const condition = conditionOf(target.column, types, filters);
    // Asked each time: others build and drop indexes of their table without telling us.
    const indexes = await this.connection.transaction((sql) => findIndexes(sql, target), {
      readOnly: true,
    });
    const rows = await searchColumn(this.connection, target, indexes, job, condition);
    const hits = rows.map((row) => this.hitOf(metric, row));
    return hits.filter(({ distance }) => distance <= mostDistance);
  }

  private hitOf(metric: Metric, row: SqlRow): TableHit {
    const own: Record<string, unknown> = {};
    for (const [name, value] of Object.entries(row)) {
      if (name.startsWith('_sightline_')) continue;
      // The driver gives 64-bit integers as text, because not all of them are exact as numbers.
      const isLong = this.parts.types.get(name) === 'bigint' && typeof value === 'string';
      own[name] = isLong ? wholeNumber(value) : value;
    }
    const raw = Number(row['_sightline_distance']);
    // Rounding may carry a cosine distance past its ends.
    const distance = metric === 'cosine' ? Math.min(2, Math.max(0, raw)) : raw;
    return { ...own, similarity: similarityOf(metric, distance), distance };
  }

  /** @returns whether there is a row of that id, which has the embedding now */
  async indexEmbedding(one: TableEmbedding): Promise<boolean> {
    return (await this.batchIndexEmbeddings([one])) === 1;
  }

  /**
   * Gives rows their embedding, in chunks that are each durable or not there; may be repeated.
   *
   * @returns how many rows have got one: ids without a row are not counted
   * @throws ERR_DIM_MISMATCH | ERR_VECTOR_INVALID | ERR_ARG_TYPE | ERR_ARG_RANGE | ERR_STORE_*
   */
  async batchIndexEmbeddings(list: readonly TableEmbedding[]): Promise<number> {
    if (!Array.isArray(list)) throw wrongType('embeddings', 'an array', list);
    const { target, vectorOid, types } = this.parts;
    const { dim } = target;
    const all = list as readonly TableEmbedding[];
    all.forEach((one, i) => checkNames(`embeddings[${i}]`, one, EMBEDDING_RULES));
    const ids = all.map(({ id }, i) => checkId(`embeddings[${i}].id`, id));
    const idType = columnOf(types, this.idColumn);
    const cast = target.type === 'halfvec' ? `::${target.ext}.halfvec(${dim})` : '';
    const size = Math.max(1, Math.min(CHUNK_ROWS, Math.floor(CHUNK_BYTES / (4 * dim))));
    const vectors = all.map(({ embedding }, i) =>
      checkVectors(`embeddings[${i}].embedding`, embedding, { n: 1, dim, metric: 'euclidean' }),
    );
    let count = 0;
    for (let start = 0; start < all.length; start += size) {
      const part = vectors.slice(start, start + size);
      const flat = new Float32Array(part.length * dim);
      part.forEach((vector, i) => flat.set(vector, i * dim));
      const values: SqlValue[] = [
        ids.slice(start, start + size),
        vectorArrayParameter(flat, dim, vectorOid),
      ];
      const [counted] = await this.connection.transaction(
        (sql) =>
          sql(
            // The last of an id that is given twice: as if they were written one after another.
            `WITH given AS (
               SELECT DISTINCT ON (id) id, embedding
               FROM unnest($1::${idType}[], $2::${target.ext}.vector[]) WITH ORDINALITY
                 AS u (id, embedding, place) ORDER BY id, place DESC),
             written AS (
               UPDATE ${target.table} AS t SET ${target.column} = given.embedding${cast}
               FROM given WHERE t.${quote(this.idColumn)} = given.id RETURNING 1)
             SELECT count(*) AS n FROM written`,
            values,
          ),
        { isRepeatable: true },
      );
      count += Number(counted?.n ?? 0);
    }
    return count;
  }

  /**
   * Builds an HNSW index on the column unless there is one; by cosine unless told otherwise.
   *
   * @throws ERR_FILE_EXISTS for one with other parameters, unless `replace` | ERR_ARG_RANGE | ERR_STORE_*
   */
  createHnswIndex(options: HnswOptions = {}): Promise<void> {
    return createIndex(this.connection, this.parts.target, hnswJob(options, 'cosine'));
  }

  /** The same with IVFFlat: fill the table first, its lists are made from the rows. */
  createIvfflatIndex(options: IvfflatOptions = {}): Promise<void> {
    return createIndex(this.connection, this.parts.target, ivfflatJob(options, 'cosine'));
  }

  close(): Promise<void> {
    return this.connection.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

const wholeNumber = (text: string): number | bigint =>
  Number.isSafeInteger(Number(text)) ? Number(text) : BigInt(text);

/** Conditions joined by AND; values from `$3` on. @throws ERR_ARG_TYPE | ERR_ARG_RANGE */
function conditionOf(
  column: string,
  types: ReadonlyMap<string, string>,
  filters: TableFilters,
): Condition {
  if (typeof filters !== 'object' || (filters as unknown) === null || Array.isArray(filters))
    throw wrongType('filters', 'an object', filters);
  const parts = [`${column} IS NOT NULL`];
  const values: SqlValue[] = [];
  for (const [name, wanted] of Object.entries(filters)) {
    const type = columnOf(types, name);
    if (type.endsWith('[]') || type === 'json')
      throw outOfRange(`filters.${name}`, 'a column that can be compared', `one of type ${type}`);
    const list = (Array.isArray(wanted) ? wanted : [wanted]) as readonly ColumnValue[];
    const given = list.filter((value) => value !== null);
    const options = given.length < list.length ? [`${quote(name)} IS NULL`] : [];
    if (given.length > 0) {
      values.push(given.map((value) => checkFilter(`filters.${name}`, value)));
      options.push(`${quote(name)} = ANY($${2 + values.length}::${type}[])`);
    }
    parts.push(options.length > 0 ? `(${options.join(' OR ')})` : 'false');
  }
  return { sql: parts.join(' AND '), values, most: Infinity };
}

function checkFilter(name: string, value: unknown): string {
  if (typeof value === 'string') return checkText(name, value);
  if (types.isDate(value) && !Number.isNaN(value.getTime())) return value.toISOString();
  if (typeof value === 'number' || typeof value === 'bigint' || typeof value === 'boolean')
    return String(value);
  throw wrongType(name, 'a string, number, bigint, boolean, Date or null', value);
}

function checkId(name: string, value: unknown): string {
  if (typeof value === 'string') return checkText(name, value);
  if (typeof value === 'bigint' || (typeof value === 'number' && Number.isSafeInteger(value)))
    return String(value);
  if (typeof value === 'number')
    throw outOfRange(name, 'a whole number of at most 2^53 - 1, a bigint or a string', value);
  throw makeError('ERR_ARG_TYPE', `${name} must be a whole number, a bigint or a string`);
}
