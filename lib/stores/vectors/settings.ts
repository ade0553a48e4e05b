/** The `EMBEDDING_*` variables of spec 002 that concern similarity search and its indexes. */
import { numberOf, truthOf, type Variables } from '../../base/environment';
import { MAX_HITS } from '../../base/limits';

export interface SearchDefaults {
  /** EMBEDDING_SIMILARITY_TOP_K; default 10. */
  readonly topK: number;
  /**
   * EMBEDDING_SIMILARITY_THRESHOLD, a cosine; default none. The 0.7 that spec 002 recommends suits
   * sentences; a text and its picture in a CLIP space are near 0.3.
   */
  readonly threshold: number;
  /** EMBEDDING_USE_HNSW_INDEX; false: IVFFlat. Default true. */
  readonly usesHnsw: boolean;
  /** EMBEDDING_HNSW_M. */
  readonly m: number | undefined;
  /** EMBEDDING_HNSW_EF_CONSTRUCTION. */
  readonly efConstruction: number | undefined;
}

/** @throws ERR_ARG_RANGE naming the variable */
export function searchDefaults(env: Variables = process.env): SearchDefaults {
  return {
    topK: numberOf(env, 'EMBEDDING_SIMILARITY_TOP_K', 1, MAX_HITS) ?? 10,
    threshold: numberOf(env, 'EMBEDDING_SIMILARITY_THRESHOLD', -1, 1, 'number') ?? -1,
    usesHnsw: truthOf(env, 'EMBEDDING_USE_HNSW_INDEX') ?? true,
    m: numberOf(env, 'EMBEDDING_HNSW_M', 2, 100),
    efConstruction: numberOf(env, 'EMBEDDING_HNSW_EF_CONSTRUCTION', 4, 1000),
  };
}
