/**
 * Lists the media files in a folder, in a stable order. Opens only ignore files and files whose name is
 * ambiguous; follows no symbolic link; reports what it skipped and why, because a missing file differs from
 * one that was unreadable or excluded.
 */
import { isUtf8 } from 'node:buffer';
import type { Dirent, Stats } from 'node:fs';
import { lstat, readdir, realpath } from 'node:fs/promises';
import path from 'node:path';
import { throwIfAborted } from '../base/abort';
import { makeError, messageOf, type ErrorCode } from '../base/errors';
import { CATALOG_FILE, LIBRARY_FOLDER } from '../base/files/names';
import type { MediaKind } from '../base/types';
import { foldPath, parsePattern } from '../base/patterns';
import { IGNORE_FILE, IgnoreRules, parseIgnoreFile, type IgnoreFile } from './ignore-rules';
import { kindOfName } from './kinds';
import { walkedKind } from './recognise';
import { openMedia } from './safe-open';

export interface MediaFile {
  /** Relative to the root, with `/`. */
  readonly relPath: string;
  /** Below the root's real path: no part is a symbolic link. */
  readonly absPath: string;
  /** By extension; the content may differ. */
  readonly kind: MediaKind;
  readonly sizeBytes: number;
  readonly mtimeMs: number;
  /** Time of the last change of content or metadata, which programs cannot set. */
  readonly ctimeMs: number;
}

/** An unreadable folder or media file. */
export interface WalkProblem {
  /** `.` for the root itself. */
  readonly relPath: string;
  readonly code: ErrorCode;
  readonly reason: string;
  /**
   * The effect on known files at this path or below. `unseen`: access was denied, so they may exist.
   * `replaced`: something else is there now. Absent: none.
   */
  readonly hides?: 'unseen' | 'replaced';
}

/** An entry that was skipped, or is to be remembered. */
export interface WalkNote {
  readonly relPath: string;
  /**
   * `ignored`: by a rule, and so is what lies below. `library`: a folder of Sightline's own. `unseen`: a
   * file that could not be read to know whether it is media. `volume`: the root, or a folder on another
   * file system than its parent.
   */
  readonly note: 'ignored' | 'library' | 'unseen' | 'volume';
  /** For `volume`: number of the file system. */
  readonly device?: number;
}

export type WalkEntry = MediaFile | WalkProblem | WalkNote;

export interface WalkOptions {
  /** Patterns to exclude, as lines of a `.sightlineignore` in the root; `#` begins no comment here. */
  readonly ignore?: readonly string[];
  /** Include names that begin with a dot. */
  readonly hidden?: boolean;
  readonly signal?: AbortSignal;
}

/** Concurrent calls of lstat. */
const STAT_BATCH = 64;
const IGNORE_FILE_BYTES = 1024 * 1024;
const ROOT = '.';

/**
 * Walks depth first, names in order of UTF-16 code units.
 *
 * @throws ERR_FILE_MISSING when the root is not a readable folder; ERR_ABORTED; ERR_ARG_RANGE for a pattern
 * that matches nothing
 */
export async function* walkMedia(
  root: string,
  options: WalkOptions = {},
): AsyncGenerator<WalkEntry> {
  let real: string;
  let device: number;
  try {
    real = await realpath(root);
    const stats = await lstat(real);
    if (!stats.isDirectory()) throw new Error('not a folder');
    device = stats.dev;
  } catch (cause) {
    throw makeError('ERR_FILE_MISSING', `${root} is not a readable folder`, {
      details: { path: root },
      cause,
    });
  }
  yield { relPath: ROOT, note: 'volume', device };
  yield* new Walker(real, options).folder('', IgnoreRules.none, device);
}

class Walker {
  /** Separate from the files' rules: a `!` in an ignore file must not cancel the user's patterns. */
  private readonly callerRules: IgnoreRules;

  constructor(
    private readonly root: string,
    private readonly options: WalkOptions,
  ) {
    const patterns = (options.ignore ?? []).map((text) => parsePattern(text));
    this.callerRules = IgnoreRules.none.with(patterns);
  }

  /** @param parentDevice  file system of the folder above */
  async *folder(
    relDir: string,
    inherited: IgnoreRules,
    parentDevice: number,
  ): AsyncGenerator<WalkEntry> {
    throwIfAborted(this.options.signal, 'the walk was aborted');
    const absDir = path.join(this.root, relDir);
    let listing: Listing;
    try {
      listing = await this.list(absDir, relDir);
    } catch (error) {
      const relPath = relDir === '' ? ROOT : relDir;
      yield { relPath, code: 'ERR_IO', reason: reasonOf(error), hides: 'unseen' };
      return;
    }
    const { entries, device } = listing;
    if (device !== parentDevice) yield { relPath: relDir, note: 'volume', device };
    // The frames of a library would be found as pictures.
    if (relDir !== '' && entries.some((entry) => entry.name === CATALOG_FILE)) {
      yield { relPath: relDir, note: 'library' };
      return;
    }
    const { patterns, problems } = await this.ignoreFile(absDir, entries);
    const own = inherited.with(patterns, relDir);
    // An unreadable ignore file is reported, but does not stop the walk.
    const ignorePath = relDir === '' ? IGNORE_FILE : `${relDir}/${IGNORE_FILE}`;
    for (const reason of problems)
      yield { relPath: ignorePath, code: 'ERR_IO', reason: `ignored: ${reason}` };
    const taken: Entry[] = [];
    for (const entry of entries) {
      if (this.isHidden(entry.name)) continue;
      if (!this.isIgnored(own, entry)) taken.push(entry);
      else yield { relPath: entry.relPath, note: 'ignored' };
    }
    for (let at = 0; at < taken.length; at += STAT_BATCH) {
      const batch = taken.slice(at, at + STAT_BATCH);
      throwIfAborted(this.options.signal, 'the walk was aborted');
      const outcomes = await Promise.all(batch.map((entry) => this.look(absDir, entry)));
      for (const [i, entry] of batch.entries()) {
        if (entry.isFolder && entry.problem === undefined)
          yield* this.folder(entry.relPath, own, device);
        const outcome = outcomes[i];
        if (outcome !== undefined) yield outcome;
      }
    }
  }

