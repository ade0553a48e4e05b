/**
 * Lists the media files beneath a folder, in the same order every time. Opens no file but ignore
 * files and those whose name does not say what they are; follows no symbolic link, and says what it had to leave out.
 */
import { isUtf8 } from 'node:buffer';
import type { Dirent, Stats } from 'node:fs';
import { lstat, readdir, realpath } from 'node:fs/promises';
import path from 'node:path';
import { makeError, messageOf, type ErrorCode } from '../errors';
import type { MediaKind } from '../types';
import { IGNORE_FILE, IgnoreRules, parseIgnoreFile } from './ignore-rules';
import { kindOfName } from './kinds';
import { walkedKind } from './recognise';
import { openMedia } from './safe-open';

export interface MediaFile {
  /** Relative to the root, with `/`. */
  readonly relPath: string;
  /** Beneath the root's real path: no part of it is a symbolic link. */
  readonly absPath: string;
  /** By extension; the bytes may say otherwise. */
  readonly kind: MediaKind;
  readonly sizeBytes: number;
  readonly mtimeMs: number;
  /** Time of the last change of bytes, name or owner, which nobody can set. */
  readonly ctimeMs: number;
}

/** Something beneath the root that looked like media or a folder and could not be taken. */
export interface WalkProblem {
  readonly relPath: string;
  readonly code: ErrorCode;
  readonly reason: string;
}

export interface WalkOptions {
  /** Globs to leave out, as lines of a `.sightlineignore` in the root. */
  readonly ignore?: readonly string[];
  /** Take files and folders whose name starts with a dot, too. */
  readonly hidden?: boolean;
  readonly signal?: AbortSignal;
}

/** A library's own folder by name; one under another name is known by its catalog. */
const LIBRARY_FOLDER = '.sightline';
const LIBRARY_FILE = 'catalog.sqlite';
/** Files asked for their size at once. */
const STAT_BATCH = 64;
const IGNORE_FILE_BYTES = 1024 * 1024;

/**
 * Walks a folder: depth first, names in order of their UTF-16 code units whatever the locale.
 *
 * @throws ERR_FILE_MISSING when the root is no folder that can be read; ERR_ABORTED
 */
export async function* walkMedia(
  root: string,
  options: WalkOptions = {},
): AsyncGenerator<MediaFile | WalkProblem> {
  let real: string;
  try {
    real = await realpath(root);
    if (!(await lstat(real)).isDirectory()) throw new Error('not a folder');
  } catch (cause) {
    throw makeError('ERR_FILE_MISSING', `${root} is not a folder that can be read`, {
      details: { path: root },
      cause,
    });
  }
  yield* new Walker(real, options).folder('', IgnoreRules.none);
}

class Walker {
  /** Apart from the files' rules: a `!` in a folder's file must not take back what a person typed. */
  private readonly callerRules: IgnoreRules;

  constructor(
    private readonly root: string,
    private readonly options: WalkOptions,
  ) {
    this.callerRules = IgnoreRules.none.with(options.ignore ?? []);
  }

  async *folder(relDir: string, inherited: IgnoreRules): AsyncGenerator<MediaFile | WalkProblem> {
    this.throwIfAborted();
    const absDir = path.join(this.root, relDir);
    let entries: Entry[];
    try {
      entries = await this.entries(absDir, relDir);
    } catch (error) {
      yield { relPath: relDir === '' ? '.' : relDir, code: 'ERR_IO', reason: messageOf(error) };
      return;
    }
    // Frames of a library are pictures, too: indexing them would find everything twice.
    if (relDir !== '' && entries.some((entry) => entry.name === LIBRARY_FILE)) return;
    let own = inherited;
    try {
      own = inherited.with(await this.ignoreFile(absDir, entries), relDir);
    } catch (error) {
      // Rather too many files than a walk that a bad ignore file can stop; but not without a word.
      const relPath = relDir === '' ? IGNORE_FILE : `${relDir}/${IGNORE_FILE}`;
      yield { relPath, code: 'ERR_IO', reason: `not obeyed: ${messageOf(error)}` };
    }
    const taken = entries.filter(
      (entry) =>
        !this.isHidden(entry.name) &&
        !own.ignores(entry.relPath, entry.isFolder) &&
        !this.callerRules.ignores(entry.relPath, entry.isFolder),
    );
    for (let at = 0; at < taken.length; at += STAT_BATCH) {
      const batch = taken.slice(at, at + STAT_BATCH);
      this.throwIfAborted();
      const outcomes = await Promise.all(batch.map((entry) => this.look(absDir, entry)));
      for (const [i, entry] of batch.entries()) {
        if (entry.isFolder && entry.problem === undefined) yield* this.folder(entry.relPath, own);
        const outcome = outcomes[i];
        if (outcome !== undefined) yield outcome;
      }
    }
  }

