/**
 * Generates vectors with the properties of real CLIP embeddings that affect an index: a narrow cone (high
 * mean cosine), one dominant coordinate, a decaying spectrum, and clusters of low intrinsic dimension and
 * different sizes. Gaussian rows are harder to search and easier to quantize than real ones.
 *
 * row = unit(axis + mix(spectrum * scale * (topic + subtopic + local + noise)))
 *
 * Measured at 20,000 x 512: mean cosine 0.65, dominant coordinate 0.70, intrinsic dimension 16 (from
 * distances to ten neighbours); real ViT-B/32 pictures have 0.61, 0.65 and about 15. Texts are as far from
 * their nearest row (cosine 0.32) as real ones, so a graph finds fewer of their neighbours.
 *
 * The mixing rotation is a product of reflections: orthogonal, and linear in `dim` per row.
 */
import { createHash } from 'node:crypto';

const TOPICS = 48;
const SUBTOPICS = 3000;
/** Number of directions in which rows of a subtopic differ, strongest first. */
const LOCAL = 40;
const POOL = 1024;
const REFLECTIONS = 4;
/** Shares of the variance. */
const SHARE = { topic: 0.23, subtopic: 0.27, local: 0.34, noise: 0.16 };
const AXIS_LENGTH = 1.24;
/** Standard deviation of the logarithm of cluster radii. */
const SPREAD = 0.35;
/** Weight of the content in a text's vector: it is small, which makes texts hard. */
const TEXT_CONTENT = 0.3;

export interface ClipLike {
  readonly name: string;
  readonly seed: number;
  readonly dim: number;
  /** Shape [rows, dim], unit rows. */
  readonly rows: Float32Array;
  /** Held-out vectors of the same kind: picture queries. */
  readonly queries: Float32Array;
  /** Around another axis, as texts are: far from every row. */
  readonly textQueries: Float32Array;
  readonly sha256: string;
  /** Of random pairs. */
  readonly meanCosine: number;
  readonly dominantCoordinate: number;
}

/** mulberry32 and Box-Muller: the same numbers on every machine. */
export class Random {
  #state: number;
  #spare: number | undefined;
  constructor(seed: number) {
    this.#state = seed >>> 0;
  }
  unit(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let x = this.#state;
    x = Math.imul(x ^ (x >>> 15), x | 1);
    x ^= x + Math.imul(x ^ (x >>> 7), x | 61);
    return ((x ^ (x >>> 14)) >>> 0) / 2 ** 32;
  }
  normal(): number {
    if (this.#spare !== undefined) {
      const value = this.#spare;
      this.#spare = undefined;
      return value;
    }
    const radius = Math.sqrt(-2 * Math.log(1 - this.unit()));
    const angle = 2 * Math.PI * this.unit();
    this.#spare = radius * Math.sin(angle);
    return radius * Math.cos(angle);
  }
  below(bound: number): number {
    return Math.floor(this.unit() * bound);
  }
}

function normals(random: Random, count: number, scale: number): Float32Array {
  return Float32Array.from({ length: count }, () => random.normal() * scale);
}

function scaleToLength(vector: Float32Array, length: number): void {
  let sum = 0;
  for (const value of vector) sum += value * value;
  const factor = length / Math.sqrt(sum);
  for (let i = 0; i < vector.length; i++) vector[i] = (vector[i] ?? 0) * factor;
}

class Model {
  readonly #dim: number;
  readonly #spectrum: Float32Array;
  readonly #axis: Float32Array;
  readonly #textAxis: Float32Array;
  readonly #reflections: Float32Array[];
  readonly #topics: Float32Array;
  readonly #subtopics: Float32Array;
  readonly #pool: Float32Array;
  /** Scale along the j-th direction of a subtopic. */
  readonly #local: Float32Array;
  readonly #directionsOf: Uint16Array;
  readonly #topicOf: number[];
  readonly #topicScale: Float32Array;
  readonly #radius: Float32Array;
  /** Cumulative weights of the subtopics: few are large, many small. */
  readonly #cumulative: number[];

