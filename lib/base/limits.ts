/** Limits used in more than one part. */

/**
 * Largest candidate list (`efSearch`, `efConstruction`) of an index, store or setting; HTTP has its own.
 */
export const MAX_EF = 10_000;
/** Most results of one search of an index or a store. */
export const MAX_HITS = 10_000;
/** Most results of one search of a library: API, command line or HTTP (RELIABILITY E3). */
export const MAX_K = 1000;
export const DEFAULT_K = 20;
/**
 * Default candidate list size of a library's searches. Four times the engine's default, because text
 * queries are out of distribution for a graph of pictures. At 20,000 frames a search still takes a fraction
 * of a millisecond.
 */
export const DEFAULT_EF = 200;
/** Longest text to search for, in code points; longer ones are refused before any tokenizer sees them. */
export const MAX_QUERY_CODE_POINTS = 1024;
/** Longest text to embed, in UTF-16 units: more than any model reads, too short for an attack. */
export const MAX_TEXT = 100_000;
/** Largest vector length. */
export const MAX_DIM = 8192;
