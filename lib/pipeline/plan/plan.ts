/**
 * Decides what a sync has to do by comparing the walk with the catalog. Pure functions over plain records,
 * so every rule is a line in a table test.
 *
 * Frames belong to bytes, not to names. Path, size and the two times of a file only show where reading can
 * be skipped. If only the times differ, the bytes are hashed, and the same bytes are the same file under a
 * new time. Bytes missing at their old path are searched among files that are new, or new under an old
 * name: a match has moved (ADR 19).
 */
import type { MediaFile } from '../../media';
import type { MediaId, MediaKind, MediaState } from '../../base/types';

/** What the catalog knows of a file. */
export interface KnownFile {
  readonly mediaId: MediaId;
  readonly path: string;
  readonly sizeBytes: number;
  readonly mtimeMs: number;
  /** Null: unknown, so it proves nothing. */
  readonly ctimeMs: number | null;
  readonly contentHash: string | null;
  readonly state: MediaState;
  readonly attempts: number;
  readonly needsDecoding: boolean;
  readonly fault: 'decode' | 'encode' | null;
  readonly kind: MediaKind;
  readonly sampling: string | null;
  readonly width: number | null;
  readonly height: number | null;
}

export interface KnownAndFound {
  readonly known: KnownFile;
  readonly file: MediaFile;
}

/** By size and times alone. */
export interface Comparison {
  /** Nothing to do. */
  readonly unchanged: readonly KnownAndFound[];
  /** Same path and size, other times: hashing decides. */
  readonly suspects: readonly KnownAndFound[];
  /** Same path, other size: changed. */
  readonly changed: readonly KnownAndFound[];
  /** Unchanged and not finished, or failed and worth a retry: to be decoded. */
  readonly unfinished: readonly KnownAndFound[];
  readonly added: readonly MediaFile[];
  readonly missing: readonly KnownFile[];
}

/** After this many attempts an unchanged failing file is skipped until it changes. */
export const MAX_ATTEMPTS = 3;

/**
 * Sorts files by what is visible without reading them. Keeps the order of `found`, pictures before videos,
 * so that frame ids follow the walk (spec 004 section 3.1).
 *
 * @param retryFailed  also take files that used up their attempts
 */
export function compareFiles(
  found: readonly MediaFile[],
  known: Iterable<KnownFile>,
  retryFailed = false,
): Comparison {
  const byPath = new Map<string, KnownFile>();
  for (const row of known) byPath.set(row.path, row);
  const unchanged: KnownAndFound[] = [];
  const suspects: KnownAndFound[] = [];
  const changed: KnownAndFound[] = [];
  const unfinished: KnownAndFound[] = [];
  const added: MediaFile[] = [];
  for (const file of picturesFirst(found)) {
    const row = byPath.get(file.relPath);
    byPath.delete(file.relPath);
    if (row === undefined) {
      added.push(file);
      continue;
    }
    const pair = { file, known: row };
    if (row.sizeBytes !== file.sizeBytes) changed.push(pair);
    else if (!hasSameTimes(row, file)) (row.contentHash === null ? changed : suspects).push(pair);
    else if (needsDecoding(row, retryFailed)) unfinished.push(pair);
    else unchanged.push(pair);
  }
  return { unchanged, suspects, changed, unfinished, added, missing: [...byPath.values()] };
}

/**
 * The modification time can be set back (`touch -r`, `rsync -t`, cameras, archives), the inode's change
 * time cannot. Inode numbers are ignored: FAT, FUSE, overlays and network shares renumber at every mount,
 * and a replaced file has a new change time as well.
 */
const hasSameTimes = (row: KnownFile, file: MediaFile): boolean =>
  row.mtimeMs === file.mtimeMs && (row.ctimeMs === null || row.ctimeMs === file.ctimeMs);

/** Whether an unchanged file is decoded (again). Frames that only wait to be encoded need no decoding. */
export function needsDecoding(row: KnownFile, retryFailed = false): boolean {
  if (row.needsDecoding) return true;
  const failed = row.state === 'failed' && row.fault !== 'encode';
  return failed && (retryFailed || row.attempts < MAX_ATTEMPTS);
}

function picturesFirst(found: readonly MediaFile[]): MediaFile[] {
  return [
    ...found.filter((file) => file.kind === 'image'),
    ...found.filter((file) => file.kind === 'video'),
  ];
}

