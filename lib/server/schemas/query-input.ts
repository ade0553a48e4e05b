/** Converts checked request fields to the facade's options: snake_case to camelCase. */
import type { MediaKind, SearchOptions } from '../../base/types';

export interface OptionFields {
  readonly k?: number;
  readonly exact?: boolean;
  readonly min_similarity?: number;
  readonly ef_search?: number;
  readonly fold?: boolean;
}

export interface FilterFields {
  readonly type?: MediaKind;
  readonly path?: string;
}

export function toOptions(fields: OptionFields, filters: FilterFields = {}): SearchOptions {
  return {
    k: fields.k,
    exact: fields.exact,
    minSimilarity: fields.min_similarity,
    efSearch: fields.ef_search,
    fold: fields.fold,
    type: filters.type,
    path: filters.path,
  };
}
