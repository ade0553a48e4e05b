/** Prepares mono samples for a wav2vec2 model: truncates and normalizes. Pure. */

export interface WaveRule {
  /** Sample rate that the model was trained with. */
  readonly sampleRate: number;
  /** Longer input is truncated. */
  readonly maxSamples: number;
  /** Fewest samples for which the convolutions give one position. */
  readonly minSamples: number;
  /** Zero mean and unit variance, by the feature extractor's `do_normalize`. */
  readonly normalize: boolean;
}

/** Added to the variance by Wav2Vec2FeatureExtractor; turns silence into zeros instead of NaN. */
const VARIANCE_FLOOR = 1e-7;

/** @returns a new array of at most `maxSamples`; sums in double precision */
export function prepareWave(samples: Float32Array, rule: WaveRule): Float32Array {
  const wave = samples.slice(0, rule.maxSamples);
  if (!rule.normalize) return wave;
  let sum = 0;
  for (const value of wave) sum += value;
  const mean = sum / wave.length;
  let squares = 0;
  for (const value of wave) squares += (value - mean) ** 2;
  const scale = 1 / Math.sqrt(squares / wave.length + VARIANCE_FLOOR);
  for (let i = 0; i < wave.length; i++) wave[i] = ((wave[i] as number) - mean) * scale;
  return wave;
}

/**
 * Samples that a stack of convolutions needs for one output: its receptive field.
 *
 * @param kernels, strides  `conv_kernel` and `conv_stride` of the configuration, first layer first
 */
export function receptiveField(kernels: readonly number[], strides: readonly number[]): number {
  let samples = 1;
  for (let layer = kernels.length - 1; layer >= 0; layer--) {
    samples = (samples - 1) * (strides[layer] ?? 1) + (kernels[layer] ?? 1);
  }
  return samples;
}
