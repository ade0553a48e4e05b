/**
 * Vector stores: the `VectorStore` interface, which the embedded engine implements too, and PostgreSQL with
 * pgvector. Every name in a statement comes from an allow-list and every value is bound. Knows vectors,
 * keys and rows; nothing of media, catalogs or encoders. May use `lib/base`.
 */
export { PgVectorStore } from './pg/pg-vector-store';
export type { DistanceQuery, Embedding, SimilarityQuery } from './pg/pg-vector-store';
export {
  PgEmbeddingTable,
  type ColumnValue,
  type PgEmbeddingTableOptions,
  type TableDistanceQuery,
  type TableEmbedding,
  type TableFilters,
  type TableHit,
  type TableSimilarityQuery,
} from './pg/pg-embedding-table';
export type { HnswOptions, IvfflatOptions } from './pg/schema/pg-index';
export type { PgConnectionOptions, PgVectorStoreOptions } from './pg/pg-options';
export type { ColumnType, VectorType } from './pg/schema/pg-schema';
export type {
  Attributes,
  AttributeValue,
  Metric as StoreMetric,
  StoreAddOptions,
  StoreFigures,
  StoreFilter,
  StoreHits,
  StoreKeys,
  StoreReport,
  StoreSearchOptions,
  VectorStore,
} from './vector-store';
