/** Embeds the stored frames into a space beside the active one: for another model. Resumable. */
import type { SyncOptions } from '../base/types';
import { embedPending } from './embed';
import { FrameStore } from './frame-store';
import { WakeUp } from './ordered';
import { reconcile, sweepTombstones, type SyncParts } from './sync';

/**
 * Encodes every frame that waits for the space. Frames that cannot be encoded are recorded with the reason.
 *
 * @throws as `runSync`
 */
export async function fillSpace(
  parts: SyncParts,
  options: Pick<SyncOptions, 'retryFailed' | 'signal' | 'onProgress'>,
): Promise<void> {
  const { catalog, space } = parts;
  await reconcile(parts);
  catalog.retryFailedFrames(space, options.retryFailed);
  const before = catalog.counts(space);
  const total = before.frames + before.pendingFrames;
  let frames = before.frames;
  const advance = (more: number): void => {
    frames += more;
    const event = { done: frames, total, frames, framesTotal: total };
    options.onProgress?.({ phase: 'reembed', ...event });
  };
  advance(0);
  await embedPending(
    {
      ...parts,
      store: new FrameStore(parts.dir, catalog.home),
      beforeAppend: () => sweepTombstones(parts),
      onEmbedded: advance,
      onFailed: advance,
    },
    () => false,
    new WakeUp(),
    options.signal,
  );
  await sweepTombstones(parts);
}
