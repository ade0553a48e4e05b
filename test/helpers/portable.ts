/** The portable engine, where it is built (`npm run build:wasm`; needs Emscripten). */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import path from 'node:path';
import { PACKAGE_ROOT } from '../../lib/base/package-root';
import { wasmFileOf } from '../../lib/native/candidates';
import type { VectorIndex } from '../../lib/engine';
import { clipLike } from './vectors';

export const PORTABLE = wasmFileOf(PACKAGE_ROOT);

export const noPortable = existsSync(PORTABLE)
  ? undefined
  : 'the portable engine is not built: npm run build:wasm';

export const DIM = 100; // no multiple of what registers hold
export const K = 10;
export const QUERIES = 60;

export interface Found {
  readonly kernel: string;
  readonly keys: number[];
  readonly distances: number[];
}

/** What both engines are asked. */
export function findIn(index: VectorIndex, exact: boolean): Found {
  const queries = clipLike(QUERIES, DIM, 3, 1);
  const found: Found = { kernel: index.stats().kernel, keys: [], distances: [] };
  for (let q = 0; q < QUERIES; q++) {
    const query = queries.subarray(q * DIM, (q + 1) * DIM);
    const hits = exact ? index.searchExact(query, K) : index.search(query, K, { efSearch: 60 });
    found.keys.push(...hits.keys);
    found.distances.push(...hits.distances);
  }
  return found;
}

/** Share of the true neighbors that were found. */
export function recallOf(found: Found, truth: Found): number {
  let hits = 0;
  for (let q = 0; q < QUERIES; q++) {
    const expected = new Set(truth.keys.slice(q * K, (q + 1) * K));
    hits += found.keys.slice(q * K, (q + 1) * K).filter((key) => expected.has(key)).length;
  }
  return hits / (QUERIES * K);
}

/** Runs a program on the portable engine, with `VectorIndex`, `input` and these helpers in scope; gives what it returns. */
export function onPortable(
  program: string,
  input: unknown = null,
  env: Record<string, string> = {},
): unknown {
  const engine = path.resolve(__dirname, '../../lib/engine.js');
  const vectors = path.resolve(__dirname, 'vectors.js');
  const code = `
    const { VectorIndex } = require(${JSON.stringify(engine)});
    const { clipLike, noise } = require(${JSON.stringify(vectors)});
    const { findIn } = require(${JSON.stringify(__filename)});
    const input = JSON.parse(require('node:fs').readFileSync(0, 'utf8'));
    (async () => { ${program} })().then(
      (value) => console.log(JSON.stringify(value ?? null)),
      (error) => console.log(JSON.stringify({ code: error.code, message: error.message })));`;
  const run = spawnSync(process.execPath, ['-e', code], {
    env: { ...process.env, SIGHTLINE_ADDON: PORTABLE, ...env },
    input: JSON.stringify(input),
    encoding: 'utf8',
    maxBuffer: 1 << 28,
  });
  if (run.status !== 0 || run.stdout === '') throw new Error(`${run.status}: ${run.stderr}`);
  return JSON.parse(run.stdout) as unknown;
}
