/** Plans a sync: walks the folder, compares with the catalog, hashes files that may hold known bytes. */
import { realpath } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { contentHash, type MediaFile, walkMedia } from '../../media';
import type { Catalog, MediaLocation } from '../../catalog';
import { messageOf, isLibraryError } from '../../base/errors';
import type { MediaId, MediaProblem, SyncOptions } from '../../base/types';
import { explainAbsence, type Absence, type Sight, type Volumes } from './absence';
import type { WorkItem } from '../ingest';
import { mapOrdered } from '../ordered';
import {
  compareFiles,
  moveCandidates,
  needsDecoding,
  resolveContents,
  type Comparison,
  type KnownAndFound,
  type KnownFile,
} from './plan';
import { isSampledOtherwise } from './sampling';
import { recallScan } from './scan-memory';

export interface SyncPlan {
  readonly work: readonly WorkItem[];
  readonly moves: readonly KnownAndFound[];
  /** Files whose bytes are known under another path or other times: moved or touched. */
  readonly relocated: readonly { readonly mediaId: MediaId; readonly location: MediaLocation }[];
  /** Files in the catalog that the walk did not list. */
  readonly absent: Absence;
  /** Certainly gone: another known file has its name. */
  readonly overwritten: readonly KnownFile[];
  readonly unchanged: number;
  readonly changed: number;
  readonly added: number;
  readonly scanned: number;
  /** Walk problems: files that could not be read. */
  readonly problems: readonly MediaProblem[];
  /** The volumes to remember; undefined when nothing was walked. */
  readonly volumes: Volumes | undefined;
  /** Unchanged files whose frames were sampled with other options than this sync's. */
  readonly otherSampling: number;
}

export const EMPTY_PLAN: SyncPlan = {
  work: [],
  moves: [],
  relocated: [],
  absent: { ignored: [], unreachable: [], heldBack: [], gone: [], reasons: [] },
  overwritten: [],
  unchanged: 0,
  changed: 0,
  added: 0,
  scanned: 0,
  problems: [],
  volumes: undefined,
  otherSampling: 0,
};

export async function makePlan(
  parts: { readonly root: string; readonly dir: string; readonly catalog: Catalog },
  options: SyncOptions,
  onScanned: (count: number) => void,
): Promise<SyncPlan> {
  const { found, problems, ...sight } = await look(parts.root, options, onScanned);
  const known = [...parts.catalog.media()];
  const comparison = compareFiles(found, known, options.retryFailed);
  await waitOutTick(comparison);
  const unreadable = new Map<string, MediaProblem>();
  const hashes = await hashAll(
    comparison.suspects.map(({ file }) => file),
    unreadable,
    options,
  );
  const candidates = moveCandidates(comparison, hashes);
  // An unreadable file counts as added; decoding records why it fails.
  for (const [at, hash] of await hashAll(candidates, new Map(), options)) hashes.set(at, hash);
  const resolved = resolveContents(comparison, hashes);
  problems.push(...unreadable.values());
  const { moves, added } = resolved;
  const { volumes: earlier } = recallScan(parts.catalog);
  const absent = explainAbsence({
    missing: resolved.missing,
    known,
    sight,
    earlier,
    isRootSure: await isBeneath(parts.root, parts.dir),
    isConfirmed: options.confirmRemovals === true,
  });
  const moved = [...moves, ...resolved.touched].map(atNewLocation);
  const settled = comparison.unchanged
    .filter((pair) => pair.known.ctimeMs === null)
    .map(atNewLocation);
  const still = [...comparison.unchanged, ...moved];
  const otherwise = still.filter(({ known: row }) => isOtherwise(row, options));
  const again = moved.filter(({ known: row }) => needsDecoding(row, options.retryFailed));
  return {
    work: inOrder(found, [
      ...added.map((file) => ({ file, known: undefined })),
      ...resolved.changed,
      ...comparison.unfinished,
      ...again,
      ...(options.resample === true ? otherwise.filter((pair) => !again.includes(pair)) : []),
    ]),
    moves,
    relocated: [...moved, ...settled].map(({ known: { mediaId }, file }) => ({
      mediaId,
      location: locationOf(file),
    })),
    absent,
    overwritten: resolved.overwritten,
    unchanged: comparison.unchanged.length + resolved.touched.length + resolved.unreadable.length,
    changed: resolved.changed.length,
    added: added.length,
    scanned: found.length,
    problems,
    // Held-back files stay held back until confirmed: keep what the decision rests on.
    volumes:
      absent.heldBack.length + absent.unreachable.length > 0
        ? { ...sight.volumes, ...earlier }
        : sight.volumes,
    otherSampling: options.resample === true ? 0 : otherwise.length,
  };
}

