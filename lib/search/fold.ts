/** Frames of one video as one result: the best of them, with the others beside it. Pure. */
import type { SearchMoment, SearchResult } from '../base/types';

/** Further moments of a video in one result; the rest is only counted. */
export const MAX_MOMENTS = 50;
/** Most frames looked at to find `k` different media: a bound on the work of one search. */
export const MAX_FOLDED = 2000;

/** @param results  best first. @returns one per picture and per video, in the order of their best frames */
export function fold(results: readonly SearchResult[]): SearchResult[] {
  const folded = new Map<string, { best: SearchResult; moments: SearchMoment[]; others: number }>();
  for (const result of results) {
    const group = folded.get(result.media_id);
    if (group === undefined) folded.set(result.media_id, { best: result, moments: [], others: 0 });
    else {
      group.others++;
      const { frame_id, timestamp, similarity, cosine, frame_url, width, height } = result;
      if (group.moments.length < MAX_MOMENTS)
        group.moments.push({ frame_id, timestamp, similarity, cosine, frame_url, width, height });
    }
  }
  return [...folded.values()].map(({ best, moments, others }) => ({ ...best, others, moments }));
}
