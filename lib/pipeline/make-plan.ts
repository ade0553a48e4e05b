/** Makes the plan of a sync: walks the folder, asks the catalog, hashes what may be known bytes. */
import { setTimeout as delay } from 'node:timers/promises';
import type { Catalog, MediaPlace } from '../catalog';
import { messageOf, isLibraryError } from '../errors';
import { contentHash, walkMedia } from '../media';
import type { MediaId, MediaProblem, SyncOptions } from '../types';
import type { WorkItem } from './ingest';
import { mapOrdered } from './ordered';
import {
  compareFiles,
  isMassRemoval,
  moveCandidates,
  needsDecoding,
  resolveContents,
  type Comparison,
  type FoundFile,
  type KnownAndFound,
  type KnownFile,
} from './plan';
import { isSampledOtherwise } from './sampling';

export interface SyncPlan {
  readonly work: readonly WorkItem[];
  readonly moves: readonly KnownAndFound[];
  /** Files whose bytes are known under another path or other times: moves and touched ones. */
  readonly places: readonly { readonly mediaId: MediaId; readonly place: MediaPlace }[];
  readonly missing: readonly KnownFile[];
  /** Gone for certain: another known file has taken their name. */
  readonly overwritten: readonly KnownFile[];
  readonly unchanged: number;
  readonly changed: number;
  readonly added: number;
  readonly scanned: number;
  /** Walk problems: files that could not be looked at. */
  readonly problems: readonly MediaProblem[];
  /** Missing files that are kept because too many vanished at once. */
  readonly heldBack: number;
  /** Untouched files whose frames were taken otherwise than this sync was asked to. */
  readonly otherSampling: number;
}

export const EMPTY_PLAN: SyncPlan = {
  work: [],
  moves: [],
  places: [],
  missing: [],
  overwritten: [],
  unchanged: 0,
  changed: 0,
  added: 0,
  scanned: 0,
  problems: [],
  heldBack: 0,
  otherSampling: 0,
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
  await waitOutTick(comparison);
  const unreadable = new Map<string, MediaProblem>();
  const hashes = await hashAll(
    comparison.suspects.map(({ file }) => file),
    unreadable,
    options,
  );
  const candidates = moveCandidates(comparison, hashes);
  // What cannot be read now is an added file, and decoding it will record why.
  for (const [at, hash] of await hashAll(candidates, new Map(), options)) hashes.set(at, hash);
  const resolved = resolveContents(comparison, hashes);
  problems.push(...unreadable.values());
  const { moves, added, missing: unseen } = resolved;
  // What lies beneath a folder that could not be read is not gone.
  const missing = unseen.filter(
    (row) =>
      !problems.some(
        ({ path: at }) => row.path === at || at === '' || row.path.startsWith(`${at}/`),
      ),
  );
  const held = isMassRemoval(missing.length, known.length) && options.confirmRemovals !== true;
  const placed = [...moves, ...resolved.touched].map(inPlace);
  const settled = comparison.unchanged.filter((pair) => pair.known.ctimeMs === null).map(inPlace);
  const still = [...comparison.unchanged, ...placed];
  const otherwise = still.filter(({ known: row }) => isOtherwise(row, options));
  const again = placed.filter(({ known: row }) => needsDecoding(row, options.retryFailed));
  return {
    work: inOrder(found, [
      ...added.map((file) => ({ file, known: undefined })),
      ...resolved.changed,
      ...comparison.unfinished,
      ...again,
      ...(options.resample === true ? otherwise.filter((pair) => !again.includes(pair)) : []),
    ]),
    moves,
    places: [...placed, ...settled].map(({ known: { mediaId }, file }) => ({
      mediaId,
      place: placeOf(file),
    })),
    missing: held ? [] : missing,
    overwritten: resolved.overwritten,
    unchanged: comparison.unchanged.length + resolved.touched.length + resolved.unreadable.length,
    changed: resolved.changed.length,
    added: added.length,
    scanned: found.length,
    problems,
    heldBack: held ? missing.length : 0,
    otherSampling: options.resample === true ? 0 : otherwise.length,
  };
}

/** Resampling takes files of an older version too, which did not say how it took them. */
function isOtherwise(row: KnownFile, options: SyncOptions): boolean {
  if (row.state !== 'indexed' && row.state !== 'pending') return false;
  return isSampledOtherwise(row, options) || (options.resample === true && row.sampling === null);
}

const placeOf = ({ relPath: path, mtimeMs, ctimeMs }: FoundFile): MediaPlace => ({
  path,
  mtimeMs,
  ctimeMs,
});

/** The known file as the catalog will know it. */
const inPlace = ({ known, file }: KnownAndFound): KnownAndFound => ({
  known: { ...known, ...placeOf(file) },
  file,
});

/** SHA-256 by path; what cannot be read is noted and has none. */
async function hashAll(
  files: readonly FoundFile[],
  unreadable: Map<string, MediaProblem>,
  options: SyncOptions,
): Promise<Map<string, string | undefined>> {
  const hashes = new Map<string, string | undefined>();
  const hash = async (file: FoundFile): Promise<void> => {
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

/** Enough to keep a disk busy. */
const HASHED_AT_ONCE = 4;

/**
 * File systems count time in ticks of up to 10 ms, FAT of two seconds: a file that is read and written
 * again within a tick has the same times before and after. So a file this young is read when its tick is
 * over; the times of the walk are then those of the bytes, or older.
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

function inOrder(found: readonly FoundFile[], items: readonly WorkItem[]): WorkItem[] {
  const place = new Map(found.map((file, i) => [file.relPath, i]));
  return [...items].sort(
    (a, b) => (place.get(a.file.relPath) ?? 0) - (place.get(b.file.relPath) ?? 0),
  );
}
