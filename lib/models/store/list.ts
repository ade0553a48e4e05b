/**
 * Lists the models on this machine: built in, pulled, incomplete, or left in the cache by other tools.
 * Compares names and sizes only; `verify` reads the contents.
 */
import { readdir, stat } from 'node:fs/promises';
import path from 'node:path';
import { messageOf } from '../../base/errors';
import { dtypesIn, type Dtype } from '../dtype';
import { BUILTIN_MODEL, findModel } from './model-store';
import { CachedRepository } from './cache';
import { readLock, type LockEntry, type ModelLock } from './lock-file';
import { DEFAULT_REVISION, spellName } from '../names';
import { isAtWork, readMark } from './pull-mark';
import { hubCacheDir } from '../settings';

export type ModelState =
  | 'complete'
  /** A pull has not finished, or files are missing. */
  | 'incomplete'
  /** A size differs from the lock file, or the lock file is damaged. */
  | 'damaged';

export interface InstalledModel {
  /** Name for `--model`. */
  readonly id: string;
  /** Commit; undefined for the built-in model or if unknown. */
  readonly revision: string | undefined;
  /** Number types with complete weights. */
  readonly dtypes: readonly Dtype[];
  readonly sizeBytes: number;
  readonly state: ModelState;
  /** True if there is a lock entry; models of other tools have none. */
  readonly isPinned: boolean;
  readonly folder: string;
  /** What is wrong, or in progress. */
  readonly note: string | undefined;
}

/** Never throws: unreadable models are listed as damaged, folders that are no models are left out. */
export async function listModels(
  env: NodeJS.ProcessEnv = process.env,
): Promise<readonly InstalledModel[]> {
  const cacheDir = hubCacheDir(env);
  const names = await readdir(cacheDir).catch(() => []);
  const repositories = names
    .filter((name) => /^models--[^/]+--[^/]+$/.test(name))
    .map((name) => name.slice('models--'.length).replace('--', '/'))
    .sort();
  const builtin = await listBuiltin();
  const listed = await Promise.all(repositories.map((id) => listRepository(cacheDir, id)));
  return [...builtin, ...listed.flat()];
}

async function listBuiltin(): Promise<InstalledModel[]> {
  try {
    const { id, folder, dtype } = await findModel(BUILTIN_MODEL);
    const sizeBytes = sum(await sizesIn(folder));
    const shared = { revision: undefined, dtypes: [dtype], isPinned: true, note: undefined };
    return [{ id, folder, sizeBytes, state: 'complete', ...shared }];
  } catch {
    return [];
  }
}

async function listRepository(cacheDir: string, id: string): Promise<InstalledModel[]> {
  const cached = new CachedRepository(cacheDir, id);
  const unusable = async (state: ModelState, note: string): Promise<InstalledModel[]> => {
    const sizeBytes = sum(await sizesIn(path.join(cached.folder, 'blobs')));
    const shared = { id, revision: undefined, dtypes: [], isPinned: false, sizeBytes };
    return [{ ...shared, state, folder: cached.folder, note }];
  };
  const unfinished = await noteOfPull(cached);
  try {
    const lock = await readLock(cached.folder, id);
    if (lock !== undefined) return await listPulled(cached, lock, unfinished);
  } catch (error) {
    return unusable('damaged', messageOf(error));
  }
  return unfinished === undefined ? listForeign(cached) : unusable('incomplete', unfinished);
}

/** One entry for each branch or tag, and for each commit pulled by its hash. */
async function listPulled(
  cached: CachedRepository,
  lock: ModelLock,
  unfinished: string | undefined,
): Promise<InstalledModel[]> {
  const named = new Set(lock.refs.values());
  const spellings = [
    ...lock.refs,
    ...[...lock.entries.keys()].filter((commit) => !named.has(commit)).map((c) => [c, c] as const),
  ];
  const models: InstalledModel[] = [];
  for (const [revision, commit] of spellings) {
    const entry = lock.entries.get(commit);
    if (entry === undefined) continue;
    const folder = cached.snapshot(commit);
    const { state, note } = await compareSizes(folder, entry);
    models.push({
      id: spellName({ repository: cached.repository, revision }),
      revision: commit,
      dtypes: dtypesIn(entry.files),
      sizeBytes: sum([...entry.files.values()].map((file) => file.size)),
      state,
      isPinned: true,
      folder,
      note: note ?? unfinished,
    });
  }
  return models;
}

async function compareSizes(
  folder: string,
  entry: LockEntry,
): Promise<{ state: ModelState; note: string | undefined }> {
  let gone: string | undefined;
  for (const [name, locked] of entry.files) {
    const info = await stat(path.join(folder, ...name.split('/'))).catch(() => undefined);
    if (info === undefined) gone ??= `${name} is gone`;
    else if (info.size !== locked.size) {
      const note = `${name} has ${info.size} bytes, recorded were ${locked.size}`;
      return { state: 'damaged', note };
    }
  }
  return { state: gone === undefined ? 'complete' : 'incomplete', note: gone };
}

/** A repository of another tool, if it has ONNX weights. */
async function listForeign(cached: CachedRepository): Promise<InstalledModel[]> {
  const revision = await cached.readRef(DEFAULT_REVISION);
  if (revision === undefined) return [];
  const folder = cached.snapshot(revision);
  const names = await readdir(path.join(folder, 'onnx')).catch(() => []);
  const dtypes = dtypesIn(new Set(names.map((name) => `onnx/${name}`)));
  if (dtypes.length === 0) return [];
  const sizeBytes = sum(await sizesIn(folder));
  const config = await stat(path.join(folder, 'config.json')).catch(() => undefined);
  const [state, note]: [ModelState, string | undefined] =
    config === undefined ? ['incomplete', 'config.json is missing'] : ['complete', undefined];
  const shared = { id: cached.repository, revision, dtypes, isPinned: false };
  return [{ ...shared, sizeBytes, state, folder, note }];
}

async function noteOfPull(cached: CachedRepository): Promise<string | undefined> {
  const mark = await readMark(cached.folder);
  if (mark === undefined) return undefined;
  if (await isAtWork(cached.folder)) return `process ${mark.pid} is pulling it`;
  const name = spellName({ repository: cached.repository, revision: mark.revision });
  return `a pull of ${mark.dtype} did not end: sightline models pull ${name} --dtype ${mark.dtype}`;
}

/** Follows links: snapshots consist of them. Unreadable files count 0. */
async function sizesIn(folder: string): Promise<number[]> {
  const names = await readdir(folder, { recursive: true }).catch(() => []);
  return Promise.all(
    names.map((name) =>
      stat(path.join(folder, name)).then(
        (info) => (info.isFile() ? info.size : 0),
        () => 0,
      ),
    ),
  );
}

const sum = (sizes: readonly number[]): number => sizes.reduce((total, size) => total + size, 0);