  private async entries(absDir: string, relDir: string): Promise<Entry[]> {
    const found = await readdir(absDir, { withFileTypes: true, encoding: 'buffer' });
    // A folder that was swapped for a link since its parent was listed leads elsewhere.
    if ((await realpath(absDir)) !== absDir) throw new Error('the folder was replaced by a link');
    const entries = found.map((dirent) => toEntry(dirent as unknown as Dirent<Buffer>, relDir));
    return entries.sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0));
  }

  /** What to say of one directory entry; undefined: nothing. */
  private async look(absDir: string, entry: Entry): Promise<MediaFile | WalkProblem | undefined> {
    const { relPath, name } = entry;
    if (entry.problem !== undefined) return problem(relPath, entry.problem);
    if (entry.isFolder) return undefined;
    const kind = kindOfName(name);
    // Links to folders carry no extension as a rule; other names are nobody's media.
    if (entry.isLink)
      return kind !== undefined || !name.includes('.')
        ? problem(relPath, 'symbolic links are not followed')
        : undefined;
    const absPath = path.join(absDir, name);
    let stats: Stats;
    try {
      stats = await lstat(absPath);
    } catch (error) {
      if (kind === undefined) return undefined;
      return { relPath, code: 'ERR_MEDIA_MISSING', reason: messageOf(error) };
    }
    if (!stats.isFile())
      return kind === undefined ? undefined : problem(relPath, 'not a plain file');
    const walked = await walkedKind(absPath, name);
    if (walked === undefined) return undefined;
    const { size: sizeBytes, mtimeMs, ctimeMs } = stats;
    return { relPath, absPath, kind: walked, sizeBytes, mtimeMs, ctimeMs };
  }

  private async ignoreFile(absDir: string, entries: readonly Entry[]): Promise<string[]> {
    if (!entries.some((entry) => entry.name === IGNORE_FILE)) return [];
    const { handle } = await openMedia(path.join(absDir, IGNORE_FILE));
    try {
      const buffer = Buffer.alloc(IGNORE_FILE_BYTES);
      const { bytesRead } = await handle.read(buffer, 0, buffer.length, 0);
      return parseIgnoreFile(buffer.toString('utf8', 0, bytesRead));
    } finally {
      await handle.close();
    }
  }

  private isHidden(name: string): boolean {
    if (name === LIBRARY_FOLDER) return true;
    return this.options.hidden !== true && name.startsWith('.');
  }

  private throwIfAborted(): void {
    if (this.options.signal?.aborted === true)
      throw makeError('ERR_ABORTED', 'the walk was aborted');
  }
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
  // Such a name cannot be written back as text, so neither catalog nor HTTP could name the file.
  const isReadable = isUtf8(dirent.name);
  return {
    name,
    relPath: relDir === '' ? name : `${relDir}/${name}`,
    isFolder: dirent.isDirectory(),
    isLink: dirent.isSymbolicLink(),
    problem: isReadable ? undefined : 'the name is not valid UTF-8',
  };
}

function problem(relPath: string, reason: string): WalkProblem {
  return { relPath, code: 'ERR_MEDIA_UNSUPPORTED', reason };
}
