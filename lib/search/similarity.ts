/** The one function that converts a cosine to the similarity shown to users. */

/**
 * Similarity in [0, 1] from a cosine in [-1, 1]: negative cosines mean "unrelated" just like zero, so they
 * become 0, and 1 stays "identical" (spec 004 section 0; the raw cosine is returned as well).
 */
export function similarityOfCosine(cosine: number): number {
  return Math.min(1, Math.max(0, cosine));
}
