/**
 * The model of a space. An existing library opens without it: a missing, moved or damaged model is an
 * error of the first call that needs it, and each such call looks for it again.
 */
import { existsSync } from 'node:fs';
import path from 'node:path';
import type { Catalog, SpaceRecord } from '../../catalog';
import { openClip, type ClipModel, type ClipOptions } from '../../encode';
import { codeOf, isLibraryError, makeError, type LibraryError } from '../../base/errors';
import type { LibraryPlace } from './vectors';
import { LateClip } from './late-clip';
import type { ModelIdentity } from '../../base/types';

/** The first space of a library; those of later models have numbers. */
const FIRST_SPACE = 'clip';

export interface SpaceModel {
  readonly space: SpaceRecord;
  readonly clip: ClipModel;
}

/**
 * The model of the active space; a library without one gets it here.
 *
 * @param named  by the caller; undefined: the recorded model
 * @throws ERR_MODEL_MISMATCH, and for a new library ERR_MODEL_MISSING | ERR_MODEL_INVALID | ERR_MODEL_HASH
 * | ERR_LIBRARY_MISSING
 */
export async function openActiveModel(
  catalog: Catalog,
  place: LibraryPlace,
  named: string | undefined,
): Promise<SpaceModel> {
  const known = catalog.spaces.inState('active');
  if (known !== undefined)
    return { space: known, clip: await openModelOf(catalog, place, known, named) };
  const { clip, modelName } = await openNamed(named ?? 'builtin', place);
  if (place.readOnly) {
    await clip.close();
    throw makeError('ERR_LIBRARY_MISSING', 'another process is creating the library: try again');
  }
  catalog.spaces.create(FIRST_SPACE, clip.identity, clip.dim, { modelName });
  const made = catalog.spaces.inState('active');
  if (isSameModel(made?.model, clip.identity)) return { space: made as SpaceRecord, clip };
  // Another process made it first, with another model.
  await clip.close();
  return openActiveModel(catalog, place, named);
}

/** A model by the name that a person gave, and the name under which it is found again. */
export async function openNamed(
  given: string,
  { encoder }: LibraryPlace,
): Promise<{ clip: ClipModel; modelName: string }> {
  const modelName = given === 'builtin' ? given : lasting(given);
  return { clip: await openClip(modelName, encoder), modelName };
}

/** Whether vectors of the two can be compared. */
export const isSameModel = (a: ModelIdentity | undefined, b: ModelIdentity): boolean =>
  a?.sha256 === b.sha256 && a.preprocessVersion === b.preprocessVersion;

/**
 * The model of a space, or a placeholder while it is missing or damaged.
 *
 * @param named  the name under which it is found now
 * @throws ERR_MODEL_MISMATCH when `named` is another model
 */
export async function openModelOf(
  catalog: Catalog,
  place: LibraryPlace,
  space: SpaceRecord,
  named?: string,
): Promise<ClipModel> {
  const open = async (): Promise<ClipModel> => {
    const remembered = catalog.spaces.byName(space.name)?.modelName ?? space.modelName;
    let first: unknown;
    for (const name of candidates(place, named, remembered)) {
      try {
        const clip = await openChecked(name, space.model, place.encoder);
        // A folder given anew, or a relative path of an older version.
        if (name !== remembered && !place.readOnly) catalog.spaces.setModelName(space.name, name);
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
    const isNamedWrongly = named !== undefined && codeOf(error) === 'ERR_MODEL_MISMATCH';
    if (!isLibraryError(error) || !error.code.startsWith('ERR_MODEL_') || isNamedWrongly)
      throw error;
    return new LateClip(space.model, space.dim, space.modelName === 'builtin', async () => {
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
function candidates(
  { root, dir }: LibraryPlace,
  named: string | undefined,
  remembered: string,
): string[] {
  if (named !== undefined) return [lasting(named)];
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
  if (isSameModel(wanted, identity)) return clip;
  await clip.close();
  throw makeError(
    'ERR_MODEL_MISMATCH',
    `the library was embedded with ${wanted.id} (${wanted.sha256.slice(0, 12)}), not with ` +
      `${identity.id} (${identity.sha256.slice(0, 12)}). To go on with that model, name no other; to ` +
      `change the library's model: sightline sync --model ${name}`,
    { details: { library: wanted, given: identity } },
  );
}

function withRemedy(error: LibraryError, { id }: ModelIdentity): LibraryError {
  return makeError(
    error.code,
    `the model of this library, ${id}, is missing: ${error.message}. If it was moved, give its new ` +
      'folder once with --model; to change to another one: sightline sync --model NAME. Calls that need ' +
      'no model work without it',
    { details: error.details, cause: error },
  );
}
