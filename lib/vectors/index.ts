/**
 * The typed facade of the vector engine: validates, converts, owns close. Knows vectors, keys and rows;
 * knows nothing of media, catalogs or encoders. May use `lib/native` and `lib/base`.
 */
export { VectorIndex } from './vector-index';
export type { BackupOptions, BackupReport } from './write/backup';
export type {
  AddOptions,
  BatchHits,
  BatchOptions,
  CodesInUse,
  CompactOptions,
  CompactReport,
  CreateOptions,
  Filter,
  Hits,
  IndexStats,
  IndexVerifyReport,
  Keys,
  MeasuredRecall,
  Metric,
  OpenOptions,
  SearchOptions,
  Storage,
  TuneOptions,
  TuneReport,
  TuneStep,
  UpdateOptions,
  VectorInput,
} from './types';
export * from './files';
