/**
 * The typed facade of the vector engine: validates, converts, owns close. Knows vectors, keys and rows;
 * knows nothing of media, catalogs or encoders. May use `lib/native` and `lib/base`.
 */
export { VectorIndex } from './vector-index';
export type { IndexReader } from './index-reader';
export type { BackupOptions, BackupReport } from './write/backup';
export type {
  AddOptions,
  BatchHits,
  BatchOptions,
  CodesInUse,
  CompactOptions,
  CompactReport,
  CreateOptions,
  FieldCondition,
  Filter,
  Hits,
  IndexStats,
  IndexVerifyReport,
  JsonValue,
  Key,
  Keys,
  KeysFor,
  KeysOf,
  KeyType,
  MeasuredRecall,
  Metadata,
  MetadataFilter,
  Metric,
  OpenOptions,
  OpenOrCreateOptions,
  SearchOptions,
  Storage,
  TuneOptions,
  TuneReport,
  TuneStep,
  UpdateOptions,
  VectorInput,
  VectorsInput,
} from './types';
export type { OneVectorInput } from './arguments/input';
export * from './files';
