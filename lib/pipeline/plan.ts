/**
 * Decides, without touching anything, what a sync has to do: compares what the walk found with what
 * the catalog knows. Pure functions over plain records, so every rule is a line in a table test.
 *
 * A file is recognised by path, size and modification time. A new path whose size equals that of a
 * vanished file is hashed, and when the bytes agree it is a move: frames and vectors stay.
 */
import type { MediaId, MediaKind, MediaState } from '../types';

/** What the walk knows of a file. */
export interface FoundFile {
  readonly relPath: string;
  readonly absPath: string;
  readonly kind: MediaKind;
  readonly sizeBytes: number;
  readonly mtimeMs: number;
}

/** What the catalog knows of a file. */
export interface KnownFile {
  readonly mediaId: MediaId;
  readonly path: string;
  readonly sizeBytes: number;
  readonly mtimeMs: number;
  readonly contentHash: string | null;
  readonly state: MediaState;
  readonly code: string | null;
  readonly attempts: number;
}

export interface Comparison {
  /** Nothing to do. */
  readonly unchanged: readonly KnownFile[];
  /** Same path, other size or time: to be decoded again. */
  readonly changed: readonly { file: FoundFile; known: KnownFile }[];
  /** Known and untouched, but not finished, or failed and worth another attempt. */
  readonly unfinished: readonly { file: FoundFile; known: KnownFile }[];
  readonly added: readonly FoundFile[];
  readonly missing: readonly KnownFile[];
}

/** After this many attempts an unchanged file that fails is left alone until it changes. */
export const MAX_ATTEMPTS = 3;

/**
 * Sorts files into the five cases. Order of `found` is kept, pictures before videos, so that frame
 * ids follow the walk (spec 004 section 3.1).
 *
 * @param retryFailed  also take files that used up their attempts
 */
export function compareFiles(
  found: readonly FoundFile[],
  known: Iterable<KnownFile>,
  retryFailed = false,
): Comparison {
  const byPath = new Map<string, KnownFile>();
  for (const row of known) byPath.set(row.path, row);
  const unchanged: KnownFile[] = [];
  const changed: { file: FoundFile; known: KnownFile }[] = [];
  const unfinished: { file: FoundFile; known: KnownFile }[] = [];
  const added: FoundFile[] = [];
  for (const file of picturesFirst(found)) {
    const row = byPath.get(file.relPath);
    byPath.delete(file.relPath);
    if (row === undefined) added.push(file);
    else if (row.sizeBytes !== file.sizeBytes || row.mtimeMs !== file.mtimeMs)
      changed.push({ file, known: row });
    else if (needsWork(row, retryFailed)) unfinished.push({ file, known: row });
    else unchanged.push(row);
  }
  return { unchanged, changed, unfinished, added, missing: [...byPath.values()] };
}

function needsWork(row: KnownFile, retryFailed: boolean): boolean {
  if (row.state === 'pending') return true;
  return row.state === 'failed' && (retryFailed || row.attempts < MAX_ATTEMPTS);
}

function picturesFirst(found: readonly FoundFile[]): FoundFile[] {
  return [
    ...found.filter((file) => file.kind === 'image'),
    ...found.filter((file) => file.kind === 'video'),
  ];
}

export interface Move {
  readonly known: KnownFile;
  readonly file: FoundFile;
}

/** New files that may be moved ones: their size is that of a vanished file with a known hash. */
export function moveCandidates(comparison: Comparison): readonly FoundFile[] {
  const sizes = new Set(
    comparison.missing.filter((row) => row.contentHash !== null).map((row) => row.sizeBytes),
  );
  return comparison.added.filter((file) => sizes.has(file.sizeBytes));
}

/**
 * Pairs vanished files with new ones of the same bytes; each is used once, in path order.
 *
 * @param hashes  SHA-256 by relative path, for the candidates
 */
export function resolveMoves(
  comparison: Comparison,
  hashes: ReadonlyMap<string, string>,
): { moves: readonly Move[]; added: readonly FoundFile[]; missing: readonly KnownFile[] } {
  const vanished = new Map<string, KnownFile[]>();
  for (const row of comparison.missing) {
    if (row.contentHash === null) continue;
    const list = vanished.get(row.contentHash);
    if (list === undefined) vanished.set(row.contentHash, [row]);
    else list.push(row);
  }
  const moves: Move[] = [];
  const taken = new Set<MediaId>();
  const added: FoundFile[] = [];
  for (const file of comparison.added) {
    const hash = hashes.get(file.relPath);
    const known = hash === undefined ? undefined : vanished.get(hash)?.shift();
    if (known === undefined) {
      added.push(file);
    } else {
      moves.push({ known, file });
      taken.add(known.mediaId);
    }
  }
  return { moves, added, missing: comparison.missing.filter((row) => !taken.has(row.mediaId)) };
}
