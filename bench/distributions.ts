/**
 * Row sets of different distributions, each of which violates an assumption that an index may make about its
 * rows. Seeded. Used by the bench suite `distributions` and by tests of the engine's recall.
 */
import { Random } from './clip-like';
import type { Metric } from '../lib/vectors';

export interface Distribution {
  readonly name: string;
  readonly dim: number;
  readonly metric: Metric;
  /** Shape [rows, dim]. */
  readonly rows: Float32Array;
  /** Held-out vectors of the same kind, shape [queries, dim]. */
  readonly queries: Float32Array;
}

type Draw = (random: Random, out: Float32Array, row: number) => void;
type Kind = (dim: number, rows: number, random: Random) => Draw;

const SEED = 20_261_128;
const CLUSTERS = 5;

const gauss: Kind = () => (random, out) => {
  for (let i = 0; i < out.length; i++) out[i] = random.normal();
};

const uniform: Kind = () => (random, out) => {
  for (let i = 0; i < out.length; i++) out[i] = random.unit();
};

/** `isSorted`: cluster by cluster, as frames of scenes arrive. */
function clusters(count: number, spread: number, isSorted: boolean): Kind {
  return (dim, rows, random) => {
    const centres = Float32Array.from({ length: count * dim }, () => random.normal());
    return (draw, out, row) => {
      const own = isSorted && row < rows ? Math.floor((row * count) / rows) : draw.below(count);
      for (let i = 0; i < dim; i++) out[i] = (centres[own * dim + i] ?? 0) + spread * draw.normal();
    };
  };
}

/** Rows with `isFar` are `factor` times as long. Queries are numbered after the rows. */
function outliers(isFar: (row: number, rows: number) => boolean, factor: number): Kind {
  return (_dim, rows) => (random, out, row) => {
    const scale = row < rows && isFar(row, rows) ? factor : 1;
    for (let i = 0; i < out.length; i++) out[i] = random.normal() * scale;
  };
}

const powerLaw: Kind = () => (random, out) => {
  const scale = (1 - random.unit()) ** -0.7;
  for (let i = 0; i < out.length; i++) out[i] = random.normal() * scale;
};

function lowRank(rank: number): Kind {
  return (dim, _rows, random) => {
    const directions = Float32Array.from({ length: rank * dim }, () => random.normal());
    return (draw, out) => {
      out.fill(0);
      for (let j = 0; j < rank; j++) {
        const amount = draw.normal();
        for (let i = 0; i < dim; i++)
          out[i] = (out[i] ?? 0) + amount * (directions[j * dim + i] ?? 0);
      }
      for (let i = 0; i < dim; i++) out[i] = (out[i] ?? 0) + 0.01 * draw.normal();
    };
  };
}

/** Few distinct rows with many copies. */
function copies(different: number): Kind {
  return (dim, rows, random) => {
    const originals = Float32Array.from({ length: different * dim }, () => random.normal());
    return (draw, out, row) => {
      const own = draw.below(different);
      const noise = row < rows ? 0 : 0.2;
      for (let i = 0; i < dim; i++)
        out[i] = (originals[own * dim + i] ?? 0) + noise * draw.normal();
    };
  };
}

const integers: Kind = () => (random, out) => {
  for (let i = 0; i < out.length; i++) out[i] = random.below(8);
};

/** Histograms of 500 samples, most of them in a few bins. */
const histograms: Kind = () => (random, out) => {
  out.fill(0);
  const middle = random.unit() * out.length;
  for (let i = 0; i < 500; i++) {
    const bin = Math.floor(Math.abs(middle + random.normal() * 12)) % out.length;
    out[bin] = (out[bin] ?? 0) + 1;
  }
};

/** Three one-hot categories: few different distances. */
const oneHot: Kind = () => (random, out) => {
  out.fill(0);
  for (let group = 0; group < 3; group++) {
    const size = Math.floor(out.length / 3);
    out[group * size + random.below(size)] = 1;
  }
};

interface Entry {
  readonly name: string;
  readonly dim: number;
  readonly metric: Metric;
  readonly kind: Kind;
}

const entry = (name: string, dim: number, metric: Metric, kind: Kind): Entry => ({
  ...{ name, dim, metric, kind },
});

const ENTRIES: readonly Entry[] = [
  entry('tight clusters, sorted', 64, 'cosine', clusters(CLUSTERS, 0.02, true)),
  entry('tight clusters, shuffled', 64, 'cosine', clusters(CLUSTERS, 0.02, false)),
  entry('tighter clusters, sorted', 64, 'euclidean', clusters(CLUSTERS, 0.01, true)),
  entry('loose clusters, sorted', 64, 'euclidean', clusters(40, 0.5, true)),
  entry('loose clusters, shuffled', 64, 'euclidean', clusters(40, 0.5, false)),
  entry('scenes, sorted', 128, 'cosine', clusters(80, 0.1, true)),
  entry(
    'one row of 1e8',
    32,
    'euclidean',
    outliers((row) => row === 7, 1e8),
  ),
  entry(
    '1 % of rows at 1e3',
    32,
    'euclidean',
    outliers((row) => row % 100 === 50, 1e3),
  ),
  entry('power-law norms', 64, 'euclidean', powerLaw),
  entry('power-law norms', 64, 'dot', powerLaw),
  entry('rank 8', 512, 'cosine', lowRank(8)),
  entry('50 rows, copied', 64, 'cosine', copies(50)),
  entry('integers 0 to 7', 16, 'euclidean', integers),
  entry('histograms', 128, 'euclidean', histograms),
  entry('one-hot', 96, 'euclidean', oneHot),
  entry('one-hot', 96, 'cosine', oneHot),
  entry('uniform', 1, 'euclidean', uniform),
  entry('uniform', 2, 'euclidean', uniform),
  entry('uniform', 3, 'euclidean', uniform),
  entry('gauss', 3, 'cosine', gauss),
  entry('gauss', 31, 'cosine', gauss),
  entry('gauss', 31, 'euclidean', gauss),
  entry('uniform', 128, 'cosine', uniform),
  entry('gauss', 128, 'dot', gauss),
  entry('rank 24', 1536, 'cosine', lowRank(24)),
  entry('rank 24', 4096, 'cosine', lowRank(24)),
];

export const labelOf = ({ name, dim, metric }: Omit<Entry, 'kind'>): string =>
  `${name}, ${dim}-d, ${metric}`;

/** A generator, so that only one set is in memory. */
export function* drawDistributions(
  rows: number,
  queries: number,
  isWanted: (label: string) => boolean = () => true,
): Generator<Distribution> {
  for (const [i, { name, dim, metric, kind }] of ENTRIES.entries()) {
    if (!isWanted(labelOf({ name, dim, metric }))) continue;
    const random = new Random(SEED + i);
    const draw = kind(dim, rows, random);
    const all = new Float32Array((rows + queries) * dim);
    for (let row = 0; row < rows + queries; row++) {
      draw(random, all.subarray(row * dim, (row + 1) * dim), row);
    }
    yield {
      ...{ name, dim, metric },
      rows: all.slice(0, rows * dim),
      queries: all.slice(rows * dim),
    };
  }
}
