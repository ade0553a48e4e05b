/**
 * A copy of a library that opens by itself: catalog, vectors and frames, as they were at one moment,
 * while another process may be writing.
 *
 *   catalog    VACUUM INTO: SQLite's own consistent copy
 *   vectors    the engine's backup, by a reader that was opened at the same moment
 *   frames     a hard link to each file that the copied catalog names, or a copy where links cannot be
 *
 * The moment: the commit log of the vectors is the same before and after the catalog was copied, so
 * the two are a pair that a crash could have left, which every open knows how to reconcile.
 */
import { copyFile, link, mkdir, rm, stat } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { throwIfAborted } from '../base/abort';
import { copyCatalog, framePath, openCatalog, type Catalog } from '../catalog';
import { makeError } from '../base/errors';
import { CATALOG_FILE, COMMIT_LOG, SPACES_FOLDER } from '../base/files/names';
import { FUNCTION, readOptions, SIGNAL, TEXT, type OptionRules } from '../base/options';
import type { FrameId } from '../base/types';
import { VectorIndex } from '../vectors';
import { syncFile, syncFolder } from '../base/files/safe-file';
import { newFolder } from '../base/files/new-folder';

export interface LibraryBackupOptions {
  /** The media folder; a copy inside it would be indexed by the next sync. */
  readonly root?: string;
  readonly signal?: AbortSignal;
  /** Frames done, of all frames. */
  readonly onProgress?: (done: number, total: number) => void;
}

const BACKUP_OPTIONS: OptionRules<LibraryBackupOptions> = {
  root: TEXT,
  signal: SIGNAL,
  onProgress: FUNCTION,
};

export interface LibraryBackupReport {
  /** Absolute. */
  readonly path: string;
  readonly media: number;
  readonly frames: number;
  /** Live vectors of all spaces. */
  readonly vectors: number;
  /** Frames whose file was already missing in the library; `verify --repair` restores them. */
  readonly framesMissing: number;
  /** True if vectors are in PostgreSQL, which is not copied. */
  readonly isWithoutVectors: boolean;
}

const ABORTED = 'the backup was aborted; no copy is left';
/** A writer commits some times a second; a catalog is copied in a fraction of that. */
const ATTEMPTS = 100;
const PAUSE_MS = 50;
/** Frames linked or copied at once. */
const TOGETHER = 16;

/**
 * @param dir  the library's own folder
 * @param target  an absent or empty folder, outside of `dir` and of `root`
 * @throws ERR_LIBRARY_MISSING | ERR_FILE_EXISTS | ERR_ARG_RANGE | ERR_BUSY (written without pause) |
 *   ERR_CATALOG | ERR_FILE_CORRUPT | ERR_FILE_MISSING | ERR_READ_ONLY | ERR_DISK_FULL | ERR_IO | ERR_ABORTED.
 *   Nothing of the target's name is left behind then.
 */
export async function backupLibrary(
  dir: string,
  target: string,
  given: LibraryBackupOptions = {},
): Promise<LibraryBackupReport> {
  const options = readOptions('options', given, BACKUP_OPTIONS);
  const { root } = options;
  const folder = await newFolder(target, dir, ...(root === undefined ? [] : [root]));
  let readers: Readers = new Map();
  try {
    readers = await copyMoment(dir, folder.path, options.signal);
    const copy = await openCatalog(folder.path, { readOnly: true });
    let report: Omit<LibraryBackupReport, 'path'>;
    try {
      report = await fill(dir, folder.path, copy, readers, options);
    } finally {
      copy.close();
    }
    return { path: await folder.commit(), ...report };
  } catch (error) {
    await folder.discard();
    throw error;
  } finally {
    for (const reader of readers.values()) await reader.close();
  }
}

type Readers = ReadonlyMap<string, VectorIndex>;

