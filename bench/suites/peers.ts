/**
 * Compares the engine with peers on the same data: build, file, memory, and recall against speed.
 *
 * Every peer builds once per number of threads; then search trials run interleaved, each in a fresh process,
 * in an order that rotates between rounds. Figures are medians over rounds. Speed is per CPU time of the
 * searching thread, which other programs disturb less; the JSON also has wall time.
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { VectorIndex } from '../../lib/vectors';
import { median, qpsAt, type Curve } from '../curves';
import { CACHE, runFolder } from '../engine-index';
import { comparedRows, DEFAULT_EF_SEARCH, type BenchOptions } from '../options';
import type { BuildFigures, SearchFigures, TrialJob } from '../peers/contract';
import { prepareDataset, readFloats, type Dataset, type DatasetName } from '../peers/dataset';
import { Judge } from '../peers/judge';
import { findPeers, isOurs, OURS, type PeerName } from '../peers/names';
import { runTrial } from '../peers/run-trial';
import { plotCurves } from '../plot';
import { round } from '../statistics';
import type { SuiteResult } from '../suite';
import { formatTable, type Cell } from '../table';

const QUERIES = 1000;
const M = 16;
const EF_CONSTRUCTION = 200;
const EF_SEARCH = [10, 16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512, 800];
const RECALLS = [0.9, 0.95, 0.99] as const;

interface PeerResult {
  readonly name: string;
  readonly version: string;
  readonly note?: string;
  readonly builds: readonly ({ readonly threads: number } & BuildFigures)[];
  readonly openMs: number;
  readonly firstAnswerMs: number;
  readonly residentBytes: number;
  readonly maxRecall: number;
  readonly points: readonly {
    readonly efSearch: number;
    readonly recall: number;
    /** Per second of CPU time: median and extremes of the rounds. */
    readonly qps: number;
    readonly qpsMin: number;
    readonly qpsMax: number;
    readonly wallQps: number;
  }[];
}

function jobFor(dataset: Dataset, peer: PeerName, threads: number, options: BenchOptions) {
  const own = runFolder(dataset, options.run);
  return {
    peer: peer.name,
    dataset: path.resolve(dataset.folder),
    meta: dataset.meta,
    index: path.resolve(
      isOurs(peer.name)
        ? own + peer.name.slice(OURS.length)
        : path.join(dataset.folder, `${peer.name}-${threads}`),
    ),
    M,
    efConstruction: EF_CONSTRUCTION,
    threads,
    k: options.k,
    efSearch: options.efSearch.join() === DEFAULT_EF_SEARCH.join() ? EF_SEARCH : options.efSearch,
  } satisfies Omit<TrialJob, 'task'>;
}

/** A peer's index is kept with its figures; the engine's is built in every run. */
async function build(
  dataset: Dataset,
  peer: PeerName,
  threads: number,
  options: BenchOptions,
): Promise<BuildFigures> {
  const job = jobFor(dataset, peer, threads, options);
  const kept = `${job.index}.json`;
  if (!isOurs(peer.name) && existsSync(kept) && existsSync(job.index)) {
    return JSON.parse(readFileSync(kept, 'utf8')) as BuildFigures;
  }
  const figures = await runTrial(peer, { ...job, task: 'build' });
  if (!isOurs(peer.name)) writeFileSync(kept, JSON.stringify(figures));
  return figures;
}

async function buildAll(
  dataset: Dataset,
  peers: readonly PeerName[],
  options: BenchOptions,
): Promise<Map<string, PeerResult['builds']>> {
  const builds = new Map<string, PeerResult['builds']>();
  for (const threads of options.buildThreads) {
    for (const peer of peers) {
      const isLast = threads === options.buildThreads.at(-1);
      // A peer with one thread is built once.
      if (!peer.hasThreads && !isLast) continue;
      const figures = await build(dataset, peer, threads, options);
      const own = { ...figures, threads: peer.hasThreads ? threads : 1 };
      builds.set(peer.name, [...(builds.get(peer.name) ?? []), own]);
    }
  }
  return builds;
}

async function exactRows(dataset: Dataset, options: BenchOptions): Promise<Uint32Array> {
  await using index = await VectorIndex.open(runFolder(dataset, options.run), { readOnly: true });
  const queries = readFloats(path.join(dataset.folder, 'query.f32'));
  return (await index.searchBatch(queries, options.k, { exact: true })).nodes;
}

function decode(found: string): Uint32Array {
  const bytes = Buffer.from(found, 'base64');
  return new Uint32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length));
}

function resultOf(
  peer: PeerName,
  rounds: readonly SearchFigures[],
  builds: PeerResult['builds'],
  judge: Judge,
): PeerResult {
  const [first] = rounds;
  if (first === undefined) throw new Error(`${peer.name} was never searched`);
  const points = first.points.map(({ efSearch, found }, at) => {
    const all = rounds.map((figures) => figures.points[at]);
    const rates = all.map((point) => point?.cpuQps ?? Number.NaN);
    return {
      efSearch,
      recall: round(judge.recall(decode(found)), 5),
      qps: round(median(rates)),
      qpsMin: round(Math.min(...rates)),
      qpsMax: round(Math.max(...rates)),
      wallQps: round(median(all.map((point) => point?.qps ?? Number.NaN))),
    };
  });
  return {
    name: peer.name,
    version: first.version,
    ...(peer.note === undefined ? {} : { note: peer.note }),
    builds,
    openMs: round(median(rounds.map(({ openMs }) => openMs))),
    firstAnswerMs: round(median(rounds.map(({ firstAnswerMs }) => firstAnswerMs))),
    residentBytes: first.residentBytes,
    maxRecall: Math.max(...points.map(({ recall }) => recall)),
    points,
  };
}

