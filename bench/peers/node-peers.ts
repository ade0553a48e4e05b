/** The engine and the npm packages it is compared with, behind one interface. */
import { existsSync, readFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import path from 'node:path';
import { VectorIndex, type Storage } from '../../lib/vectors';
import type { NodePeer, OpenedPeer, TrialJob } from './contract';

const load = createRequire(__filename);

const seconds = async (work: () => unknown): Promise<number> => {
  const started = performance.now();
  await work();
  return (performance.now() - started) / 1000;
};

/** Searched from the package's entry: `exports` of some packages hide package.json. */
function versionOf(module: string): string {
  for (
    let at = path.dirname(load.resolve(module));
    at !== path.dirname(at);
    at = path.dirname(at)
  ) {
    const file = path.join(at, 'package.json');
    if (!existsSync(file)) continue;
    const { name, version } = JSON.parse(readFileSync(file, 'utf8')) as Record<string, string>;
    if (name === module && version !== undefined) return version;
  }
  return 'unknown';
}

function sightline(storage: Storage): NodePeer {
  return {
    version: (load('../../../package.json') as { version: string }).version,
    async build(base, job) {
      await rm(job.index, { recursive: true, force: true });
      const { dim, metric } = job.meta;
      const index = await VectorIndex.create({
        dim,
        // Rows have unit length, so the order is that of dot, and CLIP is used with cosine.
        metric: metric === 'dot' ? 'cosine' : metric,
        M: job.M,
        efConstruction: job.efConstruction,
        storage,
        path: job.index,
      });
      const took = await seconds(() => index.add(base, { threads: job.threads }));
      const residentBytes = index.stats().bytesResident;
      return { seconds: took, saveSeconds: await seconds(() => index.close()), residentBytes };
    },
    async open(job) {
      const index = await VectorIndex.open(job.index, { readOnly: true, threads: job.threads });
      return (efSearch) => {
        const options = { efSearch };
        return {
          search: (query, k) => index.search(query, k, options),
          rowsOf: (answer) => (answer as { nodes: Uint32Array }).nodes,
          close: () => index.close(),
          warm: () => index.warm({ threads: job.threads }),
        };
      };
    },
  };
}

interface HnswlibIndex {
  initIndex(options: object): void;
  addPoint(point: number[], label: number): void;
  writeIndexSync(file: string): void;
  readIndexSync(file: string): void;
  setEf(ef: number): void;
  searchKnn(query: number[], k: number): { neighbors: number[] };
}

function hnswlibNode(): NodePeer {
  const { HierarchicalNSW } = load('hnswlib-node') as {
    HierarchicalNSW: new (space: string, dim: number) => HnswlibIndex;
  };
  const make = ({ meta }: TrialJob): HnswlibIndex =>
    new HierarchicalNSW(meta.metric === 'dot' ? 'ip' : 'l2', meta.dim);
  return {
    version: versionOf('hnswlib-node'),
    async build(base, job) {
      const { rows, dim } = job.meta;
      const index = make(job);
      index.initIndex({
        maxElements: rows,
        m: job.M,
        efConstruction: job.efConstruction,
        randomSeed: 42,
      });
      const took = await seconds(() => {
        for (let row = 0; row < rows; row++) {
          index.addPoint(Array.from(base.subarray(row * dim, (row + 1) * dim)), row);
        }
      });
      const saveSeconds = await seconds(() => index.writeIndexSync(job.index));
      return { seconds: took, saveSeconds, residentBytes: process.memoryUsage.rss() };
    },
    async open(job) {
      const index = make(job);
      index.readIndexSync(job.index);
      return (efSearch) => {
        index.setEf(efSearch);
        return {
          // It takes arrays only, so the conversion is part of its cost.
          search: (query, k) => index.searchKnn(Array.from(query), k),
          rowsOf: (answer) => (answer as { neighbors: number[] }).neighbors,
          close: async () => undefined,
        };
      };
    },
  };
}

interface UsearchIndex {
  add(keys: BigUint64Array, vectors: Float32Array, threads: number): void;
  search(query: Float32Array, k: number, threads: number): { keys: BigUint64Array };
  save(file: string): void;
  load(file: string): void;
}

function usearch(scalar: 'f32' | 'f16' | 'i8'): NodePeer {
  const { Index } = load('usearch') as { Index: new (options: object) => UsearchIndex };
  const make = ({ meta, M, efConstruction }: TrialJob, efSearch: number): UsearchIndex =>
    new Index({
      dimensions: meta.dim,
      // Its 8-bit form scales every vector by its length, which suits only cosine.
      metric: meta.metric === 'euclidean' ? 'l2sq' : scalar === 'i8' ? 'cos' : 'ip',
      quantization: scalar,
      connectivity: M,
      expansion_add: efConstruction,
      expansion_search: efSearch,
      multi: false,
    });
  return {
    version: versionOf('usearch'),
    async build(base, job) {
      const index = make(job, 64);
      const keys = BigUint64Array.from({ length: job.meta.rows }, (_, row) => BigInt(row));
      const took = await seconds(() => index.add(keys, base, job.threads));
      const saveSeconds = await seconds(() => index.save(job.index));
      return { seconds: took, saveSeconds, residentBytes: process.memoryUsage.rss() };
    },
    async open(job) {
      return (efSearch) => {
        const index = make(job, efSearch);
        index.load(job.index);
        return {
          search: (query, k) => index.search(query, k, 1),
          rowsOf: (answer) => Array.from((answer as { keys: BigUint64Array }).keys, Number),
          close: async () => undefined,
        } satisfies OpenedPeer;
      };
    },
  };
}

const MAKERS: Readonly<Record<string, () => NodePeer>> = {
  sightline: () => sightline('inline'),
  'sightline-f32': () => sightline('f32'),
  'sightline-f16': () => sightline('f16'),
  'sightline-i8': () => sightline('i8'),
  'sightline-i4': () => sightline('i4'),
  'hnswlib-node': hnswlibNode,
  'usearch-f32': () => usearch('f32'),
  'usearch-f16': () => usearch('f16'),
  'usearch-i8': () => usearch('i8'),
};

export function nodePeer(name: string): NodePeer {
  const make = MAKERS[name];
  if (make === undefined) throw new Error(`no peer "${name}"`);
  return make();
}
