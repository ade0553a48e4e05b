/**
 * Feature hashing (Weinberger et al., arXiv:0902.2206): every feature is a word with a weight, and adds that weight, with a sign, at
 * a few places of the vector that its hash chooses. Two vectors then have the dot product of the weights of the words they share, but
 * for collisions.
 */

/** Places per word: a collision of two words then costs a third of their weight. */
const PLACES = 3;

/** FNV-1a over UTF-16 units with a final mix of MurmurHash3; the same in every engine, since all of it is 32-bit arithmetic. */
export function hash32(text: string, seed: number): number {
  let hash = 0x811c9dc5 ^ seed;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  return mix(hash);
}

function mix(value: number): number {
  let hash = value;
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}

/** Features that count together: however many a file has, the group has its weight. */
export class Group {
  readonly #weights = new Map<number, number>();

  constructor(readonly name: string) {}

  /** Adds a word; words of other groups do not meet it. */
  word(text: string, weight = 1): void {
    const hash = hash32(`${this.name}\0${text}`, 0);
    this.#weights.set(hash, (this.#weights.get(hash) ?? 0) + weight);
  }

  /**
   * A number as its neighbours on a logarithmic scale: values that differ by less than a factor of two share words, in proportion.
   * Sign and zero are words of their own.
   */
  number(field: string, value: number, weight = 1): void {
    if (!Number.isFinite(value) || value === 0) {
      this.word(`${field}=${value}`, weight);
      return;
    }
    const scaled = Math.log2(Math.abs(value));
    const low = Math.floor(scaled);
    const share = scaled - low;
    const sign = value < 0 ? '-' : '';
    // Square roots keep the length of the pair at 1.
    this.word(`${field}${sign}~${low}`, weight * Math.sqrt(1 - share));
    if (share > 0) this.word(`${field}${sign}~${low + 1}`, weight * Math.sqrt(share));
  }

  /** Adds the group to a vector, so that its part has the length `weight`. */
  addTo(vector: Float64Array, weight: number): void {
    let squares = 0;
    for (const value of this.#weights.values()) squares += value * value;
    if (squares === 0) return;
    const scale = weight / Math.sqrt(squares * PLACES);
    for (const [hash, value] of this.#weights) {
      for (let place = 0, bits = hash; place < PLACES; place++) {
        bits = mix(bits + 0x9e3779b9);
        const at = (bits >>> 1) % vector.length;
        vector[at] = (vector[at] as number) + (bits & 1 ? scale : -scale) * value;
      }
    }
  }
}

/** A vector of length 1 as float32; one without a length becomes the uniform one. */
export function unitVector(vector: Float64Array): Float32Array {
  let squares = 0;
  for (const value of vector) squares += value * value;
  const length = Math.sqrt(squares);
  const unit = new Float32Array(vector.length);
  if (length < 1e-9) return unit.fill(1 / Math.sqrt(vector.length));
  for (let i = 0; i < vector.length; i++) unit[i] = (vector[i] as number) / length;
  return unit;
}
