/**
 * The catalog: media, frames, rows and state in one SQLite file, and the single commit point of a
 * library. The only place that converts between frame ids and rows. Knows no media decoder, no
 * encoder and no engine.
 */
export type { Catalog } from './catalog';
export { copyCatalog } from './sqlite/copy';
export { framePath } from './frame-path';
export type { Home } from './home';
export { openCatalog } from './open';
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
  MediaPlace,
  MediaRow,
  RowEpoch,
  RowFilter,
  SpaceRecord,
  StoredFrame,
} from './records';