/** Walks the root and sorts the results. */
async function look(
  root: string,
  options: SyncOptions,
  onScanned: (count: number) => void,
): Promise<{ found: MediaFile[]; problems: MediaProblem[] } & Sight> {
  const found: MediaFile[] = [];
  const problems: MediaProblem[] = [];
  const ignored = new Set<string>();
  const unseen = new Set<string>();
  const replaced = new Set<string>();
  const volumes: Record<string, number> = {};
  for await (const entry of walkMedia(root, {
    ignore: options.ignore,
    signal: options.signal,
  })) {
    if ('reason' in entry) {
      const { relPath, code, reason, hides } = entry;
      problems.push({ path: relPath, state: stateOf(code), code, reason });
      if (hides === 'unseen') unseen.add(relPath);
      else if (hides === 'replaced') replaced.add(relPath);
    } else if ('note' in entry) {
      if (entry.note === 'ignored') ignored.add(entry.relPath);
      // Files that a nested library folder took in are hidden by it, not deleted.
      else if (entry.note === 'library') replaced.add(entry.relPath);
      else if (entry.note === 'unseen') unseen.add(entry.relPath);
      else volumes[entry.relPath] = entry.device ?? 0;
    } else {
      found.push(entry);
      onScanned(found.length);
    }
  }
  return { found, problems, ignored, unseen, replaced, volumes };
}

/** Unreadable files failed; links are healthy entries that are skipped. */
const stateOf = (code: string): MediaProblem['state'] => (code === 'ERR_IO' ? 'failed' : 'skipped');

async function isBeneath(root: string, folder: string): Promise<boolean> {
  const [from, to] = await Promise.all([realpath(root), realpath(folder)]);
  return !path.relative(from, to).startsWith('..');
}

/** `resample` includes files of an older version, which did not record their sampling. */
function isOtherwise(row: KnownFile, options: SyncOptions): boolean {
  if (row.state !== 'indexed' && row.state !== 'pending') return false;
  return isSampledOtherwise(row, options) || (options.resample === true && row.sampling === null);
}

const locationOf = ({ relPath: path, mtimeMs, ctimeMs }: MediaFile): MediaLocation => ({
  path,
  mtimeMs,
  ctimeMs,
});

/** The known file with its new path and times. */
const atNewLocation = ({ known, file }: KnownAndFound): KnownAndFound => ({
  known: { ...known, ...locationOf(file) },
  file,
});

/** SHA-256 by path; unreadable files are recorded and have none. */
async function hashAll(
  files: readonly MediaFile[],
  unreadable: Map<string, MediaProblem>,
  options: SyncOptions,
): Promise<Map<string, string | undefined>> {
  const hashes = new Map<string, string | undefined>();
  const hash = async (file: MediaFile): Promise<void> => {
    try {
      hashes.set(file.relPath, await contentHash(file, options));
    } catch (error) {
      if (!isLibraryError(error) || error.code === 'ERR_ABORTED') throw error;
      const { code } = error;
      hashes.set(file.relPath, undefined);
      unreadable.set(file.relPath, {
        path: file.relPath,
        state: 'failed',
        code,
        reason: `kept as it was: ${messageOf(error)}`,
      });
    }
  };
  const outcomes = mapOrdered(files, HASHED_AT_ONCE, (file) =>
    hash(file).then(
      () => undefined,
      (error: unknown) => ({ error }),
    ),
  );
  for await (const outcome of outcomes) if (outcome !== undefined) throw outcome.error;
  return hashes;
}

/** Enough to saturate a disk. */
const HASHED_AT_ONCE = 4;

/**
 * File times have a resolution of up to 10 ms, on FAT two seconds: a file read and changed within one tick
 * has the same times before and after. So files this young are read only after the tick; the times of the
 * walk are then those of the bytes, or older.
 */
async function waitOutTick(comparison: Comparison): Promise<void> {
  const now = Date.now();
  const toRead = [
    ...comparison.added,
    ...[comparison.suspects, comparison.changed, comparison.unfinished].flatMap((pairs) =>
      pairs.map(({ file }) => file),
    ),
  ];
  const waits = toRead.map(({ ctimeMs }) => {
    const tick = ctimeMs % 1000 === 0 ? 2000 : 10;
    const age = now - ctimeMs;
    return age >= 0 && age < tick ? tick - age : 0;
  });
  const longest = waits.reduce((most, wait) => Math.max(most, wait), 0);
  if (longest > 0) await delay(longest);
}

function inOrder(found: readonly MediaFile[], items: readonly WorkItem[]): WorkItem[] {
  const order = new Map(found.map((file, i) => [file.relPath, i]));
  return [...items].sort(
    (a, b) => (order.get(a.file.relPath) ?? 0) - (order.get(b.file.relPath) ?? 0),
  );
}
