/**
 * `require('sightline/engine')`: the vector engine alone. Loads neither sharp nor onnxruntime nor
 * SQLite.
 */
export { VectorIndex } from './vectors';
export type {
  AddOptions,
  BatchHits,
  BatchOptions,
  CreateOptions,
  Filter,
  Hits,
  IndexStats,
  IndexVerifyReport,
  Keys,
  Metric,
  OpenOptions,
  SearchOptions,
  Storage,
} from './vectors';
export { ERROR_CODES, isLibraryError, type ErrorCode, type LibraryError } from './errors';
