/** Command line of the benchmarks: `[root] --name value [value ...]`, with lists as in spec 004. */

import path from 'node:path';
import type { Storage } from '../lib/vectors';
import { DATASETS, type DatasetName } from './peers/dataset';
import { PEERS } from './peers/names';

export const SUITES = [
  'kernels',
  'build',
  'search',
  'peers',
  'distributions',
  'filtered',
  'metadata',
  'batch',
  'open',
  'churn',
  'loop',
  'overhead',
  'service',
  'exr',
  'exr-search',
  'query',
] as const;
export type SuiteName = (typeof SUITES)[number];

export interface BenchOptions {
  readonly suites: readonly SuiteName[];
  /** Library for the suite `query`; undefined: the demo's, or a small sample. */
  readonly root?: string;
  readonly queries: readonly string[];
  readonly efSearch: readonly number[];
  readonly k: number;
  readonly repeat: number;
  readonly measureBuild: boolean;
  readonly rows: readonly number[];
  readonly dim: number;
  readonly threads: number;
  readonly output: string;
  /** Data sets and peers of the comparison; empty peers: all installed. */
  readonly datasets: readonly DatasetName[];
  readonly peers: readonly string[];
  readonly buildThreads: readonly number[];
  /** For the suites `search` and `filtered`; empty: the suite's default. */
  readonly storages: readonly Storage[];
  /** Folder for plots; undefined: none. */
  readonly plots?: string;
  /** Names the indexes of this run, so that no index of another build is reused. */
  readonly run: string;
}

/** Rows of the comparison with peers and of the suites that share its index. */
export const comparedRows = ({ rows }: BenchOptions): number => Math.max(...rows);

export const STORAGES: readonly Storage[] = ['f32', 'f16', 'i8', 'i4', 'inline'];
export const FULL_ROWS = 100_000;

export const USAGE = `usage: bench [root] [options]
  --suite NAME...        ${SUITES.join(' | ')} | all (default all;
                         query when a root or --queries is given)
  --queries TEXT...      sample prompts of the query suite
  --queries-file FILE    one prompt a line
  --ef-search N...       candidate list sizes, each >= k
  --k N                  results asked for (default 10)
  --repeat N             measurements of each query, rounds of the comparison (default 5)
  --measure-build        also time the whole pipeline into a temporary library (slow)
  --rows N...            rows of the generated sets (default 5000 20000)
  --dim N                their dimension (default 512)
  --threads N            threads of the build suite (default: all)
  --full                 the same as --rows ${FULL_ROWS}: a quarter of an hour and more
  --dataset NAME...      of the comparison with peers: clip-like | clip-real | mnist784 (default all here)
  --peer NAME...         sightline-f32 | sightline-f16 | sightline-i8 | sightline-i4 | hnswlib | hnswlib-node | usearch-f32 | usearch-f16 | usearch-i8 | faiss
                         (default all installed; hnswlib and faiss are those of the system's Python,
                         hnswlib-node comes with: npm install --no-save hnswlib-node)
  --build-threads N...   of the comparison (default 1 and --threads)
  --storage NAME...      of the suites search (default f32), distributions (default all) and filtered (default inline): ${STORAGES.join(' | ')}
  --plots [DIR]          draw the curves as SVG (default docs/bench)
  --output FILE          where the JSON goes (default bench-results/latest.json)
`;

export const DEFAULT_QUERIES = [
  'a red heart',
  'a blue star on a yellow background',
  'four striped green hearts on water',
  'three yellow crosses at night',
  'two circles',
];
export const DEFAULT_EF_SEARCH = [16, 32, 64, 128, 256];

export class UsageError extends Error {}

/** Values by option; '' has those before the first option. */
export function splitArguments(args: readonly string[]): Map<string, string[]> {
  const found = new Map<string, string[]>([['', []]]);
  let current = '';
  for (const arg of args) {
    if (arg.startsWith('--')) {
      const [name = '', ...inline] = arg.slice(2).split('=');
      current = name;
      if (!found.has(current)) found.set(current, []);
      if (inline.length > 0) found.get(current)?.push(inline.join('='));
    } else {
      found.get(current)?.push(arg);
    }
  }
  return found;
}

