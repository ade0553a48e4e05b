/** Selects the frames that represent a video. Pure. */

/**
 * `wanted` indices into `count` frames by time: evenly spaced, first and last included, rounded down; with
 * fewer frames than wanted, each once and the last repeated (spec 001).
 *
 * @param count  1 or more
 */
export function uniformIndices(count: number, wanted: number): number[] {
  if (count <= wanted) return Array.from({ length: wanted }, (_, i) => Math.min(i, count - 1));
  const step = wanted === 1 ? 0 : (count - 1) / (wanted - 1);
  // The small addition keeps whole numbers exact: 15 * (75 / 15) may come out as 74.999...
  return Array.from({ length: wanted }, (_, i) => Math.floor(i * step + 1e-9));
}
