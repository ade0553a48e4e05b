/** Vectors in a table of PostgreSQL with pgvector. */
import { types } from 'node:util';
import { checkPresent } from '../../../base/arrays';
import { makeError } from '../../../base/errors';
import { checkNames, readOptions } from '../../../base/options';
import { checkInteger, checkKeys, checkVectors, MAX_ROWS, wrongType } from '../checks';
import { BATCH_OPTIONS, DISTANCE_QUERY, EMBEDDING, SIMILARITY_QUERY } from '../option-rules';
import { keysParameter, readVector } from './pg-binary';
import { PgConnection, type Sql } from './pg-connection';
import { storeColumn, type VectorColumn } from './schema/pg-column';
import {
  createIndex,
  findIndexes,
  hnswJob,
  ivfflatJob,
  type FoundIndex,
  type HnswOptions,
  type IvfflatOptions,
} from './schema/pg-index';
import {
  checkConnection,
  checkSpec,
  checkStoreOptions,
  type PgVectorStoreOptions,
} from './pg-options';
import { ensureTable, findTable, type TableSpec, type TableState } from './schema/pg-schema';
import { searchJob, searchTable } from './pg-search';
import { verifyTable } from './schema/pg-verify';
import { searchDefaults } from '../settings';
import { removeRows, rollbackRows, writeJob, writeRows, type WriteJob } from './pg-write';
import type {
  Attributes,
  Metric,
  StoreAddOptions,
  StoreFigures,
  StoreFilter,
  StoreHits,
  StoreKeys,
  StoreReport,
  StoreSearchOptions,
  VectorStore,
} from '../vector-store';

export interface SimilarityQuery {
  /** dim values, any length > 0. */
  readonly query: Float32Array;
  /** 1..10000; default EMBEDDING_SIMILARITY_TOP_K or 10. */
  readonly topK?: number;
  /** Smallest cosine returned, -1..1; default EMBEDDING_SIMILARITY_THRESHOLD or all. 0.7 suits sentences, 0.2 words about pictures. */
  readonly threshold?: number;
  readonly filters?: StoreFilter;
  readonly efSearch?: number;
}

export interface DistanceQuery extends Omit<SimilarityQuery, 'threshold'> {
  /** Largest distance returned; default all. */
  readonly maxDistance?: number;
}

export interface Embedding extends Attributes {
  readonly key: number;
  readonly embedding: Float32Array;
}

/** Below this many rows the server compares all in a few milliseconds; no index is built. */
const INDEX_FROM_ROWS = 5000;
export class PgVectorStore implements VectorStore {
  readonly dim: number;
  readonly metric: Metric;
  private rowCount = 0;
  private live = 0;
  private bytes = 0;
  private indexes: readonly FoundIndex[] = [];
  private readonly column: VectorColumn;

  private constructor(
    private readonly connection: PgConnection,
    private readonly spec: TableSpec,
    private readonly state: TableState,
    private readonly isReadOnly: boolean,
  ) {
    this.dim = spec.dim;
    this.metric = spec.metric;
    this.column = storeColumn(spec, state);
  }

  /**
   * Connects, and creates or checks the tables.
   *
   * @throws ERR_ARG_TYPE | ERR_ARG_RANGE | ERR_STORE_UNAVAILABLE | ERR_STORE_DENIED |
   *   ERR_STORE_EXTENSION | ERR_MODEL_MISMATCH | ERR_DIM_MISMATCH | ERR_FILE_VERSION |
   *   ERR_FILE_EXISTS (a foreign table of that name) | ERR_NOT_FOUND (read-only, nothing there)
   */
  static async open(given: PgVectorStoreOptions): Promise<PgVectorStore> {
    const options = checkStoreOptions(given);
    const spec = checkSpec(options);
    const connection = await PgConnection.create(checkConnection(options));
    try {
      const readOnly = options.readOnly === true;
      const state = await (readOnly ? findTable : ensureTable)(connection, spec);
      const store = new PgVectorStore(connection, spec, state, readOnly);
      await store.refresh();
      return store;
    } catch (error) {
      await connection.close();
      throw error;
    }
  }

  get table(): string {
    return this.spec.table;
  }

  get count(): number {
    return this.rowCount;
  }

  get liveCount(): number {
    return this.live;
  }

  async refresh(): Promise<void> {
    await this.connection.transaction((sql) => this.look(sql), { readOnly: true });
  }

  private async look(sql: Sql): Promise<void> {
    const { meta, table } = this.state;
    const [row] = await sql(
      `SELECT next_row, live_rows, pg_total_relation_size(to_regclass($2)) AS bytes
       FROM ${meta} WHERE table_name = $1`,
      [this.spec.table, table],
    );
    if (row === undefined)
      throw makeError('ERR_NOT_FOUND', `table "${this.spec.table}" is gone: open it for writing`);
    this.rowCount = Number(row.next_row);
    this.live = Number(row.live_rows);
    this.bytes = Number(row.bytes ?? 0);
    this.indexes = await findIndexes(sql, this.column);
  }

