/** Makes the plan of a sync: walks the folder, asks the catalog, hashes what may have moved. */
import type { Catalog } from '../catalog';
import { contentHash, walkMedia } from '../media';
import type { MediaProblem, SyncOptions } from '../types';
import { FRAME_UNREADABLE } from './embed';
import { RETRY_CODES, type WorkItem } from './ingest';
import {
  compareFiles,
  isMassRemoval,
  moveCandidates,
  resolveMoves,
  type FoundFile,
  type KnownFile,
  type Move,
} from './plan';

export interface SyncPlan {
  readonly work: readonly WorkItem[];
  readonly moves: readonly Move[];
  readonly missing: readonly KnownFile[];
  readonly unchanged: number;
  readonly changed: number;
  readonly added: number;
  readonly scanned: number;
  /** Walk problems: files that could not be looked at. */
  readonly problems: readonly MediaProblem[];
  /** Missing files that are kept because too many vanished at once. */
  readonly heldBack: number;
}

export const EMPTY_PLAN: SyncPlan = {
  work: [],
  moves: [],
  missing: [],
  unchanged: 0,
  changed: 0,
  added: 0,
  scanned: 0,
  problems: [],
  heldBack: 0,
};

export async function makePlan(
  parts: { readonly root: string; readonly catalog: Catalog },
  options: SyncOptions,
  onScanned: (count: number) => void,
): Promise<SyncPlan> {
  const found: FoundFile[] = [];
  const problems: MediaProblem[] = [];
  for await (const entry of walkMedia(parts.root, {
    ...(options.ignore === undefined ? {} : { ignore: options.ignore }),
    ...(options.signal === undefined ? {} : { signal: options.signal }),
  })) {
    if ('reason' in entry) {
      problems.push({
        path: entry.relPath,
        state: 'skipped',
        code: entry.code,
        reason: entry.reason,
      });
    } else {
      found.push(entry);
      onScanned(found.length);
    }
  }
  const known = [...parts.catalog.media()];
  const comparison = compareFiles(found, known, options.retryFailed);
  const hashes = new Map<string, string>();
  for (const file of moveCandidates(comparison)) {
    try {
      hashes.set(file.relPath, await contentHash(file));
    } catch {
      // It cannot be read now: then it is an added file, and decoding it will record why.
    }
  }
  const { moves, added, missing: unseen } = resolveMoves(comparison, hashes);
  // What lies beneath a folder that could not be read is not gone.
  const missing = unseen.filter(
    (row) =>
      !problems.some(
        ({ path: at }) => row.path === at || at === '' || row.path.startsWith(`${at}/`),
      ),
  );
  const held = isMassRemoval(missing.length, known.length) && options.confirmRemovals !== true;
  return {
    work: inOrder(found, [
      ...added.map((file) => ({ file, known: undefined })),
      ...comparison.changed,
      ...comparison.unfinished.filter((item) => !isWaitingOnly(parts.catalog, item.known)),
    ]),
    moves,
    missing: held ? [] : missing,
    unchanged: comparison.unchanged.length,
    changed: comparison.changed.length,
    added: added.length,
    scanned: found.length,
    problems,
    heldBack: held ? missing.length : 0,
  };
}

/**
 * Decoded already, with frames that only wait to be encoded, for the first time or again: a file that
 * failed and has frames failed in the encoder. Its frames keep their ids.
 */
function isWaitingOnly(catalog: Catalog, known: KnownFile): boolean {
  const needsDecoding =
    known.state === 'pending'
      ? known.code !== null && RETRY_CODES.has(known.code)
      : known.code === FRAME_UNREADABLE;
  return !needsDecoding && catalog.framesOfMedia(known.mediaId).length > 0;
}

function inOrder(found: readonly FoundFile[], items: readonly WorkItem[]): WorkItem[] {
  const place = new Map(found.map((file, i) => [file.relPath, i]));
  return [...items].sort(
    (a, b) => (place.get(a.file.relPath) ?? 0) - (place.get(b.file.relPath) ?? 0),
  );
}
