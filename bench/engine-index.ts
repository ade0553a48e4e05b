/** The index of generated rows that suites of one run share. */
import { existsSync, readdirSync, rmSync } from 'node:fs';
import path from 'node:path';
import { VectorIndex } from '../lib/vectors';
import { comparedRows, type BenchOptions } from './options';
import { prepareDataset, readFloats, type Dataset } from './peers/dataset';

/** Data sets and indexes; a few hundred megabytes at 100,000 rows. */
export const CACHE = path.join('bench-results', 'data');
const QUERIES = 1000;

export interface EngineIndex {
  readonly dataset: Dataset;
  readonly folder: string;
  readonly base: Float32Array;
  readonly queries: Float32Array[];
}

export const runFolder = (dataset: Dataset, run: string): string =>
  path.join(dataset.folder, `sightline-${run}`);

export function rowsOf(vectors: Float32Array, dim: number): Float32Array[] {
  return Array.from({ length: vectors.length / dim }, (_, i) =>
    vectors.slice(i * dim, (i + 1) * dim),
  );
}

export async function engineIndex(options: BenchOptions): Promise<EngineIndex> {
  const size = { rows: comparedRows(options), queries: QUERIES, dim: options.dim };
  const dataset = prepareDataset('clip-like', size, CACHE);
  if (dataset === undefined) throw new Error('generated rows are always there');
  const base = readFloats(path.join(dataset.folder, 'base.f32'));
  const flat = readFloats(path.join(dataset.folder, 'query.f32'));
  const folder = runFolder(dataset, options.run);
  if (!existsSync(folder)) {
    await using index = await VectorIndex.create({
      dim: options.dim,
      storage: 'inline',
      path: folder,
    });
    await index.add(base, { threads: options.threads });
  }
  return { dataset, folder, base, queries: rowsOf(flat, options.dim) };
}

/** Removes a run's own indexes; data sets and the peers' indexes stay for the next run. */
export function removeRun(run: string): void {
  if (!existsSync(CACHE)) return;
  for (const name of readdirSync(CACHE)) {
    const folder = path.join(CACHE, name);
    for (const entry of readdirSync(folder)) {
      if (!entry.startsWith(`sightline-${run}`)) continue;
      rmSync(path.join(folder, entry), { recursive: true, force: true });
    }
  }
}