  add(
    vectors: Float32Array,
    options: StoreAddOptions,
  ): Promise<{ firstRow: number; rows: number }> {
    return this.write(vectors, options, false);
  }

  upsert(
    vectors: Float32Array,
    options: StoreAddOptions,
  ): Promise<{ firstRow: number; rows: number }> {
    return this.write(vectors, options, true);
  }

  /** Stores one vector; replaces that of a known key. */
  async indexEmbedding(one: Embedding): Promise<void> {
    await this.batchIndexEmbeddings([one]);
  }

  /**
   * Stores many, in chunks that are each all or nothing. Can be repeated after a failure.
   *
   * @returns the number of stored vectors
   * @throws as `upsert`
   */
  async batchIndexEmbeddings(
    list: readonly Embedding[],
    options: { readonly signal?: AbortSignal } = {},
  ): Promise<number> {
    const { signal } = readOptions('options', options, BATCH_OPTIONS);
    if (!Array.isArray(list)) throw wrongType('embeddings', 'an array', list);
    const vectors = new Float32Array(list.length * this.dim);
    for (const [i, one] of (list as readonly Embedding[]).entries()) {
      checkNames(`embeddings[${i}]`, one, EMBEDDING);
      if (!types.isFloat32Array(one.embedding))
        throw wrongType(`embeddings[${i}].embedding`, 'a Float32Array', one.embedding);
      checkPresent(`embeddings[${i}].embedding`, one.embedding);
      if (one.embedding.length !== this.dim) {
        throw makeError(
          'ERR_DIM_MISMATCH',
          `embeddings[${i}] has ${one.embedding.length} values, the table holds ${this.dim}`,
          { details: { received: one.embedding.length, expected: this.dim } },
        );
      }
      vectors.set(one.embedding, i * this.dim);
    }
    const keys = list.map((one: Embedding) => one.key);
    const attributes = list.map(({ columns, metadata }: Embedding) => ({ columns, metadata }));
    await this.upsert(vectors, { keys, attributes, signal });
    return list.length;
  }

  private async write(
    vectors: Float32Array,
    options: StoreAddOptions,
    replaces: boolean,
  ): Promise<{ firstRow: number; rows: number }> {
    this.assertWritable();
    const job: WriteJob = writeJob(this.spec, vectors, options, replaces);
    const { firstRow, rows, added } = await writeRows(this.connection, this.spec, this.state, job);
    this.rowCount = Math.max(this.rowCount, firstRow + rows);
    this.live += added;
    return { firstRow, rows };
  }

  async remove(keys: StoreKeys): Promise<number> {
    this.assertWritable();
    const checked = checkKeys('keys', keys);
    const gone = await removeRows(this.connection, this.spec, this.state, checked);
    this.live -= gone;
    return gone;
  }

  async rollbackTo(rowCount: number): Promise<void> {
    this.assertWritable();
    checkInteger('rowCount', rowCount, 0, MAX_ROWS);
    this.live -= await rollbackRows(this.connection, this.spec, this.state, rowCount);
    this.rowCount = Math.min(this.rowCount, rowCount);
  }

  /** Deletes the table and all that is in it. The store can only be closed then. */
  async drop(): Promise<void> {
    this.assertWritable();
    const { meta, table } = this.state;
    await this.connection.transaction(
      async (sql) => {
        await sql(`DROP TABLE IF EXISTS ${table}`);
        await sql(`DELETE FROM ${meta} WHERE table_name = $1`, [this.spec.table]);
      },
      { isRepeatable: true },
    );
  }

  async search(
    query: Float32Array,
    k: number,
    options: StoreSearchOptions = {},
  ): Promise<StoreHits> {
    return this.find(this.metric, query, k, options, false);
  }

  async searchExact(
    query: Float32Array,
    k: number,
    options: StoreSearchOptions = {},
  ): Promise<StoreHits> {
    return this.find(this.metric, query, k, options, true);
  }

  /** By cosine, whatever the store's metric; fast if there is an index for it. */
  async cosineSimilaritySearch(search: SimilarityQuery): Promise<StoreHits> {
    const defaults = searchDefaults();
    const given = readOptions('options', search, SIMILARITY_QUERY);
    const { query, topK = defaults.topK, threshold = defaults.threshold } = given;
    const { filters, efSearch } = given;
    const options = optionsOf(1 - threshold, filters, efSearch);
    return this.find('cosine', query, topK, options, false);
  }

