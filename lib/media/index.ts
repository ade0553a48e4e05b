/**
 * Media files: walks folders, detects formats, decodes pictures (in child processes) and videos (by ffmpeg)
 * into upright JPEGs of bounded size, and audio (by ffmpeg) into mono samples. Knows no catalog, model or
 * index. This process parses no hostile bytes: it reads only the first 4 KiB and the children's replies.
 */
export { decodeAudio, type DecodeAudioOptions, type DecodedAudio } from './audio/audio';
export { sampleClip, type SampleClipOptions } from './video/clip';
export { contentHash } from './content-hash';
export { findFfmpeg, type Ffmpeg } from './ffmpeg/ffmpeg-find';
export type { DecodedFrame, DecodedImage } from './frame';
export {
  closeImageDecoder,
  decodeImage,
  DEFAULT_MAX_SIZE,
  imageConcurrency,
  type DecodeImageOptions,
  type ImageSource,
} from './image/image';
export { IGNORE_FILE } from './ignore-rules';
export { kindOfName } from './kinds';
export { contentKind } from './recognise';
export { LIMITS } from './limits';
export { isPhotograph } from './image/photograph';
export { checkPixels, pngOf, type RawPixels } from './image/pixels';
export { probeVideo, sampleVideo, type SampleOptions, type VideoInfo } from './video/video';
export { openOriginal, type OriginalFile } from './original/original-file';
export {
  walkMedia,
  type MediaFile,
  type WalkEntry,
  type WalkNote,
  type WalkOptions,
  type WalkProblem,
} from './walk';
