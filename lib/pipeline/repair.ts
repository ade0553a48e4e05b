/**
 * Repairs what `verify` found: a frame keeps its id, and its vector if that is intact. Runs in turn with
 * syncs; originals, and entries of missing files, are left alone.
 */
import { isLibraryError } from '../base/errors';
import type { FrameId, SyncOptions, SyncReport } from '../base/types';
import { compactRows, takeOverRows } from './reclaim';
import { runSync, sweepTombstones, type SyncParts } from './sync';
import type { VerifyOutcome } from './verify';

const KEYS_AT_ONCE = 256;

/**
 * Marks, requeues and rebuilds, then a sync decodes and encodes the rest.
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
    // The damaged rows are removed by now: compaction drops them.
    if (index.count > index.liveCount) await compactRows(parts, options.signal);
    // A damaged graph was rebuilt on open, and is saved here.
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
