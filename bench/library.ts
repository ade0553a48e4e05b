/**
 * A library that grows to 20,000 frames: memory during growth, search latency at the end, and time to open.
 * Real videos and the built-in model.
 *
 *     node dist/bench/library.js [--frames 20000] [--output FILE]
 *
 * Memory is the resident set of this process and of all its children (decoders and encoders).
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { openLibrary } from '../lib/library';
import { residentBytes } from './resident';

const FRAMES_PER_VIDEO = 1000;
const FPS = 10;

const { values } = parseArgs({
  options: { frames: { type: 'string', default: '20000' }, output: { type: 'string' } },
});
const target = Number(values.frames);

/** Each video has another seed and other colours. */
function writeVideo(file: string, seed: number): void {
  const seconds = FRAMES_PER_VIDEO / FPS;
  const hue = (seed * 47) % 360;
  const run = spawnSync('ffmpeg', [
    ...['-v', 'error', '-y', '-f', 'lavfi'],
    ...['-i', `testsrc2=duration=${seconds}:size=192x144:rate=${FPS}`],
    ...['-vf', `hue=h=${hue}+t*3,noise=alls=12:allf=t:all_seed=${seed}`],
    ...['-c:v', 'libx264', '-preset', 'ultrafast', '-pix_fmt', 'yuv420p', file],
  ]);
  if (run.status !== 0) throw new Error(`ffmpeg: ${String(run.stderr)}`);
}

const mb = (bytes: number): number => Math.round(bytes / 1e5) / 10;
const percentile = (sorted: readonly number[], p: number): number =>
  sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * p))] ?? NaN;
const ms = (value: number): number => Math.round(value * 1000) / 1000;

async function openCost(root: string): Promise<number> {
  const times: number[] = [];
  for (let i = 0; i < 7; i++) {
    const started = performance.now();
    const library = await openLibrary(root, { readOnly: true });
    times.push(performance.now() - started);
    await library.close();
  }
  return percentile(
    times.sort((a, b) => a - b),
    0.5,
  );
}

/** Time to open a library of one video. */
async function smallOpenCost(): Promise<number> {
  const root = mkdtempSync(path.join(tmpdir(), 'sightline-bench-'));
  try {
    writeVideo(path.join(root, 'v.mp4'), 0);
    const library = await openLibrary(root);
    await library.sync({ fps: FPS });
    await library.close();
    return await openCost(root);
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
}

async function main(): Promise<void> {
  const openSmall = await smallOpenCost();
  const root = mkdtempSync(path.join(tmpdir(), 'sightline-bench-'));
  try {
    for (let i = 0; i < Math.ceil(target / FRAMES_PER_VIDEO); i++) {
      writeVideo(path.join(root, `v${String(i).padStart(3, '0')}.mp4`), i);
    }
    const memory: { frames: number; mb: number }[] = [];
    const library = await openLibrary(root);
    const report = await library.sync({
      fps: FPS,
      onProgress: ({ frames }) => {
        if (frames - (memory.at(-1)?.frames ?? 0) < 1000) return;
        memory.push({ frames, mb: mb(residentBytes()) });
      },
    });
    await searchCost(library, report.framesTotal, report.elapsedMs, memory, openSmall, root);
    await library.close();
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
}

async function searchCost(
  library: Awaited<ReturnType<typeof openLibrary>>,
  frames: number,
  elapsedMs: number,
  memory: readonly { frames: number; mb: number }[],
  openSmall: number,
  root: string,
): Promise<void> {
  const stats = library.stats();
  let seed = 7;
  const random = (): number => (seed = (seed * 48271) % 2147483647) / 2147483647 - 0.5;
  const latency = async (exact: boolean, queries: number): Promise<number[]> => {
    const times: number[] = [];
    for (let i = 0; i < queries; i++) {
      const vector = Float32Array.from({ length: stats.dim }, random);
      const started = performance.now();
      await library.search({ vector }, { k: 20, exact });
      times.push(performance.now() - started);
    }
    return times.sort((a, b) => a - b);
  };
  await latency(false, 200);
  const graph = await latency(false, 2000);
  const scan = await latency(true, 200);
  const first = memory[0]?.mb ?? 0;
  const last = memory.at(-1)?.mb ?? 0;
  const result = {
    frames,
    dim: stats.dim,
    kernel: stats.kernel,
    ingest_frames_per_s: Math.round((frames / elapsedMs) * 1000),
    search_ms: {
      p50: ms(percentile(graph, 0.5)),
      p95: ms(percentile(graph, 0.95)),
      p99: ms(percentile(graph, 0.99)),
    },
    exact_ms: { p50: ms(percentile(scan, 0.5)), p95: ms(percentile(scan, 0.95)) },
    open_ms: { at_1000: ms(openSmall), at_end: ms(await openCost(root)) },
    private_memory_mb: { at_first: first, at_end: last, growth: ms(last - first), samples: memory },
    bytes_on_disk: stats.bytesOnDisk,
  };
  console.log(JSON.stringify(result, null, 2));
  if (values.output !== undefined) writeFileSync(values.output, JSON.stringify(result, null, 2));
}

void main();
