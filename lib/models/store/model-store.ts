/**
 * Finds the folder of a model: `builtin`, a path, or a Hugging Face repository in the local cache. Uses no
 * network. Pulled files are compared with their lock entry, so that nothing else is loaded in their place.
 */
import { readdir, stat } from 'node:fs/promises';
import path from 'node:path';
import { makeError } from '../../base/errors';
import { TEXT } from '../../base/options';
import { assertUnbundled, PACKAGE_ROOT } from '../../base/package-root';
import { bestDtype, type Dtype } from '../dtype';
import { CachedRepository } from './cache';
import { checkLocked, commitOf, filesOf, readLock, type ModelLock } from './lock-file';
import { parseModelName, spellName, type ModelName } from '../names';
import { hubCacheDir } from '../settings';
import { missingFiles, requiredFiles, type ModelKind } from './model-files';

export { hubCacheDir } from '../settings';

export const BUILTIN_MODEL = 'builtin';

export interface ModelFolder {
  readonly id: string;
  /** Commit; undefined for other folders. */
  readonly revision: string | undefined;
  readonly folder: string;
  /** See `inspectGraph`. */
  readonly boundary: string;
  readonly isBuiltin: boolean;
  /** Number type of the weights to load. */
  readonly dtype: Dtype;
}

export interface FindOptions {
  /** Number type; default the best one present. */
  readonly dtype?: Dtype | undefined;
  /** Decides the files that the model must have; default `clip`. */
  readonly kind?: ModelKind;
}

/**
 * @param env  for HF_HUB_CACHE, HF_HOME and XDG_CACHE_HOME
 * @throws ERR_MODEL_MISSING with a remedy; ERR_MODEL_HASH if a pulled file has changed;
 *   ERR_MODEL_INVALID for a damaged lock file; ERR_ARG_RANGE for an invalid name
 * Cost: for a pulled model, hashing its files once per process, about a second per gigabyte.
 */
export async function findModel(
  name: string = BUILTIN_MODEL,
  env: NodeJS.ProcessEnv = process.env,
  options: FindOptions = {},
): Promise<ModelFolder> {
  TEXT('model', name);
  assertUnbundled();
  if (name === BUILTIN_MODEL) {
    const folder = path.join(PACKAGE_ROOT, 'models', 'builtin');
    const remedy = { instead: 'install the package again: it is incomplete' };
    const dtype = await requireFiles(name, folder, options, remedy);
    return { id: name, revision: undefined, folder, boundary: folder, isBuiltin: true, dtype };
  }
  if (await meansFolder(name)) return folderModel(name, options);
  return hubModel(name, env, options);
}

/** True for a path, and for the name of an existing folder. */
export async function meansFolder(name: string): Promise<boolean> {
  return isPath(name) || isFolder(name);
}

function isPath(name: string): boolean {
  return path.isAbsolute(name) || /^\.{0,2}[\\/]/.test(name) || name === '.' || name === '..';
}

async function isFolder(name: string): Promise<boolean> {
  return stat(name).then(
    (info) => info.isDirectory(),
    () => false,
  );
}

async function folderModel(name: string, options: FindOptions): Promise<ModelFolder> {
  const folder = path.resolve(name);
  if (!(await isFolder(folder))) {
    throw missing(name, `there is no folder ${folder}`, folder, allFiles(options), options.kind);
  }
  const dtype = await requireFiles(name, folder, options);
  const id = path.basename(folder);
  return { id, revision: undefined, folder, boundary: folder, isBuiltin: false, dtype };
}

async function hubModel(
  name: string,
  env: NodeJS.ProcessEnv,
  options: FindOptions,
): Promise<ModelFolder> {
  const candidates = parseModelName(name);
  const remedy = { pull: `sightline models pull ${name}` };
  for (const model of candidates) {
    const cached = new CachedRepository(hubCacheDir(env), model.repository);
    const lock = await readLock(cached.folder, model.repository);
    const revision = lock ? commitOf(lock, model.revision) : await cached.readRef(model.revision);
    if (revision === undefined) continue;
    const folder = cached.snapshot(revision);
    const found = { id: model.repository, revision, folder, boundary: cached.folder };
    const dtype = lock
      ? await requireLocked(model, lock, revision, folder, options)
      : await requireFiles(name, folder, options, remedy);
    return { ...found, isBuiltin: false, dtype };
  }
  // The repository as typed, not the one its short name stands for: files would be put there by hand.
  const named = candidates[candidates.length - 1] as ModelName;
  const { folder } = new CachedRepository(hubCacheDir(env), named.repository);
  throw missing(
    name,
    `it is not in the hub cache ${hubCacheDir(env)}`,
    path.join(folder, 'snapshots', '<commit>'),
    allFiles(options),
    options.kind,
    remedy,
  );
}

