/**
 * `sightline.lock.json` in the folder of a pulled repository: which commit a revision stands for
 * here, the SHA-256 and size of every file that was pulled, and the golden vectors. What is recorded
 * once is what may be loaded ever after; other tools may move `refs/`, this record they do not know.
 */
import { stat } from 'node:fs/promises';
import path from 'node:path';
import { makeError } from '../../base/errors';
import { isOfOtherDtype, type Dtype } from '../dtype';
import { sumOfFile } from '../file-hash';
import { isObject, readJsonFile } from '../json-file';
import { writeWhole } from './cache';
import { readGolden, writeGolden, type Golden } from './golden';
import { isCommit, isSafeRelativePath } from '../names';

export const LOCK_FILE = 'sightline.lock.json';
const LOCK_VERSION = 1;
/** A revision takes about 2 KB, with golden vectors of 1,000 values 60 KB. */
const MAX_LOCK_BYTES = 8 << 20;

export interface LockedFile {
  readonly size: number;
  readonly sha256: string;
}

export interface LockEntry {
  /** By path relative to the snapshot. */
  readonly files: ReadonlyMap<string, LockedFile>;
  readonly golden?: Golden;
}

export interface ModelLock {
  readonly id: string;
  /** Branch or tag -> commit. */
  readonly refs: ReadonlyMap<string, string>;
  /** Commit -> what it holds. */
  readonly entries: ReadonlyMap<string, LockEntry>;
}

/**
 * @param folder of the repository in the cache
 * @returns undefined when nothing was pulled by us
 * @throws ERR_MODEL_INVALID for a lock file that cannot be believed
 */
export async function readLock(folder: string, id: string): Promise<ModelLock | undefined> {
  const file = path.join(folder, LOCK_FILE);
  const isThere = await stat(file).then(
    () => true,
    () => false,
  );
  if (!isThere) return undefined;
  const json = await readJsonFile(file, MAX_LOCK_BYTES);
  const damaged = (why: string): Error =>
    makeError(
      'ERR_MODEL_INVALID',
      `${file} ${why}: delete it and run: sightline models pull ${id}`,
      { details: { file } },
    );
  if (json['version'] !== LOCK_VERSION) throw damaged('is of another version');
  const { refs, entries } = json;
  if (json['id'] !== id || !isObject(refs) || !isObject(entries)) throw damaged('is damaged');
  const commits = Object.entries(refs).map(([name, commit]) => {
    if (typeof commit !== 'string' || !isCommit(commit)) throw damaged('is damaged');
    return [name, commit] as const;
  });
  const read = Object.entries(entries).map(([commit, entry]) => {
    const found = isCommit(commit) ? readEntry(entry) : undefined;
    if (found === undefined) throw damaged('is damaged');
    return [commit, found] as const;
  });
  return { id, refs: new Map(commits), entries: new Map(read) };
}

function readEntry(value: unknown): LockEntry | undefined {
  if (!isObject(value) || !isObject(value['files'])) return undefined;
  const files = new Map<string, LockedFile>();
  for (const [name, file] of Object.entries(value['files'])) {
    if (!isSafeRelativePath(name) || !isObject(file)) return undefined;
    const { size, sha256 } = file;
    if (!Number.isSafeInteger(size) || typeof sha256 !== 'string') return undefined;
    if (!/^[0-9a-f]{64}$/.test(sha256)) return undefined;
    files.set(name, { size: size as number, sha256 });
  }
  const isMeasured = value['golden'] !== undefined;
  const golden = isMeasured ? readGolden(value['golden']) : undefined;
  if (isMeasured && golden === undefined) return undefined;
  return { files, ...(golden && { golden }) };
}

/** The commit that a revision stands for here; undefined when it was not pulled. */
export function commitOf(lock: ModelLock, revision: string): string | undefined {
  const commit = lock.refs.get(revision) ?? revision;
  return lock.entries.has(commit) ? commit : undefined;
}

/** What one number type needs: all files but the weights of the others. */
export function filesOf(
  entry: LockEntry,
  dtype: Dtype,
): readonly (readonly [string, LockedFile])[] {
  return [...entry.files].filter(([name]) => !isOfOtherDtype(name, dtype));
}

export async function writeLock(folder: string, lock: ModelLock): Promise<void> {
  const entries = [...lock.entries].map(([commit, entry]) => {
    const files = Object.fromEntries([...entry.files].sort(([a], [b]) => (a < b ? -1 : 1)));
    const golden = entry.golden && writeGolden(entry.golden);
    return [commit, { files, ...(golden && { golden }) }] as const;
  });
  const document = {
    version: LOCK_VERSION,
    id: lock.id,
    refs: Object.fromEntries(lock.refs),
    entries: Object.fromEntries(entries),
  };
  await writeWhole(path.join(folder, LOCK_FILE), `${JSON.stringify(document, null, 2)}\n`);
}

/** Adds what was pulled; what other number types of the same commit brought stays. */
export function withEntry(
  lock: ModelLock | undefined,
  id: string,
  revision: string,
  commit: string,
  entry: LockEntry,
): ModelLock {
  const before = lock?.entries.get(commit);
  const golden = entry.golden ?? before?.golden;
  const files = new Map([...(before?.files ?? []), ...entry.files]);
  return {
    id,
    refs:
      revision === commit
        ? new Map(lock?.refs)
        : new Map([...(lock?.refs ?? []), [revision, commit]]),
    entries: new Map([...(lock?.entries ?? []), [commit, { files, ...(golden && { golden }) }]]),
  };
}

export interface FileFinding {
  readonly path: string;
  readonly state: 'ok' | 'missing' | 'changed';
  /** What is wrong, with the numbers. */
  readonly problem?: string;
}

/** Compares one file with its record. Cost: hashing it, once per process. */
export async function checkLocked(
  snapshot: string,
  name: string,
  locked: LockedFile,
): Promise<FileFinding> {
  const file = path.join(snapshot, ...name.split('/'));
  const info = await stat(file).catch(() => undefined);
  if (info?.isFile() !== true) return { path: name, state: 'missing', problem: `${name} is gone` };
  const changed = (problem: string): FileFinding => ({ path: name, state: 'changed', problem });
  if (info.size !== locked.size)
    return changed(`${name} has ${info.size} bytes, recorded were ${locked.size}`);
  const { sha256 } = await sumOfFile(file);
  if (sha256 === locked.sha256) return { path: name, state: 'ok' };
  return changed(`${name} has SHA-256 ${sha256}, recorded was ${locked.sha256}`);
}
