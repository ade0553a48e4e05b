/**
 * The facade: one folder of media and its library. `openLibrary(root)` gives sync, search, verify and
 * close; the layers above (server, command line, your program) use nothing below it. Diagnosis and the
 * sample library are imported by file, because they load what no other call needs.
 */
export { findLibrary, openLibrary } from './open';
export type { Library, LibraryEvents, MediaFileLocation, OpenLibraryOptions } from './types';
export type { ContentsFilter, FramesFilter, MediaFilter, MediaItem } from './contents';
export type { DiskUsage } from './disk-usage';
export type {
  ExrAnomaly,
  ExrBy,
  ExrDifference,
  ExrMigrateOptions,
  ExrPairFiles,
  ExrPairsRequest,
  ExrSimilarFile,
  ExrSimilarOptions,
  ExrStats,
  LibraryExr,
  SqlOptions,
  SqlParam,
  SqlResult,
  SqlValue,
  SqlVector,
} from './exr';
export { backupLibrary, type LibraryBackupOptions, type LibraryBackupReport } from './backup';
export type { VectorStoreChoice } from './spaces/vectors';
export {
  listModels,
  pullModel,
  verifyModels,
  type InstalledModel,
  type ModelVerification,
  type PullOptions,
  type PullReport,
  type VerifyOptions,
} from './models';
