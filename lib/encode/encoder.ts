/** Public interfaces: encoders of each modality, and the two of a CLIP model. */
import type { LibraryError } from '../base/errors';
import { SIGNAL, type OptionRules } from '../base/options';
import type { ModelIdentity } from '../base/types';
import type { EncoderStats } from './stats';
import type { Modality } from './tower-io';

export interface EncodeOptions {
  /** Ends the call with ERR_ABORTED. Work in progress in a worker is discarded. */
  readonly signal?: AbortSignal;
}

export const ENCODE_OPTIONS: OptionRules<EncodeOptions> = { signal: SIGNAL };

export interface Encoder<Input> {
  readonly modality: Modality;
  /** Length of every vector. */
  readonly dim: number;
  readonly model: ModelIdentity;
  /**
   * Embeds a batch, in order; all or nothing.
   *
   * @returns shape [batch.length, dim], unit rows, newly allocated
   * @throws ERR_ARG_TYPE | ERR_CLOSED | ERR_ABORTED | ERR_TIMEOUT | ERR_POOL_FULL | ERR_ENCODE |
   *   ERR_MODEL_INVALID | ERR_MODEL_MISSING (a CLIP without this tower), and for media
   *   ERR_MEDIA_DECODE | ERR_MEDIA_UNSUPPORTED | ERR_MEDIA_LIMIT
   */
  encode(batch: readonly Input[], options?: EncodeOptions): Promise<Float32Array>;
  /** Starts a worker and loads the model, so that the first call is fast. */
  warm(): Promise<void>;
  /** Statistics; cheap. After `close()` the last ones. */
  stats(): EncoderStats;
  /** Refuses new work, waits for calls in flight, ends the workers. Idempotent. */
  close(): Promise<void>;
}

/** For each input either a row of `vectors`, or an error and a row of zeros. */
export interface EachResult {
  /** Shape [batch.length, dim]; rows of failed inputs are zero and must not be stored. */
  readonly vectors: Float32Array;
  readonly errors: readonly (LibraryError | undefined)[];
  /** For texts: tokens read per input; 0 for other inputs and failed ones. */
  readonly tokens: readonly number[];
  /** Execution provider that ran the model. */
  readonly device: string;
  /** Milliseconds in the runtime, summed over the inputs. */
  readonly inferenceMs: number;
}

export interface ItemEncoder<Input> extends Encoder<Input> {
  /**
   * Embeds a batch in which single inputs may fail: damaged inputs, and inputs that crash or hang a worker,
   * are reported in `errors` and do not affect the others.
   *
   * @throws only errors of the whole batch: ERR_ARG_TYPE | ERR_CLOSED | ERR_ABORTED |
   *   ERR_POOL_FULL | ERR_MODEL_INVALID | ERR_MODEL_MISSING, and ERR_ENCODE once workers keep failing
   */
  encodeEach(batch: readonly Input[], options?: EncodeOptions): Promise<EachResult>;
}

/** Takes encoded pictures (JPEG, PNG, WebP, GIF, AVIF) of any size. */
export type ImageEncoder = ItemEncoder<Uint8Array>;

/** Takes texts of any length; tokens beyond the model's limit are ignored. */
export type SentenceEncoder = ItemEncoder<string>;

/** Frames of one video as encoded pictures, by time. */
export type VideoClip = readonly Uint8Array[];

export interface VideoEncoder extends ItemEncoder<VideoClip> {
  /** Frames per clip: longer clips are sampled evenly, shorter ones repeat the last frame. */
  readonly frames: number;
}

/** Takes mono samples, about -1 to 1, at `sampleRate`. */
export interface AudioEncoder extends ItemEncoder<Float32Array> {
  /** Samples per second. */
  readonly sampleRate: number;
  /** Longer input is truncated. */
  readonly maxSeconds: number;
}

export interface ClipModel extends AsyncDisposable {
  readonly identity: ModelIdentity;
  readonly dim: number;
  /** Factor for cosines before a softmax; 100 in the published CLIP models. */
  readonly logitScale: number;
  /** True for the built-in model. */
  readonly isBuiltin: boolean;
  readonly image: ImageEncoder;
  readonly text: SentenceEncoder;
  close(): Promise<void>;
}
