/**
 * Encoders: turn pictures, texts, videos and sounds into unit vectors. Holds one file per kind of model
 * (`kinds/`), preprocessing and tokenizer (`preprocess/`), the process pools that run ONNX models (`pool/`,
 * `towers/`), and checks of a model's answers (`golden/`).
 *
 * Knows nothing of catalogs, indexes or media files. May use `lib/models` and `lib/base`. This process
 * loads neither the runtime nor the image library: both run in encoder processes (ADR 11).
 */
export { DEFAULT_AUDIO_MODEL, MAX_AUDIO_SECONDS, openAudioEncoder } from './kinds/audio';
export { openClip } from './kinds/clip';
export { ENCODE_OPTIONS } from './encoder';
export type { AudioEncoder, ClipModel, EachResult, EncodeOptions, Encoder } from './encoder';
export type {
  ImageEncoder,
  ItemEncoder,
  SentenceEncoder,
  VideoClip,
  VideoEncoder,
} from './encoder';
export {
  BUILTIN_MODEL,
  findModel,
  hubCacheDir,
  type ModelFolder,
} from '../models/store/model-store';
export { missingFiles, type ModelKind } from '../models/store/model-files';
export type { EncoderOptions } from './kinds/open-model';
export { PREPROCESS_VERSION } from './preprocess/preprocess';
export { DEFAULT_SENTENCE_MODEL, openSentenceEncoder } from './kinds/sentence';
export { CLIP_OPTIONS, type ClipOptions } from './settings';
export { BATCH_BUCKETS, type EncoderStats } from './stats';
export { openTextEncoder } from './kinds/text-model';
export { encodeTwoPart, metaText, type TwoPartText } from './kinds/two-part';
export { DEFAULT_VIDEO_MODEL, openVideoEncoder } from './kinds/video';
