/**
 * `require('sightline/engine')`: the vector engine alone. Loads neither sharp nor onnxruntime nor
 * SQLite.
 */
export { VectorIndex } from './vectors';
export type {
  AddOptions,
  BatchHits,
  BatchOptions,
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
} from './vectors';
export { ERROR_CODES, isLibraryError, type ErrorCode, type LibraryError } from './errors';
