/** What an index does with vector files; `vector-index.ts` loads it at the first call. */
export { addFile, checkAddFile } from './files/add-file';
export { checkExport, exportFile } from './files/export-file';
export { importIndex } from './files/indexes/import-index';
