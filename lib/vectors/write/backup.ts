/**
 * `backup`: a consistent copy of an index's folder, written under a temporary name and renamed when
 * complete.
 */
import { throwIfAborted } from '../../base/abort';
import { makeError } from '../../base/errors';
import { native } from '../../native';
import { readOptions, SIGNAL, type OptionRules } from '../../base/options';
import { rethrow, type IndexCore } from '../core';
import { newFolder } from '../../base/files/new-folder';
import { copyTuning } from '../tuning-file';
import { checkPath, storageNumber } from '../arguments/validate';

export interface BackupOptions {
  /** Checked between steps; after an abort nothing is left. */
  readonly signal?: AbortSignal;
}

const BACKUP_OPTIONS: OptionRules<BackupOptions> = { signal: SIGNAL };

export interface BackupReport {
  /** Absolute path. */
  readonly path: string;
  /** Rows in the copy, including removed ones. */
  readonly rows: number;
  readonly liveRows: number;
  /** Size of the copy on disk. */
  readonly bytes: number;
}

export interface Backup {
  readonly target: string;
  readonly signal: AbortSignal | undefined;
}

export function checkBackup(target: string, options: BackupOptions): Backup {
  const { signal } = readOptions('options', options, BACKUP_OPTIONS);
  return { target: checkPath('target', target), signal };
}

/** Call as the one writer: its own rows must not change. */
export async function backup(core: IndexCore, job: Backup): Promise<BackupReport> {
  const source = core.path;
  if (source === undefined) {
    throw makeError(
      'ERR_ARG_TYPE',
      'an index in memory has no folder to back up: make it with a path, or use exportFile',
    );
  }
  const folder = await newFolder(job.target, source);
  try {
    throwIfAborted(job.signal, 'aborted: nothing was backed up');
    await core.binding.copyInto(core.handle, folder.path).catch(rethrow);
    await copyTuning(folder.path, {
      ...(core.measured ? { measured: core.measured } : {}),
      storage: core.storage,
    });
    throwIfAborted(job.signal, 'aborted: nothing was backed up');
    const report = await readBack(core, folder.path);
    const path = await folder.commit();
    return { path, ...report };
  } catch (error) {
    await folder.discard();
    throw error;
  }
}

/** Verifies every byte by opening the copy: an unusable copy is no backup. */
async function readBack(core: IndexCore, folder: string): Promise<Omit<BackupReport, 'path'>> {
  const binding = native();
  const copy = await binding.open(folder, true, 0, storageNumber('f32')).catch(rethrow);
  try {
    const { problems } = await binding.verify(copy).catch(rethrow);
    if (problems.length > 0) {
      throw makeError('ERR_FILE_CORRUPT', `the copy of ${core.path} is not sound: ${problems[0]}`, {
        details: { problems },
      });
    }
    const { count, liveCount, bytesOnDisk } = binding.stats(copy);
    return { rows: count, liveRows: liveCount, bytes: bytesOnDisk };
  } finally {
    await binding.close(copy);
  }
}
