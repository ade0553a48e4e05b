/**
 * The benchmark of spec 004 section 10 on a real library: encode, graph search and brute force per
 * query and efSearch, and whole searches through the library's facade.
 */
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { openClip } from '../../lib/encode';
import { findLibrary, openLibrary } from '../../lib/library';
import { prepareSampleLibrary } from '../../lib/library/sample-library';
import { VectorIndex, type Hits } from '../../lib/vectors';
import type { BenchOptions } from '../options';
import { recall, round, summarize, timeMs } from '../statistics';
import type { SuiteResult } from '../suite';
import { formatTable } from '../table';

const SAMPLE_PICTURES = 120;
/** The library's folder of picture and text vectors. */
const SPACE_FOLDER = path.join('spaces', 'clip');

interface PerQuery {
  readonly query: string;
  readonly ef_search: number;
  readonly recall: number;
  readonly hnsw_ms: number;
  readonly brute_ms: number;
  readonly speedup: number;
  /** Frame ids, best first. */
  readonly hnsw_results: number[];
  readonly brute_results: number[];
}

const mean = (values: readonly number[]): number =>
  values.reduce((sum, value) => sum + value, 0) / values.length;

/** Mean of `repeat` calls after a warm-up, and the last result. */
function measure(repeat: number, search: () => Hits): { ms: number; hits: Hits } {
  let hits = search();
  const times = Array.from({ length: repeat }, () => timeMs(() => (hits = search())));
  return { ms: mean(times), hits };
}

async function encodeAll(
  model: string,
  queries: readonly string[],
  repeat: number,
): Promise<{ vectors: Float32Array[]; times: number[] }> {
  const clip = await openClip(model);
  try {
    await clip.text.warm();
    const times: number[] = [];
    const vectors: Float32Array[] = [];
    for (const query of queries) {
      for (let i = 0; i < repeat; i++) {
        const started = performance.now();
        vectors[queries.indexOf(query)] = await clip.text.encode([query]);
        times.push(performance.now() - started);
      }
    }
    return { vectors, times };
  } finally {
    await clip.close();
  }
}

function aggregate(results: readonly PerQuery[], efSearch: readonly number[]): object {
  return Object.fromEntries(
    efSearch.map((ef) => {
      const own = results.filter((result) => result.ef_search === ef);
      return [
        String(ef),
        {
          queries: own.length,
          avg_recall: round(mean(own.map((result) => result.recall))),
          avg_hnsw_ms: round(mean(own.map((result) => result.hnsw_ms))),
          avg_brute_ms: round(mean(own.map((result) => result.brute_ms))),
          avg_speedup: round(mean(own.map((result) => result.speedup))),
        },
      ];
    }),
  );
}

/** The given root, the demo's library if there is one, or a new small sample. */
async function findRoot(given: string | undefined, scratch: string): Promise<string> {
  if (given !== undefined) return path.resolve(given);
  const demo = path.resolve('demo-library');
  if (existsSync(demo) && findLibrary(demo) !== undefined) return demo;
  const sample = path.join(scratch, 'sample');
  await prepareSampleLibrary(sample, { pictures: SAMPLE_PICTURES, videos: 0 });
  await using library = await openLibrary(sample, { model: 'builtin' });
  await library.sync();
  return sample;
}

async function measureBuild(root: string, scratch: string, model: string): Promise<object> {
  const started = performance.now();
  await using library = await openLibrary(root, { dir: path.join(scratch, 'build'), model });
  const report = await library.sync();
  const seconds = (performance.now() - started) / 1000;
  const { frames } = library.stats();
  return { seconds: round(seconds), frames, framesPerSecond: round(frames / seconds), report };
}

async function runIn(scratch: string, options: BenchOptions): Promise<SuiteResult> {
  const { k, repeat, queries } = options;
  const root = await findRoot(options.root, scratch);
  await using library = await openLibrary(root, { readOnly: true });
  const model = library.model.id;
  const stats = library.stats();
  const { vectors, times } = await encodeAll(model, queries, repeat);

  const results: PerQuery[] = [];
  await using index = await VectorIndex.open(path.join(library.dir, SPACE_FOLDER), {
    readOnly: true,
  });
  for (const [i, query] of queries.entries()) {
    const vector = vectors[i] ?? new Float32Array();
    const brute = measure(repeat, () => index.searchExact(vector, k));
    for (const efSearch of options.efSearch) {
      const graph = measure(repeat, () => index.search(vector, k, { efSearch }));
      results.push({
        query,
        ef_search: efSearch,
        recall: round(recall(graph.hits.distances, brute.hits.distances)),
        hnsw_ms: round(graph.ms),
        brute_ms: round(brute.ms),
        speedup: round(brute.ms / graph.ms),
        hnsw_results: Array.from(graph.hits.keys),
        brute_results: Array.from(brute.hits.keys),
      });
    }
  }

  await library.warm();
  const whole: number[] = [];
  for (let i = 0; i < repeat; i++) {
    for (const query of queries) {
      const started = performance.now();
      await library.search({ text: query }, { k });
      whole.push(performance.now() - started);
    }
  }
  const endToEnd = summarize(whole);
  const build = options.measureBuild
    ? await measureBuild(root, scratch, library.model.id)
    : undefined;
  const aggregates = aggregate(results, options.efSearch) as Record<string, Record<string, number>>;
  return {
    top: { encode_ms: round(mean(times)), per_query: results, aggregates },
    data: {
      frames: stats.frames,
      dim: stats.dim,
      model,
      k,
      repeat,
      encode: summarize(times),
      endToEnd,
      ...(build === undefined ? {} : { build }),
    },
    tables: [
      formatTable(
        `query: ${stats.frames} frames x ${stats.dim}, model ${model}, k ${k}; encode ${mean(times).toFixed(2)} ms; ` +
          `whole search p50 ${endToEnd.p50.toFixed(2)} ms, p95 ${endToEnd.p95.toFixed(2)} ms`,
        ['efSearch', 'recall', 'hnsw ms', 'brute ms', 'speedup'],
        Object.entries(aggregates).map(([ef, row]) => [
          ef,
          (row.avg_recall ?? 0).toFixed(3),
          row.avg_hnsw_ms ?? 0,
          row.avg_brute_ms ?? 0,
          row.avg_speedup ?? 0,
        ]),
      ),
    ],
  };
}

export async function querySuite(options: BenchOptions): Promise<SuiteResult> {
  const scratch = await mkdtemp(path.join(tmpdir(), 'sightline-bench-'));
  try {
    return await runIn(scratch, options);
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}
