/** Makes the plan of a sync: walks the folder, asks the catalog, hashes what may have moved. */
import { realpath } from 'node:fs/promises';
import path from 'node:path';
import type { Catalog } from '../catalog';
import { contentHash, walkMedia } from '../media';
import type { MediaProblem, SyncOptions } from '../types';
import { explainAbsence, type Absence, type Sight, type Volumes } from './absence';
import { FRAME_UNREADABLE } from './embed';
import { RETRY_CODES, type WorkItem } from './ingest';
import {
  compareFiles,
  moveCandidates,
  resolveMoves,
  type FoundFile,
  type KnownFile,
  type Move,
} from './plan';
import { recallScan } from './scan-memory';

export interface SyncPlan {
  readonly work: readonly WorkItem[];
  readonly moves: readonly Move[];
  /** Known files that the walk did not list. */
  readonly absent: Absence;
  readonly unchanged: number;
  readonly changed: number;
  readonly added: number;
  readonly scanned: number;
  /** Walk problems: files that could not be looked at. */
  readonly problems: readonly MediaProblem[];
  /** The disks to be remembered; undefined when nothing was walked. */
  readonly volumes: Volumes | undefined;
}

export const EMPTY_PLAN: SyncPlan = {
  work: [],
  moves: [],
  absent: { ignored: [], unreachable: [], heldBack: [], gone: [], reasons: [] },
  unchanged: 0,
  changed: 0,
  added: 0,
  scanned: 0,
  problems: [],
  volumes: undefined,
};

export async function makePlan(
  parts: { readonly root: string; readonly dir: string; readonly catalog: Catalog },
  options: SyncOptions,
  onScanned: (count: number) => void,
): Promise<SyncPlan> {
  const { found, problems, ...sight } = await look(parts.root, options, onScanned);
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
  const { volumes: earlier } = recallScan(parts.catalog);
  const absent = explainAbsence({
    missing: unseen,
    known,
    sight,
    earlier,
    isRootSure: await isBeneath(parts.root, parts.dir),
    isConfirmed: options.confirmRemovals === true,
  });
  return {
    work: inOrder(found, [
      ...added.map((file) => ({ file, known: undefined })),
      ...comparison.changed,
      ...comparison.unfinished.filter((item) => !isWaitingOnly(parts.catalog, item.known)),
    ]),
    moves,
    absent,
    unchanged: comparison.unchanged.length,
    changed: comparison.changed.length,
    added: added.length,
    scanned: found.length,
    problems,
    // A question stays one until it is answered: what it rests on is not forgotten before.
    volumes:
      absent.heldBack.length + absent.unreachable.length > 0
        ? { ...sight.volumes, ...earlier }
        : sight.volumes,
  };
}

/** Walks the root and sorts what comes. */
async function look(
  root: string,
  options: SyncOptions,
  onScanned: (count: number) => void,
): Promise<{ found: FoundFile[]; problems: MediaProblem[] } & Sight> {
  const found: FoundFile[] = [];
  const problems: MediaProblem[] = [];
  const ignored = new Set<string>();
  const unseen = new Set<string>();
  const replaced = new Set<string>();
  const volumes: Record<string, number> = {};
  for await (const entry of walkMedia(root, {
    ...(options.ignore === undefined ? {} : { ignore: options.ignore }),
    ...(options.signal === undefined ? {} : { signal: options.signal }),
  })) {
    if ('reason' in entry) {
      const { relPath, code, reason, hides } = entry;
      problems.push({ path: relPath, state: stateOf(code), code, reason });
      if (hides === 'unseen') unseen.add(relPath);
      else if (hides === 'replaced') replaced.add(relPath);
    } else if ('note' in entry) {
      if (entry.note === 'ignored') ignored.add(entry.relPath);
      // Files that a library folder took in are hidden by it, not deleted.
      else if (entry.note === 'library') replaced.add(entry.relPath);
      else volumes[entry.relPath] = entry.device ?? 0;
    } else {
      found.push(entry);
      onScanned(found.length);
    }
  }
  return { found, problems, ignored, unseen, replaced, volumes };
}

/** What the system did not let us see has failed; a link is a healthy thing that we do not take. */
const stateOf = (code: string): MediaProblem['state'] => (code === 'ERR_IO' ? 'failed' : 'skipped');

async function isBeneath(root: string, folder: string): Promise<boolean> {
  const [from, to] = await Promise.all([realpath(root), realpath(folder)]);
  return !path.relative(from, to).startsWith('..');
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
