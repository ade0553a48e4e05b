/** Vectors for tests of the engine: seeded, and like those of a picture encoder where that matters. */

export interface Random {
  /** In [0, 1). */
  (): number;
}

/** mulberry32: small, seeded, good enough for test data. */
export function randomOf(seed: number): Random {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let x = state;
    x = Math.imul(x ^ (x >>> 15), x | 1);
    x ^= x + Math.imul(x ^ (x >>> 7), x | 61);
    return ((x ^ (x >>> 14)) >>> 0) / 2 ** 32;
  };
}

export function normalOf(random: Random): number {
  return Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
}

/** Uniform in [-1, 1), shape [n, dim]. */
export function noise(n: number, dim: number, seed: number): Float32Array {
  const random = randomOf(seed);
  return Float32Array.from({ length: n * dim }, () => 2 * random() - 1);
}

/**
 * Like picture embeddings: unit rows in a narrow cone with one dominant coordinate, in clusters, each
 * with few directions of its own, plus a little noise. Shape [n, dim]. Rows and queries are draws of
 * one model if they share `seed` and differ in `draw`.
 */
export function clipLike(n: number, dim: number, seed: number, draw: number): Float32Array {
  const topics = 100;
  const directions = 12;
  const model = randomOf(seed);
  const gauss = (length: number, scale: number): Float32Array =>
    Float32Array.from({ length }, () => normalOf(model) * scale);
  const cone = gauss(dim, 0.5 / Math.sqrt(dim));
  cone[dim >> 2] = -0.9;
  const centres = gauss(topics * dim, 0.6 / Math.sqrt(dim));
  const bases = gauss(topics * directions * dim, 0.35 / Math.sqrt(dim * 4));
  const random = randomOf(seed * 7919 + draw + 1);
  const out = new Float32Array(n * dim);
  for (let row = 0; row < n; row++) {
    const topic = Math.floor(random() ** 2 * topics);
    const at = row * dim;
    for (let i = 0; i < dim; i++) {
      out[at + i] =
        (cone[i] as number) +
        (centres[topic * dim + i] as number) +
        normalOf(random) * (0.12 / Math.sqrt(dim));
    }
    for (let d = 0; d < directions; d++) {
      const weight = normalOf(random);
      const base = (topic * directions + d) * dim;
      for (let i = 0; i < dim; i++) out[at + i]! += weight * (bases[base + i] as number);
    }
    let length = 0;
    for (let i = 0; i < dim; i++) length += (out[at + i] as number) ** 2;
    const scale = 1 / Math.sqrt(length);
    for (let i = 0; i < dim; i++) out[at + i]! *= scale;
  }
  return out;
}
