/** Recall of the engine and of hnswlib on a set of rows, with equal parameters. */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { VectorIndex, type Storage } from '../../lib/vectors';
import type { Distribution } from '../distributions';
import type { DatasetMeta } from './contract';
import { findPeers } from './names';
import { runTrial } from './run-trial';

export const SETTINGS = { M: 16, efConstruction: 200, efSearch: 50, k: 10 };
/** Relative: engines sum in single precision and may order near-ties either way. */
const TIE = 1e-5;
const NO_ROW = 0xffffffff;

export interface PeerAnswer {
  readonly recall: number;
  readonly buildSeconds: number;
}

export interface EngineAnswer extends PeerAnswer {
  readonly codes: { readonly used: boolean; readonly reason: string };
}

/** Computes distances in double precision. */
export class DistributionJudge {
  readonly #set: Distribution;
  readonly #rows: Float32Array;
  readonly #queries: Float32Array;
  readonly #limits: Float64Array;

  constructor(set: Distribution) {
    this.#set = set;
    const isCosine = set.metric === 'cosine';
    this.#rows = isCosine ? unitRows(set.rows, set.dim) : set.rows;
    this.#queries = isCosine ? unitRows(set.queries, set.dim) : set.queries;
    const queries = set.queries.length / set.dim;
    const count = set.rows.length / set.dim;
    this.#limits = new Float64Array(queries);
    const all = new Float64Array(count);
    for (let query = 0; query < queries; query++) {
      for (let row = 0; row < count; row++) all[row] = this.#distance(query, row);
      const worst = all.sort()[SETTINGS.k - 1] ?? Infinity;
      // A cosine distance near 0 is a difference of numbers near 1.
      const floor = isCosine ? 1e-6 : 0;
      this.#limits[query] = worst + Math.max(TIE * Math.abs(worst), floor);
    }
  }

  #distance(query: number, row: number): number {
    const { dim, metric } = this.#set;
    const a = query * dim;
    const b = row * dim;
    let sum = 0;
    if (metric === 'euclidean') {
      for (let i = 0; i < dim; i++)
        sum += ((this.#queries[a + i] ?? 0) - (this.#rows[b + i] ?? 0)) ** 2;
      return Math.sqrt(sum);
    }
    for (let i = 0; i < dim; i++) sum += (this.#queries[a + i] ?? 0) * (this.#rows[b + i] ?? 0);
    return metric === 'cosine' ? 1 - sum : -sum;
  }

  /** @param found  shape [queries, k] */
  recall(found: ArrayLike<number>): number {
    const { k } = SETTINGS;
    let hits = 0;
    for (const [query, limit] of this.#limits.entries()) {
      const own = new Set<number>();
      for (let i = 0; i < k; i++) own.add(found[query * k + i] ?? NO_ROW);
      own.delete(NO_ROW);
      for (const row of own) if (this.#distance(query, row) <= limit) hits++;
    }
    return hits / (this.#limits.length * k);
  }
}

export async function recallOfEngine(
  index: VectorIndex,
  judge: DistributionJudge,
  set: Distribution,
) {
  const { k, efSearch } = SETTINGS;
  const found = await index.searchBatch(set.queries, k, { efSearch });
  return judge.recall(found.nodes);
}

export async function askEngine(
  set: Distribution,
  storage: Storage,
  judge: DistributionJudge,
  threads: number,
): Promise<EngineAnswer> {
  const { dim, metric } = set;
  const { M, efConstruction } = SETTINGS;
  await using index = await VectorIndex.create({ dim, metric, storage, M, efConstruction });
  const started = performance.now();
  // A copy, because the rows are used again.
  await index.add(set.rows.slice(), { threads });
  await index.warm();
  const buildSeconds = (performance.now() - started) / 1000;
  const recall = await recallOfEngine(index, judge, set);
  return { recall, buildSeconds, codes: index.stats().codes };
}

/** Undefined if hnswlib is not installed. */
export async function askHnswlib(
  set: Distribution,
  judge: DistributionJudge,
  folder: string,
  threads: number,
): Promise<PeerAnswer | undefined> {
  const peer = findPeers(['hnswlib']).peers.find(({ name }) => name === 'hnswlib');
  if (peer === undefined) return undefined;
  const { dim, metric } = set;
  const isCosine = metric === 'cosine';
  mkdirSync(folder, { recursive: true });
  const write = (name: string, rows: Float32Array): void =>
    writeFileSync(
      path.join(folder, name),
      new Uint8Array((isCosine ? unitRows(rows, dim) : rows.slice()).buffer),
    );
  write('base.f32', set.rows);
  write('query.f32', set.queries);
  const meta: DatasetMeta = {
    name: set.name,
    rows: set.rows.length / dim,
    dim,
    queries: set.queries.length / dim,
    metric: metric === 'euclidean' ? 'euclidean' : 'dot',
    sha256: '',
    source: 'generated',
  };
  const { M, efConstruction, efSearch, k } = SETTINGS;
  const job = {
    ...{ peer: peer.name, dataset: folder, meta, index: path.join(folder, 'hnswlib.bin') },
    ...{ M, efConstruction, threads, k, efSearch: [efSearch] },
  };
  const { seconds } = await runTrial(peer, { ...job, task: 'build' });
  const { points } = await runTrial(peer, { ...job, task: 'search' });
  rmSync(folder, { recursive: true });
  const bytes = Buffer.from(points[0]?.found ?? '', 'base64');
  const found = Array.from({ length: bytes.length / 4 }, (_, i) => bytes.readUInt32LE(4 * i));
  return { recall: judge.recall(found), buildSeconds: seconds };
}

function unitRows(rows: Float32Array, dim: number): Float32Array {
  const out = rows.slice();
  for (let at = 0; at < out.length; at += dim) {
    let sum = 0;
    for (let i = at; i < at + dim; i++) sum += (out[i] ?? 0) ** 2;
    const scale = sum === 0 ? 0 : 1 / Math.sqrt(sum);
    for (let i = at; i < at + dim; i++) out[i] = (out[i] ?? 0) * scale;
  }
  return out;
}
