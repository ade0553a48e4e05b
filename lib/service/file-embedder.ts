/** Vectors of audio and video files: combines decoder and encoder. */
import {
  ENCODE_OPTIONS,
  openAudioEncoder,
  openVideoEncoder,
  type ClipOptions,
  type EncodeOptions,
  type ItemEncoder,
} from '../encode';
import { decodeAudio, sampleClip } from '../media';
import { readOptions, TEXT } from '../base/options';
import type { ModelIdentity } from '../base/types';

export interface FileEmbedder extends AsyncDisposable {
  readonly model: ModelIdentity;
  readonly dim: number;
  /**
   * @returns shape [dim], unit length
   * @throws ERR_MEDIA_* | ERR_FFMPEG_MISSING | ERR_IO, and what the encoder throws
   */
  embed(file: string, options?: EncodeOptions): Promise<Float32Array>;
  close(): Promise<void>;
}

/** Longest side of frames for the model, which reads 224 x 224. */
const FRAME_SIZE = 512;

/**
 * The first 90 seconds of an audio file, or of a video's sound track, as one vector.
 *
 * @param model default `facebook/wav2vec2-base-960h`
 * @throws what opening a model throws
 */
export async function openAudioEmbedder(
  model?: string,
  options: ClipOptions = {},
): Promise<FileEmbedder> {
  const encoder = await openAudioEncoder(model, options);
  const { sampleRate, maxSeconds } = encoder;
  return embedder(encoder, async (absPath, { signal }) => {
    const limits = { sampleRate, maxSeconds, signal };
    return (await decodeAudio({ absPath }, limits)).samples;
  });
}

/**
 * Frames sampled evenly from a video, as one vector of its action.
 *
 * @param model default `MCG-NJU/videomae-base`
 * @throws what opening a model throws
 */
export async function openVideoEmbedder(
  model?: string,
  options: ClipOptions = {},
): Promise<FileEmbedder> {
  const encoder = await openVideoEncoder(model, options);
  const { frames } = encoder;
  return embedder(encoder, async (absPath, { signal }) => {
    const limits = { frames, maxSize: FRAME_SIZE, signal };
    return (await sampleClip({ absPath }, limits)).map((frame) => frame.jpeg);
  });
}

function embedder<Input>(
  encoder: ItemEncoder<Input>,
  decode: (absPath: string, options: EncodeOptions) => Promise<Input>,
): FileEmbedder {
  return {
    model: encoder.model,
    dim: encoder.dim,
    embed: async (file, given = {}) => {
      // Before decoding, which may take minutes.
      const options = readOptions('options', given, ENCODE_OPTIONS);
      return encoder.encode([await decode(TEXT('file', file), options)], options);
    },
    close: () => encoder.close(),
    [Symbol.asyncDispose]: () => encoder.close(),
  };
}
