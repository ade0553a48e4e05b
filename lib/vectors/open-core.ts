/** Makes and opens the native index behind a VectorIndex, with what tuning.json remembers. */
import path from 'node:path';
import { makeError } from '../base/errors';
import { native, type NativeBinding, type NativeHandle } from '../native';
import { readOptions } from '../base/options';
import { DEFAULT_EF_SEARCH, rethrow, type IndexCore } from './core';
import { CREATE_OPTIONS, OPEN_OPTIONS } from './arguments/option-rules';
import { formatTuning, readTuning, TUNING_FILE, type Tuning } from './tuning-file';
import type { CreateOptions, OpenOptions } from './types';
import {
  checkPath,
  metricName,
  metricNumber,
  storageName,
  storageNumber,
} from './arguments/validate';

/** @throws ERR_IO | ERR_DISK_FULL | ERR_FILE_REPLACED | ERR_FILE_MISSING (the folder is another, or gone) */
export async function keepTuning(core: IndexCore, tuning: Tuning): Promise<void> {
  // By the handle and not by the path, which may lead to somebody else's folder by now.
  const { binding, handle } = core;
  await binding.writeNote(handle, TUNING_FILE, formatTuning(tuning)).catch(rethrow);
}

function coreOf(
  binding: NativeBinding,
  handle: NativeHandle,
  folder: string | undefined,
  measured: Tuning['measured'],
): IndexCore {
  const info = binding.info(handle);
  return {
    binding,
    handle,
    info,
    dim: info.dim,
    metric: metricName(info.metric),
    storage: storageName(info.storage),
    path: folder,
    isClosing: false,
    searches: 0,
    warmUp: () => undefined,
    asWriter: (work) => work(),
    renumbered: 0,
    isUnlinking: false,
    efSearch: measured?.efSearch ?? DEFAULT_EF_SEARCH,
    measured,
    room: undefined,
    reads: new Set(),
  };
}

/** What follows an open; if it fails the handle goes, and with it the lock. */
async function orClose<T>(
  binding: NativeBinding,
  handle: NativeHandle,
  work: () => Promise<T>,
): Promise<T> {
  try {
    return await work();
  } catch (error) {
    await binding.close(handle);
    throw error;
  }
}

/** Throws as VectorIndex.create. */
export async function createCore(options: CreateOptions): Promise<IndexCore> {
  const given = readOptions('options', options, CREATE_OPTIONS);
  const { metric = 'cosine', M = 16, efConstruction = 200, seed = 42 } = given;
  const { storage = 'f32', label = '' } = given;
  // The only one without a default.
  const dim = CREATE_OPTIONS.dim('dim', given.dim);
  const folder = given.path === undefined ? undefined : path.resolve(given.path);
  const binding = native();
  const handle = await binding
    .create(
      folder ?? '',
      dim,
      metricNumber(metric),
      M,
      efConstruction,
      seed,
      label,
      storageNumber(storage),
    )
    .catch(rethrow);
  return orClose(binding, handle, async () => {
    const core = coreOf(binding, handle, folder, undefined);
    if (folder !== undefined && core.storage !== 'f32') {
      await keepTuning(core, { storage: core.storage });
    }
    return core;
  });
}

/** Throws as VectorIndex.open. */
export async function openCore(folder: string, options: OpenOptions): Promise<IndexCore> {
  const full = path.resolve(checkPath('path', folder));
  const given = readOptions('options', options, OPEN_OPTIONS);
  const { readOnly = false, label, threads = 0 } = given;
  const tuning = await readTuning(full);
  const storage = given.storage ?? tuning.storage ?? 'f32';
  const binding = native();
  const handle = await binding.open(full, readOnly, threads, storageNumber(storage)).catch(rethrow);
  return orClose(binding, handle, async () => {
    const core = coreOf(binding, handle, full, tuning.measured);
    if (label !== undefined && label !== core.info.label) {
      throw makeError(
        'ERR_MODEL_MISMATCH',
        `${full} was made with label "${core.info.label}", not "${label}"`,
        { details: { path: full, label: core.info.label, expected: label } },
      );
    }
    const { recovered } = core.info;
    if (recovered !== '') process.emitWarning(recovered, { code: 'SIGHTLINE_COPY' });
    if (!readOnly && storage !== (tuning.storage ?? 'f32')) {
      await keepTuning(core, { ...tuning, storage });
    }
    return core;
  });
}
