/** Makes and opens the native index behind a VectorIndex, with what tuning.json remembers. */
import path from 'node:path';
import { codeOf, makeError } from '../base/errors';
import { native, type NativeBinding, type NativeHandle } from '../native';
import { outOfRange, readOptions } from '../base/options';
import { DEFAULT_EF_SEARCH, rethrow, type IndexCore } from './core';
import { Columns } from './payloads/columns';
import { StringKeys } from './payloads/string-keys';
import { CREATE_OPTIONS, OPEN_OPTIONS, OPEN_OR_CREATE_OPTIONS } from './arguments/option-rules';
import { formatTuning, readTuning, TUNING_FILE, type Tuning } from './tuning-file';
import type { CreateOptions, KeyType, OpenOptions, OpenOrCreateOptions } from './types';
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

/** Two parts know the whole. */
type Parts = Omit<IndexCore, 'strings' | 'columns'> & {
  strings: StringKeys | undefined;
  columns: Columns | undefined;
};

function coreOf(
  binding: NativeBinding,
  handle: NativeHandle,
  folder: string | undefined,
  measured: Tuning['measured'],
): IndexCore {
  const info = binding.info(handle);
  const core: Parts = {
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
    truncations: 0,
    strings: undefined,
    columns: undefined,
    expressions: new Map(),
    isUnlinking: false,
    efSearch: measured?.efSearch ?? DEFAULT_EF_SEARCH,
    measured,
    room: undefined,
    reads: new Set(),
  };
  const made = core as IndexCore;
  core.columns = new Columns(made);
  if (info.keyType === 1) core.strings = new StringKeys(made);
  return made;
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
  const { storage = 'f32', label = '', keyType = 'integer' } = given;
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
      keyType === 'string' ? 1 : 0,
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
    checkKeyType(core, given.keyType);
    const { recovered } = core.info;
    if (recovered !== '') process.emitWarning(recovered, { code: 'SIGHTLINE_COPY' });
    if (!readOnly && storage !== (tuning.storage ?? 'f32')) {
      await keepTuning(core, { ...tuning, storage });
    }
    return core;
  });
}

function checkKeyType(core: IndexCore, wanted: KeyType | undefined): void {
  const has: KeyType = core.strings === undefined ? 'integer' : 'string';
  if (wanted === undefined || wanted === has) return;
  throw makeError('ERR_ARG_TYPE', `${core.path} has keyType '${has}', not '${wanted}'`, {
    details: { path: core.path, keyType: has, expected: wanted },
  });
}

/** What an index that is there cannot take over from the options. */
function checkSame(core: IndexCore, given: OpenOrCreateOptions): void {
  const { dim, metric = 'cosine', keyType = 'integer' } = given;
  if (dim !== core.dim) {
    throw makeError(
      'ERR_DIM_MISMATCH',
      `${core.path} holds vectors of dim ${core.dim}, not ${dim}`,
      {
        details: { path: core.path, dim: core.dim, expected: dim },
      },
    );
  }
  checkKeyType(core, keyType);
  const { M, efConstruction, seed } = core.info;
  const has: Record<string, unknown> = { metric: core.metric, M, efConstruction, seed };
  const wanted: Record<string, unknown> = { ...given, metric };
  for (const [name, value] of Object.entries(has)) {
    if (wanted[name] === undefined || wanted[name] === value) continue;
    throw outOfRange(name, `${String(value)}, as the index ${core.path} was made`, wanted[name]);
  }
}

/** Another process may create, or delete, the index between the two attempts. */
const ATTEMPTS = 3;

/** Throws as VectorIndex.openOrCreate. */
export async function openOrCreateCore(options: OpenOrCreateOptions): Promise<IndexCore> {
  const { threads, ...given } = readOptions('options', options, OPEN_OR_CREATE_OPTIONS);
  CREATE_OPTIONS.dim('dim', given.dim);
  const folder = OPEN_OR_CREATE_OPTIONS.path('path', given.path);
  const { label, storage } = given;
  for (let attempt = 1; ; attempt++) {
    try {
      const core = await openCore(folder, {
        ...(threads === undefined ? {} : { threads }),
        ...(label === undefined ? {} : { label }),
        ...(storage === undefined ? {} : { storage }),
      });
      return await orClose(core.binding, core.handle, async () => {
        checkSame(core, given);
        return core;
      });
    } catch (error) {
      if (codeOf(error) !== 'ERR_FILE_MISSING') throw error;
    }
    try {
      return await createCore(given);
    } catch (error) {
      const isThere = ['ERR_FILE_EXISTS', 'ERR_FILE_LOCKED'].includes(codeOf(error) ?? '');
      if (!isThere || attempt === ATTEMPTS) throw error;
    }
  }
}
