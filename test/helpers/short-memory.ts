/**
 * Main file of a child that limits its own address space (`prlimit`) to little more than it has, and then
 * asks for results that do not fit. Prints one line of JSON: what each call ended with.
 */
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { VectorIndex } from '../../lib/engine';

const DIM = 4;
const ROWS = 20_000;
const SPARE_BYTES = 40 << 20;

/** The code of what a call fails with, the name of what has none, or `ok`. */
async function outcomeOf(call: () => unknown): Promise<string> {
  try {
    await call();
    return 'ok';
  } catch (error) {
    const { code, name } = error as { code?: string; name: string };
    return code ?? name;
  }
}

async function main(): Promise<void> {
  const folder = process.argv[2] ?? '';
  await using index = await VectorIndex.create({ dim: DIM, M: 4, efConstruction: 20 });
  const vectors = Float32Array.from({ length: ROWS * DIM }, (_, i) => Math.sin(i * 7.7));
  await index.add(vectors);
  const query = vectors.subarray(0, DIM);
  const before = [...index.search(query, 5).keys];
  const rows = new Uint32Array(8_000_000).fill(3);
  const keys = Float64Array.from({ length: 20_000_000 }, (_, i) => i % ROWS);
  const queries = new Float32Array(2000 * DIM).fill(0.5);
  (globalThis as { gc?: () => void }).gc?.();
  const used =
    Number(/VmSize:\s+(\d+)/.exec(readFileSync('/proc/self/status', 'utf8'))?.[1]) * 1024;
  const limit = String(used + SPARE_BYTES);
  execFileSync('prlimit', ['--pid', String(process.pid), `--as=${limit}`]);

  const calls: Record<string, () => unknown> = {
    vectors: () => index.vectors(rows),
    keysOf: () => index.keys64Of(rows),
    searchBatch: () => index.searchBatch(queries, 10_000),
    'searchBatch, exact': () => index.searchBatch(queries, 10_000, { exact: true }),
    'a filter of keys': () => index.search(query, 5, { filter: keys }),
    compileFilter: () => index.compileFilter(keys),
  };
  const outcomes: Record<string, string> = {};
  for (const [name, call] of Object.entries(calls)) outcomes[name] = await outcomeOf(call);
  const after = [...index.search(query, 5).keys];
  outcomes.export = await outcomeOf(() => index.exportFile(path.join(folder, 'out.npy')));
  const { ok } = await index.verify();
  const left = readdirSync(folder).sort();
  process.stdout.write(JSON.stringify({ outcomes, before, after, ok, left, count: index.count }));
}

void main();
