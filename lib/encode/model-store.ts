/**
 * From what a person calls a model to a folder with its files: `builtin`, a path, or a repository of
 * the Hugging Face hub that is already in the local cache. Opens no network connection.
 */
import { readFile, stat } from 'node:fs/promises';
import { homedir } from 'node:os';
import path from 'node:path';
import { makeError } from '../errors';
import { missingFiles, REQUIRED_FILES } from './model-files';

export const BUILTIN_MODEL = 'builtin';

export interface ModelFolder {
  readonly id: string;
  /** Commit of the hub's repository; for other folders undefined. */
  readonly revision: string | undefined;
  readonly folder: string;
  /** See `inspectModelFiles`. */
  readonly boundary: string;
  readonly isBuiltin: boolean;
}

/** dist/lib/encode -> package root. */
const PACKAGE_ROOT = path.resolve(__dirname, '../../..');

/**
 * @param env where HF_HUB_CACHE, HF_HOME and XDG_CACHE_HOME are looked up
 * @throws ERR_MODEL_MISSING with the remedy; ERR_ARG_RANGE for a name that is none
 */
export async function findModel(
  name: string = BUILTIN_MODEL,
  env: NodeJS.ProcessEnv = process.env,
): Promise<ModelFolder> {
  if (name === BUILTIN_MODEL) {
    const folder = path.join(PACKAGE_ROOT, 'models', 'builtin');
    await requireFiles(name, folder, 'the installation is incomplete: install the package again');
    return { id: name, revision: undefined, folder, boundary: folder, isBuiltin: true };
  }
  if (isPath(name) || (await isFolder(name))) return folderModel(name);
  if (!/^[\w][\w.-]{0,95}\/[\w][\w.-]{0,95}$/.test(name) || name.includes('..')) {
    throw makeError(
      'ERR_ARG_RANGE',
      `model must be "builtin", a folder, or a hub name like openai/clip-vit-base-patch32; received ${JSON.stringify(name)}`,
      { details: { model: name } },
    );
  }
  return hubModel(name, env);
}

/** Where the hub's own tools keep their cache, in their order of precedence. */
export function hubCacheDir(env: NodeJS.ProcessEnv): string {
  if (env['HF_HUB_CACHE']) return env['HF_HUB_CACHE'];
  if (env['HF_HOME']) return path.join(env['HF_HOME'], 'hub');
  const cache = env['XDG_CACHE_HOME'] || path.join(homedir(), '.cache');
  return path.join(cache, 'huggingface', 'hub');
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

async function folderModel(name: string): Promise<ModelFolder> {
  const folder = path.resolve(name);
  if (!(await isFolder(folder))) {
    throw missing(name, `there is no folder ${folder}`, folder, REQUIRED_FILES);
  }
  await requireFiles(name, folder);
  const id = path.basename(folder);
  return { id, revision: undefined, folder, boundary: folder, isBuiltin: false };
}

async function hubModel(name: string, env: NodeJS.ProcessEnv): Promise<ModelFolder> {
  const boundary = path.join(hubCacheDir(env), `models--${name.replace('/', '--')}`);
  const ref = path.join(boundary, 'refs', 'main');
  const revision = await readFile(ref, 'utf8').then(
    (text) => text.trim(),
    () => undefined,
  );
  if (revision === undefined || !/^[0-9a-f]{7,64}$/.test(revision)) {
    const folder = path.join(boundary, 'snapshots', '<commit>');
    throw missing(name, `it is not in the hub cache ${hubCacheDir(env)}`, folder, REQUIRED_FILES);
  }
  const folder = path.join(boundary, 'snapshots', revision);
  await requireFiles(name, folder);
  return { id: name, revision, folder, boundary, isBuiltin: false };
}

async function requireFiles(name: string, folder: string, remedy?: string): Promise<void> {
  const absent = await missingFiles(folder);
  if (absent.length > 0) throw missing(name, 'files are missing', folder, absent, remedy);
}

function missing(
  name: string,
  why: string,
  folder: string,
  files: readonly string[],
  remedy = 'or use `--model <folder>` with a folder that holds these files, or `--model builtin`, which needs no download',
): Error {
  return makeError(
    'ERR_MODEL_MISSING',
    `model ${name} cannot be used: ${why}. Put ${files.join(', ')} into ${folder} ` +
      `(ONNX export with separate text and vision models, for example from Xenova/clip-vit-base-patch32), ${remedy}`,
    { details: { model: name, folder, files } },
  );
}