/** SHA-256 by relative path; undefined for unreadable files. */
export type Hashes = ReadonlyMap<string, string | undefined>;

/** Files that changed or are new, and entries whose file is missing. */
interface Turnover {
  readonly arrivals: readonly { readonly file: MediaFile; readonly known?: KnownFile }[];
  readonly displaced: readonly KnownFile[];
}

function turnoverOf(comparison: Comparison, hashes: Hashes): Turnover {
  const replaced = [
    ...comparison.changed,
    ...comparison.suspects.filter(
      ({ known, file }) => hashes.has(file.relPath) && !hasKnownBytes(known, file, hashes),
    ),
  ];
  return {
    arrivals: [...replaced, ...comparison.added.map((file) => ({ file }))],
    displaced: [...comparison.missing, ...replaced.map(({ known }) => known)],
  };
}

/** Unreadable bytes count as unchanged: nothing is removed on a guess. */
function hasKnownBytes(known: KnownFile, file: MediaFile, hashes: Hashes): boolean {
  const hash = hashes.get(file.relPath);
  return hash === undefined || hash === known.contentHash;
}

/** New files that may hold known bytes, by their size: to be hashed. */
export function moveCandidates(comparison: Comparison, hashes: Hashes): readonly MediaFile[] {
  const { arrivals, displaced } = turnoverOf(comparison, hashes);
  const sizes = new Set(
    displaced.filter((row) => row.contentHash !== null).map((row) => row.sizeBytes),
  );
  return arrivals
    .map(({ file }) => file)
    .filter((file) => sizes.has(file.sizeBytes) && !hashes.has(file.relPath));
}

export interface Resolution {
  /** Known bytes at their new path. */
  readonly moves: readonly KnownAndFound[];
  /** The same bytes at the same path with other times. */
  readonly touched: readonly KnownAndFound[];
  /** Suspects that cannot be read: kept as they are. */
  readonly unreadable: readonly KnownAndFound[];
  /** New bytes under a known name. */
  readonly changed: readonly KnownAndFound[];
  readonly added: readonly MediaFile[];
  readonly missing: readonly KnownFile[];
  /** Certainly gone: other known bytes have its name. */
  readonly overwritten: readonly KnownFile[];
}

/**
 * Pairs missing bytes with files that hold them now; each is used once, in path order. Entries that lost
 * their name come before entries that only changed.
 *
 * @param hashes  of all suspects and of `moveCandidates`
 */
export function resolveContents(comparison: Comparison, hashes: Hashes): Resolution {
  const { arrivals, displaced } = turnoverOf(comparison, hashes);
  const byHash = new Map<string, KnownFile[]>();
  for (const row of displaced) {
    if (row.contentHash === null) continue;
    const list = byHash.get(row.contentHash);
    if (list === undefined) byHash.set(row.contentHash, [row]);
    else list.push(row);
  }
  const moves: KnownAndFound[] = [];
  const rest: (typeof arrivals)[number][] = [];
  const overwritten: KnownFile[] = [];
  for (const arrival of arrivals) {
    const hash = hashes.get(arrival.file.relPath);
    const known = hash === undefined ? undefined : byHash.get(hash)?.shift();
    if (known === undefined) rest.push(arrival);
    else {
      moves.push({ known, file: arrival.file });
      if (arrival.known !== undefined) overwritten.push(arrival.known);
    }
  }
  const moved = new Set(moves.map(({ known }) => known.mediaId));
  const added: MediaFile[] = [];
  const changed: KnownAndFound[] = [];
  for (const { file, known } of rest) {
    // The old file moved: its name belongs to a new file now.
    if (known === undefined || moved.has(known.mediaId)) added.push(file);
    else changed.push({ file, known });
  }
  const kept = comparison.suspects.filter(({ known, file }) => hasKnownBytes(known, file, hashes));
  const isRead = ({ file }: KnownAndFound): boolean => hashes.get(file.relPath) !== undefined;
  return {
    moves,
    touched: kept.filter(isRead),
    unreadable: kept.filter((pair) => !isRead(pair)),
    changed,
    added,
    missing: comparison.missing.filter((row) => !moved.has(row.mediaId)),
    overwritten: overwritten.filter((row) => !moved.has(row.mediaId)),
  };
}
