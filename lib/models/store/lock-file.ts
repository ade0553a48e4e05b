/**
 * `sightline.lock.json` of a pulled repository: commits of revisions, SHA-256 and size of every file, golden
 * vectors. Only what it records is loaded: other tools may move `refs/`.
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
/** A revision takes about 2 KB, with golden vectors of `dim` 1,000 about 60 KB. */
const MAX_LOCK_BYTES = 8 << 20;

export interface LockedFile {
  readonly size: number;
  readonly sha256: string;
}

export interface LockEntry {
  /** By path in the snapshot. */
  readonly files: ReadonlyMap<string, LockedFile>;
  readonly golden?: Golden;
}

export interface ModelLock {
  readonly id: string;
  /** Branch or tag -> commit. */
  readonly refs: ReadonlyMap<string, string>;
  /** By commit. */
  readonly entries: ReadonlyMap<string, LockEntry>;
}

/**
 * @param folder  of the repository in the cache
 * @returns undefined if there is no lock file
 * @throws ERR_MODEL_INVALID for an invalid lock file
 */
export async function readLock(folder: string, id: string): Promise<ModelLock | undefined> {
  const file = path.join(folder, LOCK_FILE);
  if ((await stat(file).catch(() => undefined)) === undefined) return undefined;
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

/** The recorded commit of a revision; undefined if not pulled. */
export function commitOf(lock: ModelLock, revision: string): string | undefined {
  const commit = lock.refs.get(revision) ?? revision;
  return lock.entries.has(commit) ? commit : undefined;
}

/** Files of one number type: all but the weights of the others. */
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

/** Adds the files of a pull to those of other number types of the commit. */
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
  /** With expected and actual values. */
  readonly problem?: string;
}

/** Compares a file with its record. Cost: hashing it, once per process. */
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
