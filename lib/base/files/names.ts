/** Names on disk that more than one part knows. */

/** The library's own folder, beneath the root unless it was named otherwise. */
export const LIBRARY_FOLDER = '.sightline';
/** What makes a folder a library. */
export const CATALOG_FILE = 'catalog.sqlite';
/** The settings of a library, in its folder. */
export const CONFIG_FILE = 'config.json';
/** The commit log of an engine folder; it is made last, so what has none is no engine folder yet. */
export const COMMIT_LOG = 'embeddings.idx';
