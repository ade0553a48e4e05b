/** The process of one trial of a peer with an npm package: `trial.js JOB`; one JSON line on stdout. */
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import type { BuildFigures, SearchFigures, SearchPoint, TrialJob } from './contract';
import { readFloats } from './dataset';
import { nodePeer } from './node-peers';

const NO_ROW = 0xffffffff;
/** Queries before each point; before the first, all of them. */
const WARM_UP = 100;
/** Least duration of a point: a thousand fast queries end before the JIT compiler has finished. */
const LEAST_MS = 250;

function bytesOf(place: string): number {
  if (!existsSync(place)) return 0;
  if (!statSync(place).isDirectory()) return statSync(place).size;
  return readdirSync(place).reduce((sum, name) => sum + bytesOf(path.join(place, name)), 0);
}

async function build(job: TrialJob): Promise<BuildFigures> {
  const peer = nodePeer(job.peer);
  const base = readFloats(path.join(job.dataset, 'base.f32'));
  const figures = await peer.build(base, job);
  return { ...figures, bytesOnDisk: bytesOf(job.index), version: peer.version };
}

async function search(job: TrialJob): Promise<SearchFigures> {
  const peer = nodePeer(job.peer);
  const { dim } = job.meta;
  const flat = readFloats(path.join(job.dataset, 'query.f32'));
  const queries = Array.from({ length: job.meta.queries }, (_, i) =>
    flat.slice(i * dim, (i + 1) * dim),
  );
  const first = queries[0] ?? new Float32Array(dim);
  const started = performance.now();
  const at = await peer.open(job);
  let opened = at(job.efSearch[0] ?? job.k);
  const openMs = performance.now() - started;
  opened.search(first, job.k);
  const firstAnswerMs = performance.now() - started;
  await opened.warm?.();

  const points: SearchPoint[] = [];
  for (const efSearch of job.efSearch) {
    opened = at(efSearch);
    const warmUp = points.length === 0 ? queries : queries.slice(0, WARM_UP);
    for (const query of warmUp) opened.search(query, job.k);
    const answers = new Array<unknown>(queries.length);
    const cpuBefore = process.cpuUsage();
    const from = performance.now();
    let passes = 0;
    for (; passes === 0 || performance.now() - from < LEAST_MS; passes++) {
      for (let i = 0; i < queries.length; i++) {
        answers[i] = opened.search(queries[i] ?? first, job.k);
      }
    }
    const wall = (performance.now() - from) / 1000;
    const cpu = process.cpuUsage(cpuBefore);
    const searches = passes * queries.length;
    const found = new Uint32Array(queries.length * job.k).fill(NO_ROW);
    for (const [i, answer] of answers.entries()) found.set(opened.rowsOf(answer), i * job.k);
    points.push({
      efSearch,
      qps: searches / wall,
      cpuQps: (searches / (cpu.user + cpu.system)) * 1e6,
      found: Buffer.from(found.buffer).toString('base64'),
    });
  }
  const residentBytes = process.memoryUsage.rss();
  await opened.close();
  return { openMs, firstAnswerMs, residentBytes, version: peer.version, points };
}

async function main(): Promise<void> {
  const job = JSON.parse(readFileSync(0, 'utf8')) as TrialJob;
  const result = job.task === 'build' ? await build(job) : await search(job);
  process.stdout.write(`${JSON.stringify(result)}\n`);
}

main().catch((error: unknown) => {
  console.error(error instanceof Error ? (error.stack ?? error.message) : error);
  process.exit(1);
});
