/** Results of a call of a model, one per input: a vector, or why there is none. */
import { isLibraryError, makeError, type LibraryError } from '../base/errors';
import type { ItemEncoder } from '../encode';

/** The result of one input. */
export type Outcome = Float32Array | LibraryError;

export interface Computed {
  /** One per input, in order. */
  readonly outcomes: readonly Outcome[];
  /** Tokens that the model read. */
  readonly tokens: number;
}

export async function encodeEach<T>(
  encoder: ItemEncoder<T>,
  inputs: readonly T[],
  signal: AbortSignal | undefined,
): Promise<Computed> {
  const { vectors, errors, tokens } = await encoder.encodeEach(inputs, { signal });
  const { dim } = encoder;
  return {
    outcomes: inputs.map((_, i) => errors[i] ?? vectors.slice(i * dim, (i + 1) * dim)),
    tokens: tokens.reduce((sum, count) => sum + count, 0),
  };
}

/** All vectors. @throws the first failure, with `details.index` */
export function whole(outcomes: readonly Outcome[]): Float32Array[] {
  const index = outcomes.findIndex((outcome) => isLibraryError(outcome));
  if (index < 0) return outcomes as Float32Array[];
  const error = outcomes[index] as LibraryError;
  const where = outcomes.length === 1 ? '' : `input ${index} of ${outcomes.length}: `;
  throw makeError(error.code, `${where}${error.message}`, {
    details: { ...error.details, index },
    cause: error,
  });
}

export function first(vectors: readonly Float32Array[]): Float32Array {
  return vectors[0] as Float32Array;
}
