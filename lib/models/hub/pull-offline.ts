/** A pull without network access: succeeds if the model is in the cache and matches its lock entry. */
import { dtypesIn } from '../dtype';
import type { CachedRepository } from '../store/cache';
import { hubError } from '../failures';
import { checkLocked, commitOf, filesOf, readLock } from '../store/lock-file';
import { spellName, type ModelName } from '../names';
import type { PulledFile, PullOptions, PullReport } from './pull-types';

/** @throws ERR_MODEL_MISSING with `details.trouble` */
export async function pullOffline(
  model: ModelName,
  cached: CachedRepository,
  options: PullOptions,
): Promise<PullReport> {
  const dtype = options.dtype ?? 'fp32';
  const away = (why: string): Error => hubError('offline', `${spellName(model)} ${why}`);
  const lock = await readLock(cached.folder, model.repository);
  const commit = lock && commitOf(lock, model.revision);
  const entry = commit === undefined ? undefined : lock?.entries.get(commit);
  if (commit === undefined || entry === undefined) throw away('is not on this machine');
  if (!dtypesIn(entry.files).includes(dtype)) throw away(`is not here with ${dtype} weights`);
  const folder = cached.snapshot(commit);
  const files: PulledFile[] = [];
  for (const [name, locked] of filesOf(entry, dtype)) {
    const found = await checkLocked(folder, name, locked);
    if (found.problem !== undefined) throw away(`is not whole here: ${found.problem}`);
    const { size: sizeBytes, sha256 } = locked;
    const file: PulledFile = { path: name, sizeBytes, sha256, state: 'present' };
    files.push(file);
    options.onFile?.(file);
  }
  return {
    id: spellName(model),
    revision: commit,
    previousRevision: undefined,
    dtype,
    folder,
    files,
    totalBytes: files.reduce((sum, file) => sum + file.sizeBytes, 0),
    downloadedBytes: 0,
    isDryRun: options.isDryRun === true,
  };
}
