/**
 * Encoders: pictures and texts to unit vectors of one space. Holds the model store (folders on disk,
 * no network), preprocessing, tokenizer, and the worker pools in which the ONNX runtime runs.
 *
 * Knows nothing of catalogs, indexes or media files. May use errors and plain types. The main thread
 * loads neither the runtime nor the image library: both live in workers, because inference blocks
 * the thread it is called on.
 */
export { openClip } from './clip';
export type { ClipModel, EachResult, EncodeOptions, Encoder, ImageEncoder } from './encoder';
export { BATCH_BUCKETS, type EncoderStats } from './stats';
export { BUILTIN_MODEL, findModel, hubCacheDir, type ModelFolder } from './model-store';
export { missingFiles, REQUIRED_FILES } from './model-files';
export { PREPROCESS_VERSION } from './preprocess';
export type { ClipOptions } from './settings';