  constructor(dim: number, random: Random) {
    this.#dim = dim;
    const powers = Float32Array.from(
      { length: dim },
      (_, i) => Math.exp(-i / (dim / 2.3)) / (1 + i / 3) ** 0.75,
    );
    const total = powers.reduce((sum, value) => sum + value, 0);
    this.#spectrum = powers.map((value) => Math.sqrt(value / total));
    this.#axis = this.#makeAxis(random, 0.18, -0.87);
    // Not orthogonal to the other: CLIP's texts and pictures have a cosine of about 0.2.
    this.#textAxis = this.#makeAxis(random, 0.26, 0.9).map(
      (value, i) => value + 0.3 * (this.#axis[i] ?? 0),
    );
    scaleToLength(this.#textAxis, AXIS_LENGTH);
    this.#reflections = Array.from({ length: REFLECTIONS }, () => {
      const normal = normals(random, dim, 1);
      scaleToLength(normal, 1);
      return normal;
    });
    this.#topics = normals(random, TOPICS * dim, Math.sqrt(SHARE.topic));
    this.#subtopics = normals(random, SUBTOPICS * dim, Math.sqrt(SHARE.subtopic));
    this.#pool = normals(random, POOL * dim, 1);
    const decay = Float32Array.from({ length: LOCAL }, (_, j) => (1 + j / 4) ** -0.7);
    scaleToLength(decay, Math.sqrt(SHARE.local));
    this.#local = decay;
    this.#directionsOf = Uint16Array.from({ length: SUBTOPICS * LOCAL }, () => random.below(POOL));
    this.#topicOf = Array.from({ length: SUBTOPICS }, () => random.below(TOPICS));
    const lognormal = (): number => Math.exp(random.normal() * SPREAD - SPREAD ** 2);
    this.#topicScale = Float32Array.from({ length: TOPICS }, lognormal);
    this.#radius = Float32Array.from({ length: SUBTOPICS }, lognormal);
    let sum = 0;
    this.#cumulative = Array.from({ length: SUBTOPICS }, (_, i) => (sum += 1 / (i + 20) ** 0.9));
  }

  #makeAxis(random: Random, place: number, strength: number): Float32Array {
    const axis = normals(random, this.#dim, 0.5 / Math.sqrt(this.#dim));
    axis[Math.floor(place * this.#dim)] = strength;
    scaleToLength(axis, AXIS_LENGTH);
    return axis;
  }

  #pickSubtopic(random: Random): number {
    const target = random.unit() * (this.#cumulative.at(-1) ?? 0);
    return this.#cumulative.findIndex((sum) => sum >= target);
  }

  /** Writes one unit row. `isText`: weaker, around the other axis, nearer to its subtopic's centre. */
  draw(random: Random, isText: boolean, out: Float32Array): void {
    const dim = this.#dim;
    const subtopic = this.#pickSubtopic(random);
    const topic = this.#topicOf[subtopic] ?? 0;
    for (let i = 0; i < dim; i++) {
      out[i] =
        (this.#topics[topic * dim + i] ?? 0) +
        (this.#subtopics[subtopic * dim + i] ?? 0) +
        random.normal() * Math.sqrt(SHARE.noise);
    }
    const radius = (this.#radius[subtopic] ?? 1) * (isText ? 0.8 : 1);
    for (let j = 0; j < LOCAL; j++) {
      const amount = random.normal() * radius * (this.#local[j] ?? 0);
      const at = (this.#directionsOf[subtopic * LOCAL + j] ?? 0) * dim;
      for (let i = 0; i < dim; i++) out[i] = (out[i] ?? 0) + amount * (this.#pool[at + i] ?? 0);
    }
    const scale = (this.#topicScale[topic] ?? 1) * (isText ? TEXT_CONTENT : 1);
    for (let i = 0; i < dim; i++) out[i] = (out[i] ?? 0) * scale * (this.#spectrum[i] ?? 0);
    for (const normal of this.#reflections) {
      let along = 0;
      for (let i = 0; i < dim; i++) along += (out[i] ?? 0) * (normal[i] ?? 0);
      for (let i = 0; i < dim; i++) out[i] = (out[i] ?? 0) - 2 * along * (normal[i] ?? 0);
    }
    const axis = isText ? this.#textAxis : this.#axis;
    for (let i = 0; i < dim; i++) out[i] = (out[i] ?? 0) + (axis[i] ?? 0);
    scaleToLength(out, 1);
  }
}

function measure(rows: Float32Array, dim: number): { meanCosine: number; dominant: number } {
  // The mean of all pairwise cosines is the squared length of the mean row.
  const mean = new Float64Array(dim);
  for (let i = 0; i < rows.length; i++) mean[i % dim] = (mean[i % dim] ?? 0) + (rows[i] ?? 0);
  const count = rows.length / dim;
  let squared = 0;
  let dominant = 0;
  for (const sum of mean) {
    squared += (sum / count) ** 2;
    dominant = Math.max(dominant, Math.abs(sum / count));
  }
  return { meanCosine: squared, dominant };
}

/** A smaller set is a prefix of a larger one. */
export function makeClipLike(
  count: number,
  queryCount: number,
  dim: number,
  seed = 20240611,
): ClipLike {
  const model = new Model(dim, new Random(seed));
  const draw = (n: number, random: Random, isText: boolean): Float32Array => {
    const all = new Float32Array(n * dim);
    for (let row = 0; row < n; row++) {
      model.draw(random, isText, all.subarray(row * dim, (row + 1) * dim));
    }
    return all;
  };
  const rows = draw(count, new Random(seed + 1), false);
  const { meanCosine, dominant } = measure(rows, dim);
  return {
    name: 'clip-like',
    seed,
    dim,
    rows,
    queries: draw(queryCount, new Random(seed + 2), false),
    textQueries: draw(queryCount, new Random(seed + 3), true),
    sha256: createHash('sha256').update(new Uint8Array(rows.buffer)).digest('hex'),
    meanCosine,
    dominantCoordinate: dominant,
  };
}