  /**
   * By Euclidean distance. A cosine store holds unit vectors, so the query is normalized too and distances
   * are `sqrt(2 - 2 cosine)`, from 0 to 2: a raw query would have another scale.
   */
  async euclideanDistanceSearch(search: DistanceQuery): Promise<StoreHits> {
    const given = readOptions('options', search, DISTANCE_QUERY);
    const { query, topK = searchDefaults().topK, maxDistance = Infinity } = given;
    const { filters, efSearch } = given;
    const options = optionsOf(maxDistance, filters, efSearch);
    const scaled = this.metric === 'cosine' ? this.unit(query) : query;
    return this.find('euclidean', scaled, topK, options, false);
  }

  private find(
    metric: Metric,
    query: Float32Array,
    k: number,
    options: StoreSearchOptions,
    isExact: boolean,
  ): Promise<StoreHits> {
    const job = searchJob(this.spec, metric, query, k, options, isExact);
    return searchTable(this.connection, this.spec, this.column, this.indexes, job);
  }

  /** @throws as `search` */
  private unit(query: Float32Array): Float32Array {
    return checkVectors('query', query, { n: 1, dim: this.dim, metric: 'cosine' });
  }

  async get(keys: StoreKeys): Promise<(Float32Array | undefined)[]> {
    const cast = this.spec.type === 'halfvec' ? `embedding::${this.state.ext}.vector` : 'embedding';
    const found = await this.byKey(keys, `${this.state.ext}.vector_send(${cast})`);
    return found.map((bytes) => (bytes === undefined ? undefined : readVector(bytes as Buffer)));
  }

  async rowsOf(keys: StoreKeys): Promise<(number | undefined)[]> {
    const found = await this.byKey(keys, '"row"');
    return found.map((row) => (row === undefined ? undefined : Number(row)));
  }

  async keys(): Promise<Float64Array> {
    const rows = await this.connection.transaction(
      (sql) => sql(`SELECT key FROM ${this.state.table} ORDER BY "row"`),
      { readOnly: true },
    );
    return Float64Array.from(rows, (row) => Number(row.key));
  }

  /** The value of `expression`, an internal one, for each key. */
  private async byKey(keys: StoreKeys, expression: string): Promise<unknown[]> {
    const checked = checkKeys('keys', keys);
    const rows = await this.connection.transaction(
      (sql) =>
        sql(
          `SELECT key, ${expression} AS value FROM ${this.state.table} WHERE key = ANY($1::bigint[])`,
          [keysParameter(checked)],
        ),
      { readOnly: true },
    );
    const values = new Map(rows.map((row) => [Number(row.key), row.value]));
    return Array.from(checked, (key) => values.get(key));
  }

  /**
   * Builds an HNSW index unless there is one. Takes minutes for a million rows; searches and, by default,
   * writes continue.
   *
   * @throws ERR_ARG_RANGE | ERR_FILE_EXISTS (there is one with other parameters) | ERR_STORE_*
   */
  async createHnswIndex(options: HnswOptions = {}): Promise<void> {
    this.assertWritable();
    await createIndex(this.connection, this.column, hnswJob(options, this.metric));
    await this.refresh();
  }

  /** Builds an IVFFlat index unless there is one: fill the table first, its lists are made from the rows. @throws as createHnswIndex */
  async createIvfflatIndex(options: IvfflatOptions = {}): Promise<void> {
    this.assertWritable();
    await createIndex(this.connection, this.column, ivfflatJob(options, this.metric));
    await this.refresh();
  }

  /** Nothing to do: the server manages its memory. */
  warm(): Promise<void> {
    return Promise.resolve();
  }

  async save(): Promise<void> {
    this.assertWritable();
    await this.refresh();
    const hasIndex = this.indexes.some((index) => index.metric === this.metric);
    if (hasIndex || this.live < INDEX_FROM_ROWS) return;
    if (searchDefaults().usesHnsw) await this.createHnswIndex();
    else await this.createIvfflatIndex();
  }

  async verify(): Promise<StoreReport> {
    const report = await verifyTable(this.connection, this.spec, this.state);
    await this.refresh();
    return report;
  }

  figures(): StoreFigures {
    const { version } = this.state;
    return {
      where: `pgvector ${version.text} at ${this.connection.where}, table "${this.spec.table}"`,
      indexedRows: this.indexes.some((index) => index.metric === this.metric) ? this.live : 0,
      maxLevel: 0,
      kernel: `pgvector ${version.text}`,
      bytesOnDisk: this.bytes,
    };
  }

  close(): Promise<void> {
    return this.connection.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  private assertWritable(): void {
    if (this.isReadOnly) throw makeError('ERR_READ_ONLY', 'the vector store was opened read-only');
  }
}

function optionsOf(
  threshold: number,
  filter: StoreFilter | undefined,
  efSearch: number | undefined,
): StoreSearchOptions {
  return {
    threshold,
    filter,
    efSearch,
  };
}
