/**
 * Encoders: pictures, texts, videos and sounds to unit vectors. Holds the model store (folders on disk,
 * no network), preprocessing, tokenizer, and the pools of processes in which the ONNX runtime runs.
 *
 * Knows nothing of catalogs, indexes or media files. May use errors and plain types. This process
 * loads neither the runtime nor the image library: both live in encoder processes (ADR 11).
 */
export { DEFAULT_AUDIO_MODEL, MAX_AUDIO_SECONDS, openAudioEncoder } from './audio';
export { openClip } from './clip';
export { ENCODE_OPTIONS } from './encoder';
export type { AudioEncoder, ClipModel, EachResult, EncodeOptions, Encoder } from './encoder';
export type {
  ImageEncoder,
  ItemEncoder,
  SentenceEncoder,
  VideoClip,
  VideoEncoder,
} from './encoder';
export { BUILTIN_MODEL, findModel, hubCacheDir, type ModelFolder } from './model-store';
export { missingFiles, type ModelKind } from './model-files';
export type { EncoderOptions } from './open-model';
export { PREPROCESS_VERSION } from './preprocess';
export { DEFAULT_SENTENCE_MODEL, openSentenceEncoder } from './sentence';
export { CLIP_OPTIONS, type ClipOptions } from './settings';
export { BATCH_BUCKETS, type EncoderStats } from './stats';
export { openTextEncoder } from './text-model';
export { encodeTwoPart, metaText, type TwoPartText } from './two-part';
export { DEFAULT_VIDEO_MODEL, openVideoEncoder } from './video';
