/**
 * Data sets as files, so that all peers read the same bytes. Kept under bench-results/data, in a folder whose
 * name depends on the generator.
 */
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { gunzipSync } from 'node:zlib';
import { makeClipLike } from '../clip-like';
import type { DatasetMeta, DatasetMetric } from './contract';

export const DATASETS = ['clip-like', 'clip-real', 'mnist784'] as const;
export type DatasetName = (typeof DATASETS)[number];

/** From dist/bench/peers to the package; real data is beside it. */
const root = path.resolve(__dirname, '../../..');
const shared = path.resolve(root, '../shared/data');

export interface Dataset {
  readonly folder: string;
  readonly meta: DatasetMeta;
}

interface Raw {
  readonly base: Float32Array;
  readonly queries: Float32Array;
  readonly dim: number;
  readonly metric: DatasetMetric;
  readonly source: string;
}

/** Copies the floats of a file. */
export function readFloats(file: string): Float32Array {
  const bytes = readFileSync(file);
  const floats = new Float32Array(bytes.length / 4);
  new Uint8Array(floats.buffer).set(bytes);
  return floats;
}

function clipLike(rows: number, queries: number, dim: number): Raw {
  const set = makeClipLike(rows, queries, dim);
  return {
    base: set.rows,
    queries: set.queries,
    dim,
    metric: 'dot',
    source: `generated, seed ${set.seed}, mean cosine ${set.meanCosine.toFixed(2)}`,
  };
}

/** Rows of a version 1.0 little-endian float32 .npy, scaled to unit length. */
function unitRowsOfNpy(file: string): { rows: Float32Array; dim: number } {
  const bytes = readFileSync(file);
  const header = bytes.toString('latin1', 10, 10 + bytes.readUInt16LE(8));
  const dim = Number(/\(\d+, (\d+)\)/.exec(header)?.[1]);
  if (!header.includes("'<f4'") || !(dim > 0)) throw new Error(`${file}: not float32 rows`);
  const data = bytes.subarray(10 + header.length);
  const rows = new Float32Array(data.length / 4);
  new Uint8Array(rows.buffer).set(data);
  for (let at = 0; at < rows.length; at += dim) {
    const row = rows.subarray(at, at + dim);
    const length = Math.hypot(...row);
    for (let i = 0; i < dim; i++) row[i] = (row[i] ?? 0) / length;
  }
  return { rows, dim };
}

/** Every 16th real vector is a query. */
function clipReal(): Raw | undefined {
  const files = ['clip-products.1212x512.npy', 'clip-augmented-groups.1100x512.npy'].map((name) =>
    path.join(shared, 'vectors', name),
  );
  if (!files.every((file) => existsSync(file))) return undefined;
  const parts = files.map(unitRowsOfNpy);
  const dim = parts[0]?.dim ?? 0;
  const all = parts.flatMap(({ rows }) =>
    Array.from({ length: rows.length / dim }, (_, i) => rows.subarray(i * dim, (i + 1) * dim)),
  );
  const join = (rows: readonly Float32Array[]): Float32Array => {
    const joined = new Float32Array(rows.length * dim);
    for (const [i, row] of rows.entries()) joined.set(row, i * dim);
    return joined;
  };
  return {
    base: join(all.filter((_, i) => i % 16 !== 0)),
    queries: join(all.filter((_, i) => i % 16 === 0)),
    dim,
    metric: 'dot',
    source: 'CLIP ViT-B/32 of real pictures',
  };
}

function mnist(rows: number, queries: number): Raw | undefined {
  const [base, query] = ['mnist784_base.u8.gz', 'mnist784_query.u8.gz'].map((name) =>
    path.join(shared, 'ann', name),
  );
  if (base === undefined || query === undefined || !existsSync(base) || !existsSync(query)) {
    return undefined;
  }
  const dim = 784;
  const read = (file: string, count: number): Float32Array =>
    Float32Array.from(gunzipSync(readFileSync(file)).subarray(0, count * dim));
  return {
    base: read(base, Math.min(rows, 60_000)),
    queries: read(query, queries),
    dim,
    metric: 'euclidean',
    source: 'MNIST digits, bytes as floats',
  };
}

function make(name: DatasetName, rows: number, queries: number, dim: number): Raw | undefined {
  if (name === 'clip-like') return clipLike(rows, queries, dim);
  return name === 'clip-real' ? clipReal() : mnist(rows, queries);
}

/** Part of the folder's name: the bytes depend on the generator. */
function generatorHash(): string {
  const sources = [path.join(__dirname, 'dataset.js'), path.join(__dirname, '../clip-like.js')];
  const hash = createHash('sha256');
  for (const file of sources) hash.update(readFileSync(file));
  return hash.digest('hex').slice(0, 8);
}

/**
 * @param cache  folder of prepared sets
 * @returns undefined if the data is not on this machine
 */
export function prepareDataset(
  name: DatasetName,
  size: { readonly rows: number; readonly queries: number; readonly dim: number },
  cache: string,
): Dataset | undefined {
  const { rows, queries, dim } = size;
  const folder = path.join(cache, `${name}-${rows}-${queries}-${dim}-${generatorHash()}`);
  const metaFile = path.join(folder, 'meta.json');
  if (existsSync(metaFile)) {
    return { folder, meta: JSON.parse(readFileSync(metaFile, 'utf8')) as DatasetMeta };
  }
  const raw = make(name, rows, queries, dim);
  if (raw === undefined) return undefined;
  mkdirSync(folder, { recursive: true });
  const bytes = new Uint8Array(raw.base.buffer, raw.base.byteOffset, raw.base.byteLength);
  writeFileSync(path.join(folder, 'base.f32'), bytes);
  writeFileSync(
    path.join(folder, 'query.f32'),
    new Uint8Array(raw.queries.buffer, raw.queries.byteOffset, raw.queries.byteLength),
  );
  const meta: DatasetMeta = {
    name,
    rows: raw.base.length / raw.dim,
    dim: raw.dim,
    queries: raw.queries.length / raw.dim,
    metric: raw.metric,
    sha256: createHash('sha256').update(bytes).digest('hex'),
    source: raw.source,
  };
  // Written last and renamed: a set with this file is complete.
  writeFileSync(`${metaFile}.new`, `${JSON.stringify(meta, null, 2)}\n`);
  renameSync(`${metaFile}.new`, metaFile);
  return { folder, meta };
}