function wholeNumbers(name: string, values: readonly string[], low: number): number[] {
  return values
    .flatMap((value) => value.split(','))
    .map((value) => {
      const number = Number(value);
      if (!Number.isInteger(number) || number < low)
        throw new UsageError(`--${name}: expected whole numbers from ${low}, received "${value}"`);
      return number;
    });
}

/**
 * @param readLines  returns the lines of a file; a parameter, so that this function is pure
 * @throws UsageError
 */
export function readOptions(
  args: readonly string[],
  defaults: { readonly threads: number; readonly output: string; readonly run?: string },
  readLines: (file: string) => string[],
): BenchOptions {
  const given = splitArguments(args);
  const known =
    /^(|suite|queries(-file)?|ef-search|k|repeat|measure-build|rows|dim|(build-)?threads|output|full|dataset|peer|storage|plots)$/;
  for (const name of given.keys())
    if (!known.test(name)) throw new UsageError(`unknown option --${name}`);
  const texts = (name: string): string[] | undefined => {
    const values = given.get(name);
    if (values?.length === 0) throw new UsageError(`--${name} needs a value`);
    return values;
  };
  const one = (name: string, fallback: number, low = 1): number =>
    wholeNumbers(name, texts(name) ?? [], low).at(-1) ?? fallback;
  const many = (name: string, fallback: readonly number[], low: number): readonly number[] =>
    given.has(name) ? wholeNumbers(name, texts(name) ?? [], low) : fallback;

  const fromFile = (texts('queries-file') ?? []).flatMap((file) => readLines(file));
  const queries = [...(texts('queries') ?? []), ...fromFile].filter((line) => line.trim() !== '');
  const k = one('k', 10);
  const efSearch = many('ef-search', DEFAULT_EF_SEARCH, 1);
  const tooSmall = given.has('ef-search') && efSearch.find((ef) => ef < k);
  if (typeof tooSmall === 'number')
    throw new UsageError(`--ef-search ${tooSmall} is smaller than --k ${k}`);
  const root = given.get('')?.at(0);
  const isAboutLibrary = root !== undefined || queries.length > 0;
  const named = (texts('suite') ?? [isAboutLibrary ? 'query' : 'all']).flatMap((name) =>
    name.split(','),
  );
  const wrong = named.find((name) => name !== 'all' && !SUITES.some((suite) => suite === name));
  if (wrong !== undefined) throw new UsageError(`unknown suite "${wrong}"`);
  const datasets = (texts('dataset') ?? DATASETS).flatMap((name) => name.split(','));
  const unknown = datasets.find((name) => !DATASETS.some((dataset) => dataset === name));
  if (unknown !== undefined) throw new UsageError(`unknown data set "${unknown}"`);
  const peers = (texts('peer') ?? []).flatMap((name) => name.split(','));
  const noPeer = peers.find((name) => !PEERS.some((peer) => peer.name === name));
  if (noPeer !== undefined) throw new UsageError(`unknown peer "${noPeer}"`);
  const storages = (texts('storage') ?? []).flatMap((name) => name.split(','));
  const noStorage = storages.find((name) => !STORAGES.some((storage) => storage === name));
  if (noStorage !== undefined) throw new UsageError(`unknown storage "${noStorage}"`);
  const threads = one('threads', defaults.threads);
  const plots = given.get('plots');
  return {
    suites: SUITES.filter((suite) => named.includes('all') || named.includes(suite)),
    ...(root === undefined ? {} : { root }),
    queries: queries.length > 0 ? queries : DEFAULT_QUERIES,
    efSearch: [...efSearch].filter((ef) => ef >= k).sort((a, b) => a - b),
    k,
    repeat: one('repeat', 5),
    measureBuild: given.has('measure-build'),
    rows: many('rows', given.has('full') ? [FULL_ROWS] : [5000, 20000], 100),
    dim: one('dim', 512, 2),
    threads,
    output: texts('output')?.at(-1) ?? defaults.output,
    datasets: DATASETS.filter((name) => datasets.includes(name)),
    peers,
    storages: STORAGES.filter((name) => storages.includes(name)),
    buildThreads: [...new Set(many('build-threads', [1, threads], 1))],
    ...(plots === undefined ? {} : { plots: plots.at(-1) ?? path.join('docs', 'bench') }),
    run: defaults.run ?? 'run',
  };
}
