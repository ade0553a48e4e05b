/** Option rules of vector stores: one table for each options type. */
import { MAX_EF, MAX_HITS } from '../../base/limits';
import {
  ANYTHING,
  BOUND,
  integer,
  number,
  objectOf,
  outOfRange,
  RECORD,
  SIGNAL,
  type OptionRules,
  type Rule,
} from '../../base/options';
import type { DistanceQuery, Embedding, SimilarityQuery } from './pg/pg-vector-store';
import type { Attributes, StoreAddOptions, StoreFilter, StoreSearchOptions } from './vector-store';

/** Vectors, keys and column values are checked against the table where they are used. */
const FILTER: OptionRules<StoreFilter> = {
  rows: ANYTHING,
  keys: ANYTHING,
  columns: RECORD,
  metadata: RECORD,
};

const EF_SEARCH = integer(1, MAX_EF);

export const SEARCH_OPTIONS: OptionRules<StoreSearchOptions> = {
  efSearch: EF_SEARCH,
  filter: objectOf(FILTER),
  threshold: BOUND,
};

export const ADD_OPTIONS: OptionRules<StoreAddOptions> = {
  keys: ANYTHING,
  attributes: ANYTHING,
  signal: SIGNAL,
};

export const BATCH_OPTIONS: OptionRules<Pick<StoreAddOptions, 'signal'>> = { signal: SIGNAL };

export const ATTRIBUTES: OptionRules<Attributes> = { columns: RECORD, metadata: RECORD };

export const EMBEDDING: OptionRules<Embedding> = {
  ...ATTRIBUTES,
  key: ANYTHING,
  embedding: ANYTHING,
};

export const QUERY = {
  query: ANYTHING,
  topK: integer(1, MAX_HITS),
  filters: objectOf(FILTER),
  efSearch: EF_SEARCH,
} as const;

export const MAX_DISTANCE: Rule<number> = (name, value) => {
  const distance = BOUND(name, value);
  if (distance >= 0) return distance;
  throw outOfRange(name, 'a distance of 0 or more', value);
};

export const SIMILARITY_QUERY: OptionRules<SimilarityQuery> = {
  ...QUERY,
  threshold: number(-1, 1),
};

export const DISTANCE_QUERY: OptionRules<DistanceQuery> = {
  ...QUERY,
  maxDistance: MAX_DISTANCE,
};
