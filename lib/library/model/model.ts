/**
 * The model of a library. An existing library opens without it: a missing, moved or damaged model is an
 * error of the first call that needs it, and each such call looks for it again.
 */
import { existsSync } from 'node:fs';
import path from 'node:path';
import type { Catalog, SpaceRecord } from '../../catalog';
import { openClip, type ClipModel, type ClipOptions } from '../../encode';
import { codeOf, isLibraryError, makeError, type LibraryError } from '../../base/errors';
import { LateClip } from './late-clip';
import type { ModelIdentity } from '../../base/types';

export interface LibraryModelOptions {
  readonly root: string;
  /** The library's folder. */
  readonly dir: string;
  readonly space: string;
  readonly readOnly: boolean;
  /** As named by the caller; undefined: the recorded model. */
  readonly model: string | undefined;
  readonly encoder: ClipOptions;
}

/** `meta` entry of the catalog: the name under which the model is found again. */
const REMEMBERED = 'model';

/**
 * @throws ERR_MODEL_MISMATCH, and for a new library ERR_MODEL_MISSING | ERR_MODEL_INVALID | ERR_MODEL_HASH
 * | ERR_LIBRARY_MISSING
 */
export async function openLibraryModel(
  catalog: Catalog,
  options: LibraryModelOptions,
): Promise<ClipModel> {
  const { space, readOnly } = options;
  const known = catalog.space(space);
  if (known !== undefined) return openKnown(catalog, known, options);
  const name = options.model === undefined ? 'builtin' : lasting(options.model);
  const clip = await openClip(name, options.encoder);
  if (readOnly) {
    await clip.close();
    throw makeError('ERR_LIBRARY_MISSING', 'another process is creating the library: try again');
  }
  if (catalog.createSpace(space, clip.identity, clip.dim, { [REMEMBERED]: name })) return clip;
  await clip.close();
  return openLibraryModel(catalog, options);
}

async function openKnown(
  catalog: Catalog,
  space: SpaceRecord,
  options: LibraryModelOptions,
): Promise<ClipModel> {
  const remembered = catalog.meta(REMEMBERED) ?? 'builtin';
  const open = async (): Promise<ClipModel> => {
    let first: unknown;
    for (const name of candidates(options, remembered)) {
      try {
        const clip = await openChecked(name, space.model, options.encoder);
        // A folder given anew, or a relative path of an older version.
        if (name !== remembered && !options.readOnly) catalog.setMeta(REMEMBERED, name);
        return clip;
      } catch (error) {
        first ??= error;
      }
    }
    throw first;
  };
  try {
    return await open();
  } catch (error) {
    const isNamedWrongly = options.model !== undefined && codeOf(error) === 'ERR_MODEL_MISMATCH';
    if (!isLibraryError(error) || !error.code.startsWith('ERR_MODEL_') || isNamedWrongly)
      throw error;
    return new LateClip(space.model, space.dim, remembered === 'builtin', async () => {
      try {
        return await open();
      } catch (cause) {
        const isModel = isLibraryError(cause) && cause.code !== 'ERR_MODEL_RUNTIME';
        throw isModel ? withRemedy(cause, space.model) : cause;
      }
    });
  }
}

/** Makes a path absolute, so that it means the same folder from everywhere. */
function lasting(name: string): string {
  const isPath = path.isAbsolute(name) || /^\.{0,2}[\\/]|^\.{1,2}$/.test(name);
  return isPath || existsSync(path.resolve(name)) ? path.resolve(name) : name;
}

/** Older libraries recorded `./model` as typed: try all likely folders. */
function candidates({ model, root, dir }: LibraryModelOptions, remembered: string): string[] {
  if (model !== undefined) return [lasting(model)];
  if (path.isAbsolute(remembered) || remembered === 'builtin') return [remembered];
  const places = [process.cwd(), root, path.dirname(root), dir]
    .map((base) => path.resolve(base, remembered))
    .filter((folder) => existsSync(folder));
  return [...new Set([...places, remembered])];
}

async function openChecked(
  name: string,
  wanted: ModelIdentity,
  encoder: ClipOptions,
): Promise<ClipModel> {
  const clip = await openClip(name, encoder);
  const { identity } = clip;
  if (identity.sha256 === wanted.sha256 && identity.preprocessVersion === wanted.preprocessVersion)
    return clip;
  await clip.close();
  throw makeError(
    'ERR_MODEL_MISMATCH',
    `the library was embedded with ${wanted.id} (${wanted.sha256.slice(0, 12)}), not with ` +
      `${identity.id} (${identity.sha256.slice(0, 12)}): use that model, or delete the library's ` +
      'folder and sync again',
    { details: { library: wanted, given: identity } },
  );
}

function withRemedy(error: LibraryError, { id }: ModelIdentity): LibraryError {
  return makeError(
    error.code,
    `the model of this library, ${id}, is missing: ${error.message}. If it was moved, give its new ` +
      'folder once with --model; calls that need no model work without it',
    { details: error.details, cause: error },
  );
}
