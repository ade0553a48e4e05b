/**
 * The models on this machine: the built-in one, those that were pulled, those that other tools left
 * in the cache, and those whose pull has not ended. Looks at names and sizes only; `verify` reads the
 * contents.
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
  /** A pull was begun and has not ended, or files are gone. */
  | 'incomplete'
  /** A file has another size than was recorded, or the record itself is damaged. */
  | 'damaged';

export interface InstalledModel {
  /** What to give to `--model`. */
  readonly id: string;
  /** Commit; undefined for the built-in model and where it is not known. */
  readonly revision: string | undefined;
  /** Number types whose weights are whole. */
  readonly dtypes: readonly Dtype[];
  readonly sizeBytes: number;
  readonly state: ModelState;
  /** True when a lock entry guards it; models of other tools have none. */
  readonly isPinned: boolean;
  readonly folder: string;
  /** What is wrong, or under way. */
  readonly note: string | undefined;
}

/** Never throws: what cannot be read is listed as such, or left out when it is no model of ours. */
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
  const unfinished = await noteOfPull(cached);
  let lock: ModelLock | undefined;
  try {
    lock = await readLock(cached.folder, id);
  } catch (error) {
    const sizeBytes = sum(await sizesIn(path.join(cached.folder, 'blobs')));
    const shared = { id, revision: undefined, dtypes: [], isPinned: false, sizeBytes };
    return [{ ...shared, state: 'damaged', folder: cached.folder, note: messageOf(error) }];
  }
  if (lock !== undefined) return listPulled(cached, lock, unfinished);
  if (unfinished !== undefined) {
    const sizeBytes = sum(await sizesIn(path.join(cached.folder, 'blobs')));
    const shared = { id, revision: undefined, dtypes: [], isPinned: false, sizeBytes };
    return [{ ...shared, state: 'incomplete', folder: cached.folder, note: unfinished }];
  }
  return listForeign(cached);
}

/** One line for each branch or tag, and for each commit that was pulled by itself. */
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

/** A repository that another tool left: listed when it holds ONNX weights. */
async function listForeign(cached: CachedRepository): Promise<InstalledModel[]> {
  const revision = await cached.readRef(DEFAULT_REVISION);
  if (revision === undefined) return [];
  const folder = cached.snapshot(revision);
  const names = await readdir(path.join(folder, 'onnx')).catch(() => []);
  const dtypes = dtypesIn(new Set(names.map((name) => `onnx/${name}`)));
  if (dtypes.length === 0) return [];
  const sizeBytes = sum(await sizesIn(folder));
  const isThere = await stat(path.join(folder, 'config.json')).catch(() => undefined);
  const [state, note]: [ModelState, string | undefined] =
    isThere === undefined ? ['incomplete', 'config.json is missing'] : ['complete', undefined];
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

/** Follows links, as the snapshots of the cache are made of them. Files that cannot be read count 0. */
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
