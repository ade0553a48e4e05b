/**
 * The catalog: media, frames, rows and state in one SQLite file, and the single commit point of a library.
 * The only folder that converts between frame ids and rows. Knows no media decoder, encoder or engine.
 */
export type { Catalog } from './catalog';
export { copyCatalog } from './sqlite/copy';
export { framePath } from './frame-path';
export type { Home } from './home';
export { openCatalog } from './open';
export type {
  ExrCounts,
  ExrFacts,
  ExrFailure,
  ExrFileRow,
  ExrToInspect,
  ExrVectors,
} from './tables/exr-table';
export { passes } from './tables/row-map';
export type {
  CatalogCounts,
  EmbeddingMetadata,
  EncodeFailure,
  EncodeRun,
  FormerMedia,
  FrameRow,
  IngestedFrame,
  IngestedItem,
  MediaLocation,
  MediaRow,
  RowEpoch,
  RowFilter,
  SpaceRecord,
  SpaceState,
  StoredFrame,
} from './records';
