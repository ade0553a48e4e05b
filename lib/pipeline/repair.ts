/**
 * Mends what `verify` found, from what is left: a frame keeps its id, and its vector where that is whole.
 * Run by whoever runs syncs, in its turn; originals, and entries of files that are gone, are left alone.
 */
import { isLibraryError } from '../base/errors';
import type { FrameId, SyncOptions, SyncReport } from '../base/types';
import { compactRows, takeOverRows } from './reclaim';
import { runSync, sweepTombstones, type SyncParts } from './sync';
import type { VerifyOutcome } from './verify';

const KEYS_AT_ONCE = 256;

/**
 * Marks, requeues and rebuilds, and then lets a sync decode and encode what that left to do.
 *
 * @throws as `runSync`
 */
export async function repairLibrary(
  parts: SyncParts,
  outcome: VerifyOutcome,
  options: Pick<SyncOptions, 'ignore' | 'signal'>,
): Promise<SyncReport> {
  const { catalog, index, space } = parts;
  catalog.markForDecoding(outcome.damagedMedia);
  if (!outcome.isIndexSound) {
    const lost = await unreadable(parts);
    if (lost.length > 0) {
      catalog.requeue(space, lost);
      await sweepTombstones(parts);
    }
    // The damaged rows are dead now, if they were not before, and go.
    if (index.count > index.liveCount) await compactRows(parts, options.signal);
    // A graph that was damaged was built again when it was opened, and is written here.
    await index.save();
  }
  if (!outcome.rowsAgree) await takeOverRows(parts);
  return runSync(parts, options, { ingest: true, embed: true, removes: false });
}

/** Frames whose vectors cannot be read. */
async function unreadable({ catalog, index, space }: SyncParts): Promise<FrameId[]> {
  const lost: FrameId[] = [];
  const tryRead = async (frameIds: readonly FrameId[]): Promise<void> => {
    try {
      await index.get(frameIds);
    } catch (error) {
      if (!isLibraryError(error) || error.code !== 'ERR_FILE_CORRUPT') throw error;
      if (frameIds.length === 1) {
        lost.push(...frameIds);
        return;
      }
      const half = frameIds.length >> 1;
      await tryRead(frameIds.slice(0, half));
      await tryRead(frameIds.slice(half));
    }
  };
  const all = catalog.framesOfSpace(space);
  for (let at = 0; at < all.length; at += KEYS_AT_ONCE)
    await tryRead(all.slice(at, at + KEYS_AT_ONCE));
  return lost;
}
