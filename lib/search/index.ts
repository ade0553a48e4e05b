/**
 * Search over one library: query -> vector -> hits -> results. May use catalog, media, encode and vectors;
 * knows nothing of HTTP or the command line.
 */
export { search, type SearcherParts } from './searcher';
export { frameVersion } from './frame-url';
export { similarityOfCosine } from './similarity';
