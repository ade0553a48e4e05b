/** Golden vectors: a model's embeddings of the golden inputs at its first verification. */
import { MAX_DIM } from '../../base/limits';
import { isWithin } from '../../base/ranges';
import { isDtype, type Dtype } from '../dtype';
import { isObject } from '../json-file';

export interface Golden {
  /** What made the vectors. */
  readonly dtype: Dtype;
  readonly provider: string;
  readonly runtime: string;
  readonly platform: string;
  readonly preprocessVersion: number;
  /** Identity of the weights, as in `ModelIdentity`. */
  readonly sha256: string;
  /** By name of the golden input; unit length. */
  readonly vectors: ReadonlyMap<string, Float32Array>;
}

const MAX_VECTORS = 64;

/**
 * Least cosine to the golden vector. Another order of float32 operations moves a unit vector by about
 * 1e-6, half precision by 1e-3; 8-bit weights change the model.
 */
export const LEAST_COSINE: Readonly<Record<Dtype, number>> = { fp32: 0.999, fp16: 0.99, q8: 0.95 };

/** The coarser number type decides. */
export function leastCosine(a: Dtype, b: Dtype): number {
  return Math.min(LEAST_COSINE[a], LEAST_COSINE[b]);
}

/** NaN if the lengths differ or a vector is zero. */
export function cosineOf(a: Float32Array, b: Float32Array): number {
  if (a.length !== b.length) return NaN;
  let dot = 0;
  let aa = 0;
  let bb = 0;
  for (let i = 0; i < a.length; i++) {
    const x = a[i] as number;
    const y = b[i] as number;
    dot += x * y;
    aa += x * x;
    bb += y * y;
  }
  return dot / Math.sqrt(aa * bb);
}

/** As JSON: vectors as little-endian float32 in base64. */
export function writeGolden(golden: Golden): Record<string, unknown> {
  const vectors = Object.fromEntries(
    [...golden.vectors].map(([name, vector]) => {
      const bytes = Buffer.alloc(vector.length * 4);
      vector.forEach((value, i) => bytes.writeFloatLE(value, i * 4));
      return [name, bytes.toString('base64')];
    }),
  );
  return { ...golden, vectors };
}

/** Undefined if invalid. */
export function readGolden(value: unknown): Golden | undefined {
  if (!isObject(value) || !isObject(value['vectors'])) return undefined;
  const { dtype, provider, runtime, platform, preprocessVersion, sha256 } = value;
  const isText = (text: unknown): text is string => typeof text === 'string' && text.length <= 100;
  if (!isText(provider) || !isText(runtime) || !isText(platform) || !isText(sha256))
    return undefined;
  if (!isDtype(dtype) || typeof preprocessVersion !== 'number') return undefined;
  const entries = Object.entries(value['vectors']);
  if (entries.length === 0 || entries.length > MAX_VECTORS) return undefined;
  const vectors = new Map<string, Float32Array>();
  for (const [name, text] of entries) {
    if (typeof text !== 'string') return undefined;
    const bytes = Buffer.from(text, 'base64');
    const dim = bytes.length / 4;
    if (!isWithin(dim, 1, MAX_DIM)) return undefined;
    vectors.set(
      name,
      Float32Array.from({ length: dim }, (_, i) => bytes.readFloatLE(i * 4)),
    );
  }
  return { dtype, provider, runtime, platform, preprocessVersion, sha256, vectors };
}
