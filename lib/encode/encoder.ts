/** The shapes that the rest of the library sees: an encoder, and the two encoders of a CLIP model. */
import type { LibraryError } from '../errors';
import type { ModelIdentity } from '../types';
import type { EncoderStats } from './stats';

export interface EncodeOptions {
  /** Ends the call with ERR_ABORTED. What a worker is computing at that moment is thrown away. */
  readonly signal?: AbortSignal;
}

export interface Encoder<Input> {
  readonly modality: 'image' | 'text';
  /** Length of every vector. */
  readonly dim: number;
  readonly model: ModelIdentity;
  /**
   * Embeds a batch. Order is kept; all or nothing.
   *
   * @returns shape [batch.length, dim], unit rows, newly allocated
   * @throws ERR_ARG_TYPE | ERR_CLOSED | ERR_ABORTED | ERR_TIMEOUT | ERR_POOL_FULL | ERR_ENCODE |
   *   ERR_MODEL_INVALID, and for pictures ERR_MEDIA_DECODE | ERR_MEDIA_UNSUPPORTED | ERR_MEDIA_LIMIT
   */
  encode(batch: readonly Input[], options?: EncodeOptions): Promise<Float32Array>;
  /** Starts a worker and loads the model, so that the first call does not wait for it. */
  warm(): Promise<void>;
  /** Figures for metrics; free to call. After `close()` the last ones. */
  stats(): EncoderStats;
  /** Refuses new work, waits for calls in flight, ends the workers. Idempotent. */
  close(): Promise<void>;
}

/** One entry per input: a row of `vectors`, or a reason why that row is all zero. */
export interface EachResult {
  /** Shape [batch.length, dim]; rows of failed inputs are zero and must not be stored. */
  readonly vectors: Float32Array;
  readonly errors: readonly (LibraryError | undefined)[];
  /** Execution provider that ran the model. */
  readonly device: string;
  /** Milliseconds in the runtime, summed over the inputs. */
  readonly inferenceMs: number;
}

export interface ImageEncoder extends Encoder<Uint8Array> {
  /**
   * Embeds a batch in which single pictures may fail: damaged ones, and ones that crash or hang a
   * worker, are reported in `errors` and cost the others nothing.
   *
   * @throws only what concerns the whole batch: ERR_ARG_TYPE | ERR_CLOSED | ERR_ABORTED |
   *   ERR_POOL_FULL | ERR_MODEL_INVALID, and ERR_ENCODE once workers keep failing
   */
  encodeEach(batch: readonly Uint8Array[], options?: EncodeOptions): Promise<EachResult>;
}

export interface ClipModel extends AsyncDisposable {
  readonly identity: ModelIdentity;
  readonly dim: number;
  /** What the model multiplies cosines with before a softmax; 100 for the published CLIP models. */
  readonly logitScale: number;
  /** True for the model that comes with the package. */
  readonly isBuiltin: boolean;
  readonly image: ImageEncoder;
  readonly text: Encoder<string>;
  close(): Promise<void>;
}
