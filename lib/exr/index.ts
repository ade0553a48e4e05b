/**
 * OpenEXR files by their headers: what is in them (`inspectExr`), and two vectors that say how alike two files are built
 * (`computeMetadataEmbedding`, `computeChannelFingerprint`). Decodes no pixels, runs no model, knows no catalog and no index; uses
 * `lib/base` only. The reader of headers is our own: docs/adr/0025.
 */
export {
  CHANNELS_DIM,
  computeChannelFingerprint,
  computeMetadataEmbedding,
  EXR_EMBEDDING_VERSIONS,
  METADATA_DIM,
  type ExrEmbeddingOptions,
  type ExrEmbeddingVersion,
} from './embed/embed';
export { canonicalJson } from './embed/canonical';
export { blocksOf, singlePart, type ExrBlock } from './blocks';
export type { ChannelLike, PartLike, PayloadLike } from './embed/input';
export type { ExrLimits } from './header/limits';
export { parseExrHeader, type ParseExrOptions } from './header/parse';
export { inspectExr, type InspectExrOptions } from './inspect';
export {
  INSPECTOR_VERSION,
  SCHEMA_VERSION,
  type ExrAttribute,
  type ExrBox,
  type ExrChannel,
  type ExrChannelType,
  type ExrFileFacts,
  type ExrNumber,
  type ExrPart,
  type ExrPayload,
  type ExrTiles,
  type ExrValue,
} from './payload';