/** Copies the catalog and opens readers of its spaces in the same state. */
async function copyMoment(
  dir: string,
  to: string,
  signal: AbortSignal | undefined,
): Promise<Readers> {
  for (let attempt = 1; ; attempt++) {
    throwIfAborted(signal, ABORTED);
    const before = await logsOf(dir);
    await copyCatalog(dir, path.join(to, CATALOG_FILE));
    const readers = new Map<string, VectorIndex>();
    for (const space of before.keys())
      readers.set(space, await VectorIndex.open(spaceFolder(dir, space), { readOnly: true }));
    const after = await logsOf(dir);
    if (isSame(before, after)) return readers;
    for (const reader of readers.values()) await reader.close();
    await rm(path.join(to, CATALOG_FILE));
    if (attempt === ATTEMPTS) {
      throw makeError('ERR_BUSY', `${dir} is being written constantly: try again later`, {
        details: { dir },
      });
    }
    await delay(PAUSE_MS);
  }
}

const spaceFolder = (dir: string, space: string): string => path.join(dir, SPACES_FOLDER, space);

/** Identifies one state of a space's commit log. */
async function logsOf(dir: string): Promise<Map<string, string>> {
  const catalog = await openCatalog(dir, { readOnly: true });
  const logs = new Map<string, string>();
  try {
    for (const { name: space } of catalog.spaces.all()) {
      const file = path.join(spaceFolder(dir, space), COMMIT_LOG);
      const info = await stat(file).catch(() => undefined);
      if (info !== undefined) logs.set(space, `${info.ino} ${info.size}`);
    }
    return logs;
  } finally {
    catalog.close();
  }
}

function isSame(a: ReadonlyMap<string, string>, b: ReadonlyMap<string, string>): boolean {
  return a.size === b.size && [...a].every(([space, log]) => b.get(space) === log);
}

async function fill(
  dir: string,
  to: string,
  copy: Catalog,
  readers: Readers,
  options: LibraryBackupOptions,
): Promise<Omit<LibraryBackupReport, 'path'>> {
  const problems = copy.integrityCheck();
  if (problems.length > 0) {
    throw makeError('ERR_CATALOG', `the catalog of ${dir} is not sound: ${problems[0]}`, {
      details: { problems },
    });
  }
  await mkdir(path.join(to, SPACES_FOLDER));
  let vectors = 0;
  for (const [space, reader] of readers) {
    throwIfAborted(options.signal, ABORTED);
    vectors += (await reader.backup(spaceFolder(to, space))).liveRows;
  }
  await syncFolder(path.join(to, SPACES_FOLDER));
  const ids = [...copy.frames()].map((frame) => frame.frameId);
  const framesMissing = await copyFrames(dir, to, ids, options);
  return {
    media: [...copy.media()].length,
    frames: ids.length,
    vectors,
    framesMissing,
    isWithoutVectors: copy.meta('vector_store') === 'postgres',
  };
}

/** Returns how many frames were missing. */
async function copyFrames(
  dir: string,
  to: string,
  ids: readonly FrameId[],
  { signal, onProgress }: LibraryBackupOptions,
): Promise<number> {
  const folders = new Set(ids.map((id) => path.dirname(framePath(id))));
  for (const folder of folders) await mkdir(path.join(to, folder), { recursive: true });
  let missing = 0;
  for (let at = 0; at < ids.length; at += TOGETHER) {
    throwIfAborted(signal, ABORTED);
    const part = ids.slice(at, at + TOGETHER).map(framePath);
    const there = await Promise.all(
      part.map((name) => linkOrCopy(path.join(dir, name), path.join(to, name))),
    );
    missing += there.filter((is) => !is).length;
    onProgress?.(Math.min(ids.length, at + TOGETHER), ids.length);
  }
  for (const folder of folders) await syncFolder(path.join(to, folder));
  return missing;
}

/** Frame files are replaced as a whole and never modified, so a hard link keeps its content. */
async function linkOrCopy(from: string, to: string): Promise<boolean> {
  try {
    await link(from, to).catch(async () => {
      await copyFile(from, to);
      await syncFile(to);
    });
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false;
    throw makeError('ERR_IO', `${from} could not be copied`, {
      details: { from, to },
      cause: error,
    });
  }
}
