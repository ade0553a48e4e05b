/** Checked request fields -> what the facade takes. Wire names are snake_case, ours are not. */
import type { MediaKind, SearchOptions } from '../base/types';

export interface OptionFields {
  readonly k?: number;
  readonly exact?: boolean;
  readonly min_similarity?: number;
  readonly ef_search?: number;
}

export interface FilterFields {
  readonly type?: MediaKind;
  readonly path?: string;
}

export function toOptions(fields: OptionFields, filters: FilterFields = {}): SearchOptions {
  return {
    ...(fields.k === undefined ? {} : { k: fields.k }),
    ...(fields.exact === undefined ? {} : { exact: fields.exact }),
    ...(fields.min_similarity === undefined ? {} : { minSimilarity: fields.min_similarity }),
    ...(fields.ef_search === undefined ? {} : { efSearch: fields.ef_search }),
    ...(filters.type === undefined ? {} : { type: filters.type }),
    ...(filters.path === undefined ? {} : { path: filters.path }),
  };
}