function tablesOf(dataset: Dataset, peers: readonly PeerResult[], k: number): string[] {
  const { meta } = dataset;
  const ours = peers.find(({ name }) => name === OURS);
  const rates = peers.map((peer): Cell[] => [
    peer.name,
    ...RECALLS.flatMap((recall): Cell[] => {
      const own = qpsAt(peer.points, recall);
      const mine = qpsAt(ours?.points ?? [], recall);
      if (own === undefined) return [Number.NaN, '-'];
      return [Math.round(own), mine === undefined ? '-' : `${(mine / own).toFixed(2)}x`];
    }),
    peer.maxRecall,
  ]);
  const builds = peers.flatMap(({ name, builds: own, openMs, firstAnswerMs }) =>
    own.map(({ threads, seconds, bytesOnDisk, residentBytes }): Cell[] => [
      name,
      threads,
      round(seconds, 3),
      Math.round(bytesOnDisk / meta.rows),
      Math.round(residentBytes / 1e6),
      round(openMs, 3),
      round(firstAnswerMs, 3),
    ]),
  );
  const size = `${meta.name} ${meta.rows} x ${meta.dim} (${meta.source})`;
  return [
    formatTable(
      `peers: ${size}, queries/s on one thread at recall@${k}, and how many times as fast we are`,
      ['', ...RECALLS.flatMap((recall) => [`at ${recall}`, 'ours is']), 'most recall'],
      rates.map((row) => row.map((cell) => (Number.isNaN(cell) ? 'never' : cell))),
    ),
    formatTable(
      `peers: ${size}, build and files (M ${M}, efConstruction ${EF_CONSTRUCTION})`,
      ['', 'threads', 'seconds', 'bytes/row', 'MB resident', 'open ms', 'first answer ms'],
      builds,
    ),
  ];
}

/** The engine's speed divided by that of each peer. */
function ratiosOf(peers: readonly PeerResult[]): object {
  const ours = peers.find(({ name }) => name === OURS);
  const ratio = (peer: PeerResult, recall: number): number | null => {
    const [mine, own] = [qpsAt(ours?.points ?? [], recall), qpsAt(peer.points, recall)];
    return mine === undefined || own === undefined ? null : round(mine / own, 3);
  };
  return Object.fromEntries(
    peers
      .filter(({ name }) => name !== OURS)
      .map((peer) => [
        peer.name,
        Object.fromEntries(RECALLS.map((recall) => [recall, ratio(peer, recall)])),
      ]),
  );
}

async function compare(dataset: Dataset, peers: readonly PeerName[], options: BenchOptions) {
  const builds = await buildAll(dataset, peers, options);
  const judge = new Judge(dataset, await exactRows(dataset, options), options.k);
  const threads = options.buildThreads.at(-1) ?? 1;
  const rounds = new Map<string, SearchFigures[]>();
  for (let turn = 0; turn < options.repeat; turn++) {
    for (let i = 0; i < peers.length; i++) {
      const peer = peers[(i + turn) % peers.length];
      if (peer === undefined) continue;
      const job = jobFor(dataset, peer, threads, options);
      // The index was built with `threads`; searches use one.
      const figures = await runTrial(peer, { ...job, threads: 1, task: 'search' });
      rounds.set(peer.name, [...(rounds.get(peer.name) ?? []), figures]);
    }
  }
  return peers.map((peer) =>
    resultOf(peer, rounds.get(peer.name) ?? [], builds.get(peer.name) ?? [], judge),
  );
}

function draw(dataset: Dataset, peers: readonly PeerResult[], options: BenchOptions): void {
  if (options.plots === undefined) return;
  mkdirSync(options.plots, { recursive: true });
  const { meta } = dataset;
  const curves: Curve[] = peers.map(({ name, points }) => ({ name, points }));
  const svg = plotCurves(
    `${meta.name}, ${meta.rows.toLocaleString('en')} x ${meta.dim}: recall@${options.k} and speed`,
    `one thread, M ${M}, efConstruction ${EF_CONSTRUCTION}, medians of ${options.repeat} interleaved rounds`,
    curves,
  );
  writeFileSync(path.join(options.plots, `${meta.name}.svg`), svg);
}

export async function peersSuite(options: BenchOptions): Promise<SuiteResult> {
  const { peers, missing } = findPeers(options.peers);
  const tables = missing.map(
    ({ name, remedy }) => `not compared with ${name}: not installed (${remedy})\n`,
  );
  const data: Record<string, unknown> = {};
  for (const name of options.datasets) {
    const dataset = prepare(name, options);
    if (dataset === undefined) {
      tables.push(`skip: ${name}: its data is not on this machine\n`);
      continue;
    }
    const results = await compare(dataset, peers, options);
    draw(dataset, results, options);
    tables.push(...tablesOf(dataset, results, options.k));
    data[name] = {
      dataset: dataset.meta,
      k: options.k,
      M,
      efConstruction: EF_CONSTRUCTION,
      rounds: options.repeat,
      searchThreads: 1,
      oursToPeer: ratiosOf(results),
      peers: results,
    };
  }
  return { data, tables };
}

function prepare(name: DatasetName, options: BenchOptions): Dataset | undefined {
  const size = { rows: comparedRows(options), queries: QUERIES, dim: options.dim };
  return prepareDataset(name, size, CACHE);
}
