/** What a library says of itself: its figures, and the files that are not, or only partly, searchable. */
import type { Catalog } from '../catalog';
import { recallScan } from '../pipeline';
import type { LibraryStats, MediaProblem } from '../base/types';
import type { OpenSpace } from './spaces/open-space';
import type { LibraryPlace } from './spaces/vectors';

export function statsOf(
  catalog: Catalog,
  { root, dir }: LibraryPlace,
  { name, clip, store, lacking }: OpenSpace,
): Omit<LibraryStats, 'exr'> {
  const counts = catalog.counts(name);
  const engine = store.figures();
  const scan = recallScan(catalog);
  return {
    root,
    dir,
    model: clip.identity,
    dim: clip.dim,
    spaces: catalog.spaces.all().map((space) => {
      const { frames, pendingFrames: framesPending } = catalog.counts(space.name);
      const { name, state, modality, model, metric, dim } = space;
      return { name, state, modality, model, metric, dim, frames, framesPending };
    }),
    media: counts.media,
    images: counts.images,
    videos: counts.videos,
    notTaken: scan.problems.length + scan.problemsLeftOut,
    heldBack: scan.heldBack,
    unreachable: scan.unreachable,
    frames: counts.frames - lacking,
    framesPending: counts.pendingFrames + lacking,
    framesFailed: counts.failedFrames,
    hnswNodes: engine.indexedRows,
    maxLevel: engine.maxLevel,
    kernel: engine.kernel,
    bytesOnDisk: engine.bytesOnDisk,
    vectorStore: engine.where,
    ...(engine.recovered === undefined ? {} : { recovered: engine.recovered }),
  };
}

/** In path order. */
export function problemsOf(catalog: Catalog): MediaProblem[] {
  const list: MediaProblem[] = [...recallScan(catalog).problems];
  for (const { path, state, code, reason, fault, note } of catalog.media()) {
    if (code !== null && state !== 'pending') {
      const isFound = state === 'indexed';
      const shown = !isFound ? state : fault === 'decode' ? 'damaged' : 'failed';
      list.push({ path, state: shown, code, reason: reason ?? '' });
    }
    if (note !== null)
      list.push({ path, state: 'damaged', code: 'ERR_MEDIA_DECODE', reason: note });
  }
  return list.sort((a, b) => (a.path < b.path ? -1 : a.path > b.path ? 1 : 0));
}
