/** The one place where a cosine becomes the number people see. */

/**
 * Similarity in [0, 1] from a cosine in [-1, 1]: negative cosines mean "unrelated" just as zero does,
 * so they are 0, and 1 stays "identical" (spec 004 section 0; the raw cosine is returned beside it).
 */
export function similarityOfCosine(cosine: number): number {
  return Math.min(1, Math.max(0, cosine));
}
