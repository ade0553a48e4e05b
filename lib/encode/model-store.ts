/**
 * From what a person calls a model to a folder with its files: `builtin`, a path, or a repository of
 * the Hugging Face hub that is already in the local cache. Opens no network connection. What was
 * pulled is compared with its lock entry here, so that nothing else is ever loaded under its name.
 */
import { readdir, stat } from 'node:fs/promises';
import path from 'node:path';
import { makeError } from '../errors';
import { dtypesIn, type Dtype } from './dtype';
import { CachedRepository } from './hub/cache';
import { checkLocked, commitOf, filesOf, readLock, type ModelLock } from './hub/lock-file';
import { parseModelName, spellName, type ModelName } from './hub/names';
import { hubCacheDir } from './hub/settings';
import { missingFiles, requiredFiles } from './model-files';

export { hubCacheDir } from './hub/settings';

export const BUILTIN_MODEL = 'builtin';

export interface ModelFolder {
  readonly id: string;
  /** Commit of the hub's repository; for other folders undefined. */
  readonly revision: string | undefined;
  readonly folder: string;
  /** See `inspectModelFiles`. */
  readonly boundary: string;
  readonly isBuiltin: boolean;
  /** Number type of the weights to load. */
  readonly dtype: Dtype;
}

export interface FindOptions {
  /** Number type; default the best that is there. */
  readonly dtype?: Dtype | undefined;
  /** Files that the model must have, relative with `/`; default those of a CLIP. */
  readonly required?: (dtype: Dtype) => readonly string[];
}

/** dist/lib/encode -> package root. */
const PACKAGE_ROOT = path.resolve(__dirname, '../../..');

/**
 * @param env where HF_HUB_CACHE, HF_HOME and XDG_CACHE_HOME are looked up
 * @throws ERR_MODEL_MISSING with the remedy; ERR_MODEL_HASH when a pulled file is no longer what was
 *   pulled; ERR_MODEL_INVALID for a damaged lock file; ERR_ARG_RANGE for a name that is none
 * Cost: for a pulled model, hashing its files once per process, about a second per gigabyte.
 */
export async function findModel(
  name: string = BUILTIN_MODEL,
  env: NodeJS.ProcessEnv = process.env,
  options: FindOptions = {},
): Promise<ModelFolder> {
  if (name === BUILTIN_MODEL) {
    const folder = path.join(PACKAGE_ROOT, 'models', 'builtin');
    const remedy = { instead: 'install the package again: it is incomplete' };
    const dtype = await requireFiles(name, folder, options, remedy);
    return { id: name, revision: undefined, folder, boundary: folder, isBuiltin: true, dtype };
  }
  if (isPath(name) || (await isFolder(name))) return folderModel(name, options);
  return hubModel(name, env, options);
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
    throw missing(name, `there is no folder ${folder}`, folder, requiredOf(options, 'fp32'));
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
  // What was named, not what it stands for: that is where a person would put files by hand.
  const named = candidates[candidates.length - 1] as ModelName;
  const { folder } = new CachedRepository(hubCacheDir(env), named.repository);
  throw missing(
    name,
    `it is not in the hub cache ${hubCacheDir(env)}`,
    path.join(folder, 'snapshots', '<commit>'),
    requiredOf(options, options.dtype ?? 'fp32'),
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
  const dtype = options.dtype ?? dtypesIn(graphs)[0] ?? 'fp32';
  const absent = await missingFiles(folder, requiredOf(options, dtype));
  if (absent.length > 0) throw missing(name, 'files are missing', folder, absent, remedy);
  return dtype;
}

/** @throws ERR_MODEL_MISSING for what was not pulled or is gone; ERR_MODEL_HASH for what changed */
async function requireLocked(
  model: ModelName,
  lock: ModelLock,
  commit: string,
  folder: string,
  options: FindOptions,
): Promise<Dtype> {
  const name = spellName(model);
  const entry = lock.entries.get(commit) ?? { files: new Map() };
  const dtype = options.dtype ?? dtypesIn(entry.files)[0] ?? 'fp32';
  const pull = `sightline models pull ${name}${dtype === 'fp32' ? '' : ` --dtype ${dtype}`}`;
  const absent = requiredOf(options, dtype).filter((file) => !entry.files.has(file));
  if (absent.length > 0) {
    throw missing(name, 'not all of it was pulled', folder, absent, { pull });
  }
  for (const [file, locked] of filesOf(entry, dtype)) {
    const found = await checkLocked(folder, file, locked);
    if (found.state === 'missing') {
      throw missing(name, 'files are missing', folder, [file], { pull });
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

function requiredOf(options: FindOptions, dtype: Dtype): readonly string[] {
  return (options.required ?? requiredFiles)(dtype);
}

interface Remedy {
  /** Command that brings the files. */
  readonly pull?: string;
  /** What to do instead of putting files somewhere. */
  readonly instead?: string;
}

function missing(
  name: string,
  why: string,
  folder: string,
  files: readonly string[],
  { pull, instead }: Remedy = {},
): Error {
  const byHand =
    `put ${files.join(', ')} into ${folder} (ONNX export in the layout of ` +
    'Xenova/clip-vit-base-patch32), use `--model <folder>` with a folder that holds these files, or ' +
    '`--model builtin`, which needs no download';
  const command = pull === undefined ? '' : `run: ${pull}; or `;
  return makeError(
    'ERR_MODEL_MISSING',
    `model ${name} cannot be used: ${why}. To help, ${instead ?? command + byHand}`,
    { details: { model: name, folder, files } },
  );
}
