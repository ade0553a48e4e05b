/**
 * Reclaims space after removals: rows of the engine, pages of the catalog. Runs at the end of a sync, when
 * it pays. Rows get new numbers, which the catalog takes over; searches go by frame, so they are right in
 * between as well, and `reconcile` repairs a crash in between.
 */
import type { Catalog } from '../catalog';
import { isLibraryError } from '../base/errors';
import { asRow, type FrameId, type Row } from '../base/types';
import type { VectorStore } from '../stores/vectors';

export interface ReclaimParts {
  readonly catalog: Catalog;
  readonly index: VectorStore;
  readonly space: string;
}

/** Reclaim from a megabyte of removed rows, and a quarter of all: the rest is copied and linked anew. */
const LEAST_BYTES = 1 << 20;
const LEAST_SHARE = 0.25;

/** Errors that leave the index as it was and do not fail the sync. */
const HARMLESS: ReadonlySet<string> = new Set(['ERR_DISK_FULL', 'ERR_NO_MEMORY', 'ERR_ABORTED']);

export async function reclaim(parts: ReclaimParts, signal?: AbortSignal): Promise<void> {
  const { index } = parts;
  const dead = index.count - index.liveCount;
  const pays = dead * index.dim * 4 >= LEAST_BYTES && dead >= index.count * LEAST_SHARE;
  if (pays && signal?.aborted !== true) {
    try {
      await compactRows(parts, signal);
    } catch (error) {
      if (!isLibraryError(error) || !HARMLESS.has(error.code)) throw error;
    }
  }
  parts.catalog.shrink();
}

/** Compacts the engine. Stores that keep no removed rows need no compaction. */
export async function compactRows(parts: ReclaimParts, signal?: AbortSignal): Promise<void> {
  const { catalog, index, space } = parts;
  if (index.compact === undefined) return;
  catalog.spaces.beginRenumbering(space);
  try {
    await index.compact(signal ? { signal } : {});
  } finally {
    await takeOverRows(parts);
  }
}

/** The engine knows the row of each frame, whatever the catalog says. */
export async function takeOverRows({ catalog, index, space }: ReclaimParts): Promise<void> {
  const frameIds = catalog.framesOfSpace(space);
  const rows = await index.rowsOf(frameIds);
  const rowOf = new Map<FrameId, Row | undefined>();
  for (const [i, frameId] of frameIds.entries()) {
    const row = rows[i];
    rowOf.set(frameId, row === undefined ? undefined : asRow(row));
  }
  catalog.spaces.renumber(space, (frameId) => rowOf.get(frameId), index.count);
}
