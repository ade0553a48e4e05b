/** Names on disk that several parts use. */

/** The library's folder, inside the root unless configured otherwise. */
export const LIBRARY_FOLDER = '.sightline';
/** The file that marks a folder as a library. */
export const CATALOG_FILE = 'catalog.sqlite';
/** Pictures of the frames, in the library's folder. */
export const FRAMES_FOLDER = 'frames';
/** Vectors, in the library's folder; one folder a space. */
export const SPACES_FOLDER = 'spaces';
/** A library's settings file. */
export const CONFIG_FILE = 'config.json';
/** One line per frame, for other programs. */
export const METADATA_FILE = 'metadata.jsonl';
/** An engine folder's commit log. Created last, so a folder without it is no engine folder yet. */
export const COMMIT_LOG = 'embeddings.idx';

/** Eight digits that make a temporary name unique. Loads crypto with the first: few programs come here. */
export const randomSuffix = (): string =>
  process.getBuiltinModule('node:crypto').randomBytes(4).toString('hex');
