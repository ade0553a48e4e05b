/**
 * The vector engine's typed facade: validates, converts, owns close. Knows vectors, keys and rows;
 * nothing of media, catalogs or encoders. May use `lib/native` and `lib/errors`.
 */
export { VectorIndex } from './vector-index';
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
} from './types';
