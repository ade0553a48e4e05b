/**
 * Opens a folder's library: catalog, model, vectors and service, in this order; all or none.
 */
import { statSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import path from 'node:path';
import { isMissing } from '../base/files/system-errors';
import { makeError } from '../base/errors';
import { CATALOG_FILE, LIBRARY_FOLDER } from '../base/files/names';
import { readOptions, TEXT } from '../base/options';
import { assertUnbundled } from '../base/package-root';
import { openCatalog, type Catalog } from '../catalog';
import type { ClipModel } from '../encode';
import { reconcile } from '../pipeline';
import { openEmbeddingService } from '../service';
import { openLibraryModel } from './model/model';
import { OpenedLibrary, SPACE } from './opened-library';
import { OPEN_LIBRARY_OPTIONS } from './options';
import type { Library, OpenLibraryOptions } from './types';
import { openVectors, type LibraryVectors } from './vectors';

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
  const catalog = await openCatalog(dir, { readOnly });
  let clip: ClipModel | undefined;
  let vectors: LibraryVectors | undefined;
  try {
    clip = await openLibraryModel(catalog, {
      root: absRoot,
      dir,
      space: SPACE,
      readOnly,
      model: options.model,
      encoder: { device: options.device, onNotice: options.onNotice },
    });
    checkRoot(catalog, absRoot, dir, readOnly);
    vectors = await openVectors(catalog, {
      dir,
      space: SPACE,
      model: clip.identity,
      dim: clip.dim,
      readOnly,
      choice: options.vectorStore,
    });
    if (!readOnly) await reconcile({ catalog, index: vectors.store, space: SPACE });
    const { textModel, cache } = options;
    const embeddings = await openEmbeddingService({ clip, textModel, cache });
    const opened = new OpenedLibrary(absRoot, dir, readOnly, catalog, clip, vectors, embeddings);
    await opened.lookForLack();
    return opened;
  } catch (error) {
    await vectors?.close();
    await clip?.close();
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
function checkRoot(catalog: Catalog, root: string, dir: string, readOnly: boolean): void {
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
