/**
 * What `require('sightline')` gives. Loads neither sharp, onnxruntime nor SQLite until a call needs
 * them.
 */
export * from './library';
export { ERROR_CODES, isLibraryError, type ErrorCode, type LibraryError } from './base/errors';
export * from './engine';
export * from './stores/vectors';
export {
  encodeTwoPart,
  metaText,
  openAudioEncoder,
  openClip,
  openTextEncoder,
  openVideoEncoder,
  type AudioEncoder,
  type ClipModel,
  type ClipOptions,
  type EachResult,
  type EncodeOptions,
  type Encoder,
  type EncoderStats,
  type ImageEncoder,
  type ItemEncoder,
  type SentenceEncoder,
  type TwoPartText,
  type VideoClip,
  type VideoEncoder,
} from './encode';
export {
  EmbeddingService,
  openAudioEmbedder,
  openEmbeddingService,
  openVideoEmbedder,
  type BatchInput,
  type BatchOutput,
  type EmbedOptions,
  type FileEmbedder,
  type OpenServiceOptions,
  type Picture,
} from './service';
export {
  computeChannelFingerprint,
  computeMetadataEmbedding,
  inspectExr,
  INSPECTOR_VERSION,
  parseExrHeader,
  SCHEMA_VERSION,
  type ChannelLike,
  type ExrAttribute,
  type ExrBox,
  type ExrChannel,
  type ExrChannelType,
  type ExrEmbeddingOptions,
  type ExrEmbeddingVersion,
  type ExrFileFacts,
  type ExrLimits,
  type ExrNumber,
  type ExrPart,
  type ExrPayload,
  type ExrTiles,
  type ExrValue,
  type InspectExrOptions,
  type ParseExrOptions,
  type PartLike,
  type PayloadLike,
} from './exr';
export type { RawPixels } from './media';
export {
  DiskCache,
  MemoryCache,
  RedisCache,
  type CacheReport,
  type EmbeddingCache,
} from './stores/cache';
export type {
  FrameId,
  FrameRecord,
  LibraryStats,
  MediaId,
  MediaKind,
  MediaProblem,
  ModelChange,
  MediaState,
  ModelIdentity,
  ProgressEvent,
  Row,
  SearchOptions,
  SearchQuery,
  SearchResponse,
  SearchResult,
  SpaceStats,
  SyncOptions,
  SyncReport,
  VerifyReport,
} from './base/types';
