/** Bounds that hold in more than one part. */

/** Candidate list size (`efSearch`, `efConstruction`) of every index, store and setting; HTTP has its own. */
export const MAX_EF = 10_000;
/** Results of one search of an index or a store. */
export const MAX_HITS = 10_000;
/** Results of one search of a library, by program, command line or HTTP (RELIABILITY E3). */
export const MAX_K = 1000;
export const DEFAULT_K = 20;
/**
 * Candidate list size of a library's searches unless the caller says otherwise. Four times the engine's
 * default: words are out of distribution for a graph of pictures, and at 20,000 frames the longer list
 * still answers in a fraction of a millisecond.
 */
export const DEFAULT_EF = 200;
/** Longest text to search for, in code points; longer ones are refused before any tokenizer sees them. */
export const MAX_QUERY_CODE_POINTS = 1024;
/** Longest text to embed: more than any model reads, less than an attack. In UTF-16 units. */
export const MAX_TEXT = 100_000;
/** Length of a vector. */
export const MAX_DIM = 8192;
