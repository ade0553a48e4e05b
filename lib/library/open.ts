/**
 * Opens a folder's library: catalog, model, vectors and service, in this order; all or none.
 */
import { statSync } from 'node:fs';
import { stat, type FileHandle } from 'node:fs/promises';
import path from 'node:path';
import { isMissing } from '../base/files/system-errors';
import { makeError } from '../base/errors';
import { CATALOG_FILE, LIBRARY_FOLDER } from '../base/files/names';
import { readOptions, TEXT } from '../base/options';
import { assertUnbundled } from '../base/package-root';
import { openCatalog, type Catalog } from '../catalog';
import { openEmbeddingService } from '../service';
import { openActiveModel } from './spaces/space-model';
import { OpenedLibrary } from './opened-library';
import { OPEN_LIBRARY_OPTIONS } from './options';
import { OpenSpace } from './spaces/open-space';
import { lockWriter, sweepFolders, type LibraryPlace } from './spaces/vectors';
import type { Library, OpenLibraryOptions } from './types';

const folderOf = (root: string, dir: string | undefined): string =>
  path.resolve(dir ?? path.join(root, LIBRARY_FOLDER));

/** The folder of the library of `root`, if it exists. */
export function findLibrary(root: string, dir?: string): string | undefined {
  TEXT('root', root);
  const folder = folderOf(root, dir === undefined ? undefined : TEXT('dir', dir));
  try {
    statSync(path.join(folder, CATALOG_FILE));
  } catch (error) {
    // An inaccessible folder counts as existing; opening it reports why it fails.
    if (isMissing(error)) return undefined;
  }
  return folder;
}

/**
 * Opens a folder's library, or creates an empty one. Does not read the media: `sync` does. Cost does not
 * depend on the number of frames.
 *
 * A library whose model is missing or damaged opens anyway: calls that need the model throw ERR_MODEL_*,
 * everything else works.
 *
 * @throws ERR_LIBRARY_MISSING | ERR_READ_ONLY | ERR_FILE_LOCKED (another writer) | ERR_MODEL_MISMATCH (a model that was
 *   named) | ERR_MODEL_MISSING | ERR_MODEL_INVALID (of a library that is being made) | ERR_CATALOG |
 *   ERR_FILE_CORRUPT | ERR_ARG_RANGE (its vectors are elsewhere than \`vectorStore\` says) |
 *   ERR_STORE_UNAVAILABLE and the other ERR_STORE_*
 */
export async function openLibrary(root: string, given: OpenLibraryOptions = {}): Promise<Library> {
  const options = readOptions('options', given, OPEN_LIBRARY_OPTIONS);
  const absRoot = path.resolve(TEXT('root', root));
  assertUnbundled();
  const dir = folderOf(absRoot, options.dir);
  const readOnly = options.readOnly === true;
  if (findLibrary(absRoot, dir) === undefined && (readOnly || options.create === false)) {
    throw makeError('ERR_LIBRARY_MISSING', `${absRoot} has no library yet: run a sync first`, {
      details: { root: absRoot, dir },
    });
  }
  const rootInfo = await stat(absRoot).catch(() => undefined);
  // Indexed media can be searched while their disk is unplugged; a sync reports it.
  if (rootInfo?.isDirectory() !== true && findLibrary(absRoot, dir) === undefined) {
    throw makeError('ERR_NOT_FOUND', `${absRoot} is not a folder`, { details: { root: absRoot } });
  }
  const { vectorStore: choice, device, onNotice, textModel, cache } = options;
  const place: LibraryPlace = {
    ...{ root: absRoot, dir, readOnly, choice },
    encoder: { device, onNotice },
  };
  const catalog = await openCatalog(dir, { readOnly });
  let lock: FileHandle | undefined;
  let space: OpenSpace | undefined;
  try {
    for (;;) {
      const { space: active, clip } = await openActiveModel(catalog, place, options.model);
      try {
        checkRoot(catalog, place);
        lock ??= await lockWriter(catalog, place);
      } catch (error) {
        await clip.close();
        throw error;
      }
      space = await OpenSpace.open(catalog, place, active, clip);
      if (catalog.spaces.inState('active')?.name === space.name) break;
      // Another process has changed the model meanwhile.
      await space.close();
    }
    if (!readOnly) await sweepFolders(catalog, place);
    const embeddings = await openEmbeddingService({ clip: space.clip, textModel, cache });
    return new OpenedLibrary(place, catalog, space, embeddings, lock);
  } catch (error) {
    await space?.close();
    await lock?.close();
    catalog.close();
    throw error;
  }
}

/**
 * A library outside its root records the root: opened with another one, it would take every known file for
 * missing. A library inside its root moves with it and records nothing.
 *
 * @throws ERR_ARG_RANGE
 */
function checkRoot(catalog: Catalog, { root, dir, readOnly }: LibraryPlace): void {
  const isInside = !path.relative(root, dir).startsWith('..');
  const known = catalog.meta('root');
  if (isInside || known === root) return;
  if (known !== undefined) {
    throw makeError(
      'ERR_ARG_RANGE',
      `the library ${dir} belongs to ${known}, not to ${root}: use another folder for this root`,
      { details: { dir, known, root } },
    );
  }
  if (!readOnly) catalog.setMeta('root', root);
}