/** @throws ERR_MODEL_MISSING */
async function requireFiles(
  name: string,
  folder: string,
  options: FindOptions,
  remedy?: Remedy,
): Promise<Dtype> {
  const names = await readdir(path.join(folder, 'onnx')).catch(() => []);
  const graphs = new Set(names.map((file) => `onnx/${file}`));
  const dtype = options.dtype ?? bestDtype(graphs);
  const absent = await missingFiles(folder, options.kind, dtype);
  if (absent.length > 0)
    throw missing(name, 'files are missing', folder, absent, options.kind, remedy);
  return dtype;
}

/** @throws ERR_MODEL_MISSING for absent files; ERR_MODEL_HASH for changed ones */
async function requireLocked(
  model: ModelName,
  lock: ModelLock,
  commit: string,
  folder: string,
  options: FindOptions,
): Promise<Dtype> {
  const name = spellName(model);
  const entry = lock.entries.get(commit) ?? { files: new Map() };
  const dtype = options.dtype ?? bestDtype(entry.files);
  const pull = `sightline models pull ${name}${dtype === 'fp32' ? '' : ` --dtype ${dtype}`}`;
  const { kind = 'clip' } = options;
  const has = (file: string): boolean => entry.files.has(file);
  const absent = requiredFiles(kind, dtype, has).filter((file) => !has(file));
  if (absent.length > 0) {
    throw missing(name, 'some of its files were not pulled', folder, absent, kind, { pull });
  }
  for (const [file, locked] of filesOf(entry, dtype)) {
    const found = await checkLocked(folder, file, locked);
    if (found.state === 'missing') {
      throw missing(name, 'files are missing', folder, [file], kind, { pull });
    }
    if (found.state === 'changed') {
      throw makeError(
        'ERR_MODEL_HASH',
        `${found.problem}: this is not the file that was pulled, and ${name} is refused. ` +
          `To bring it back: ${pull}`,
        { details: { model: name, path: file, recorded: locked.sha256 } },
      );
    }
  }
  return dtype;
}

/** The files of a folder that has none yet. */
function allFiles({ kind = 'clip', dtype = 'fp32' }: FindOptions): readonly string[] {
  return requiredFiles(kind, dtype, () => false);
}

interface Remedy {
  /** Command that downloads the files. */
  readonly pull?: string;
  /** Replaces the advice to add files. */
  readonly instead?: string;
}

/** Repositories with the expected layout. */
const EXAMPLES: Readonly<Record<ModelKind, string>> = {
  clip: 'Xenova/clip-vit-base-patch32',
  sentence: 'Xenova/all-MiniLM-L6-v2',
  video: 'MCG-NJU/videomae-base, exported for feature extraction',
  audio: 'Xenova/wav2vec2-base-960h, exported for feature extraction',
  any: 'Xenova/clip-vit-base-patch32',
};

function missing(
  name: string,
  why: string,
  folder: string,
  files: readonly string[],
  kind: ModelKind = 'clip',
  { pull, instead }: Remedy = {},
): Error {
  const elsewhere =
    kind === 'clip' || kind === 'any'
      ? 'use `--model <folder>` with a folder that holds these files, or `--model builtin`, which needs no download'
      : 'or name a folder that holds these files';
  const byHand = `put ${files.join(', ')} into ${folder} (ONNX export in the layout of ${EXAMPLES[kind]}), ${elsewhere}`;
  const command = pull === undefined ? '' : `run: ${pull}; or `;
  return makeError(
    'ERR_MODEL_MISSING',
    `model ${name} cannot be used: ${why}. To help, ${instead ?? command + byHand}`,
    { details: { model: name, folder, files } },
  );
}