  private async list(absDir: string, relDir: string): Promise<Listing> {
    const found = await readdir(absDir, { withFileTypes: true, encoding: 'buffer' });
    // The folder may have been replaced by a link since its parent was listed.
    const [real, { dev }] = await Promise.all([realpath(absDir), lstat(absDir)]);
    if (real !== absDir) throw new Error('the folder was replaced by a link');
    const entries = found.map((dirent) => toEntry(dirent as unknown as Dirent<Buffer>, relDir));
    entries.sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0));
    return { entries, device: dev };
  }

  /** Undefined if the entry is neither media nor worth a report. */
  private async look(absDir: string, entry: Entry): Promise<WalkEntry | undefined> {
    const { relPath, name } = entry;
    if (entry.problem !== undefined) return problem(relPath, entry.problem);
    if (entry.isFolder) return undefined;
    const kind = kindOfName(name);
    // Links without a media extension are mostly links to folders.
    if (entry.isLink)
      return kind !== undefined || !name.includes('.')
        ? problem(relPath, 'symbolic links are not followed')
        : undefined;
    const absPath = path.join(absDir, name);
    let stats: Stats;
    try {
      stats = await lstat(absPath);
    } catch (error) {
      // Listed a moment ago: deleted since, or the share does not answer.
      const isGone = (error as NodeJS.ErrnoException).code === 'ENOENT';
      if (kind === undefined) return isGone ? undefined : { relPath, note: 'unseen' };
      const code = isGone ? 'ERR_MEDIA_MISSING' : 'ERR_IO';
      return { relPath, code, reason: reasonOf(error), hides: 'unseen' };
    }
    if (!stats.isFile())
      return kind === undefined ? undefined : problem(relPath, 'not a plain file');
    let walked: MediaKind | undefined;
    try {
      walked = await walkedKind(absPath, name);
    } catch {
      // It may not be media; but if it is known to be, it is not missing.
      return { relPath, note: 'unseen' };
    }
    if (walked === undefined) return undefined;
    const { size: sizeBytes, mtimeMs, ctimeMs } = stats;
    return { relPath, absPath, kind: walked, sizeBytes, mtimeMs, ctimeMs };
  }

  private async ignoreFile(absDir: string, entries: readonly Entry[]): Promise<IgnoreFile> {
    if (!entries.some((entry) => entry.name === IGNORE_FILE)) return NO_RULES;
    try {
      const { handle } = await openMedia(path.join(absDir, IGNORE_FILE));
      try {
        const buffer = Buffer.alloc(IGNORE_FILE_BYTES + 1);
        const { bytesRead } = await handle.read(buffer, 0, buffer.length, 0);
        if (bytesRead > IGNORE_FILE_BYTES)
          throw new Error(`it has more than ${IGNORE_FILE_BYTES} bytes`);
        return parseIgnoreFile(buffer.subarray(0, bytesRead));
      } finally {
        await handle.close();
      }
    } catch (error) {
      return { patterns: [], problems: [messageOf(error)] };
    }
  }

  private isIgnored(own: IgnoreRules, { relPath, isFolder }: Entry): boolean {
    if (own === IgnoreRules.none && this.callerRules === IgnoreRules.none) return false;
    const folded = foldPath(relPath);
    return own.ignores(folded, isFolder) || this.callerRules.ignores(folded, isFolder);
  }

  private isHidden(name: string): boolean {
    if (name === LIBRARY_FOLDER) return true;
    return this.options.hidden !== true && name.startsWith('.');
  }
}

const NO_RULES: IgnoreFile = { patterns: [], problems: [] };

interface Listing {
  readonly entries: readonly Entry[];
  readonly device: number;
}

interface Entry {
  readonly name: string;
  readonly relPath: string;
  readonly isFolder: boolean;
  readonly isLink: boolean;
  readonly problem: string | undefined;
}

function toEntry(dirent: Dirent<Buffer>, relDir: string): Entry {
  const name = dirent.name.toString('utf8');
  // Neither catalog nor HTTP could name a file whose name is not UTF-8.
  const isReadable = isUtf8(dirent.name);
  return {
    name,
    relPath: relDir === '' ? name : `${relDir}/${name}`,
    isFolder: dirent.isDirectory(),
    isLink: dirent.isSymbolicLink(),
    problem: isReadable ? undefined : 'the name is not valid UTF-8',
  };
}

/** Without the path, which is shown beside it: `EACCES: permission denied`. */
const reasonOf = (error: unknown): string =>
  (error as NodeJS.ErrnoException).syscall === undefined
    ? messageOf(error)
    : (messageOf(error).split(', ')[0] as string);

function problem(relPath: string, reason: string): WalkProblem {
  return { relPath, code: 'ERR_MEDIA_UNSUPPORTED', reason, hides: 'replaced' };
}
