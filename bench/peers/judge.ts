/**
 * Recall of results by one rule for all peers: distances are computed here in double precision, and a row as
 * near as the k-th true one is a hit (pictures repeat).
 */
import path from 'node:path';
import type { Dataset } from './dataset';
import { readFloats } from './dataset';

const NO_ROW = 0xffffffff;
/** Relative: engines sum in single precision and may order near-ties either way. */
const TIE = 1e-6;

export class Judge {
  readonly #base: Float32Array;
  readonly #queries: Float32Array;
  readonly #limits: Float64Array;
  readonly #scale: number;

  /** @param truth  rows nearest to each query, shape [queries, k], from an exact scan */
  constructor(
    private readonly dataset: Dataset,
    truth: ArrayLike<number>,
    private readonly k: number,
  ) {
    this.#base = readFloats(path.join(dataset.folder, 'base.f32'));
    this.#queries = readFloats(path.join(dataset.folder, 'query.f32'));
    const { queries, metric } = dataset.meta;
    this.#limits = new Float64Array(queries);
    for (let query = 0; query < queries; query++) {
      let worst = -Infinity;
      for (let i = 0; i < k; i++) {
        worst = Math.max(worst, this.#distance(query, truth[query * k + i] ?? NO_ROW));
      }
      this.#limits[query] = worst;
    }
    // Unit vectors have distances around 1; for Euclidean the tie is relative to actual distances.
    this.#scale = metric === 'dot' ? 1 : Math.max(...this.#limits.subarray(0, 100));
  }

  #distance(query: number, row: number): number {
    const { dim, metric } = this.dataset.meta;
    if (row === NO_ROW) return Infinity;
    let sum = 0;
    for (let i = 0; i < dim; i++) {
      const a = this.#queries[query * dim + i] ?? 0;
      const b = this.#base[row * dim + i] ?? 0;
      sum += metric === 'dot' ? a * b : (a - b) ** 2;
    }
    return metric === 'dot' ? 1 - sum : sum;
  }

  /** Mean recall@k. A repeated row counts once. */
  recall(found: ArrayLike<number>): number {
    const { queries } = this.dataset.meta;
    let hits = 0;
    for (let query = 0; query < queries; query++) {
      const limit = (this.#limits[query] ?? 0) + TIE * this.#scale;
      const rows = new Set<number>();
      for (let i = 0; i < this.k; i++) rows.add(found[query * this.k + i] ?? NO_ROW);
      let own = 0;
      for (const row of rows) if (this.#distance(query, row) <= limit) own++;
      hits += Math.min(own, this.k);
    }
    return hits / (queries * this.k);
  }
}
