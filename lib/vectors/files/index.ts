/**
 * Vector files: numpy's `.npy`, TEXMEX `.fvecs .bvecs .ivecs`, and index files of hnswlib and usearch.
 * Files are read and written by position and in blocks, so they may be larger than memory. What a file says
 * about itself is checked against its length first. May use `lib/vectors` around it, `lib/native` types and
 * `lib/base`. Formats and examples: docs/guide/VECTOR-FILES.md.
 */
export type { AddFileOptions } from './add-file';
export type { Dtype, Values } from './dtypes';
export type { ExportOptions, ExportReport } from './export-file';
export type { ForeignFormat } from './indexes/foreign-index';
export type { VectorFormat } from './formats';
export type { ImportOptions } from './indexes/import-index';
export { readKeys, writeKeys } from './key-file';
export {
  openVectors,
  readVectors,
  type ReadOptions,
  type VectorFile,
  type Vectors,
} from './vector-file';
export { writeVectors, type VectorSource, type WriteOptions } from './write-vectors';
