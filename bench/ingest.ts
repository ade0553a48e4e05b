/**
 * Measures the overhead of ingest. Videos: sampling against a bare ffmpeg run that writes the same frames.
 * Pictures: the child pool against the same decoder in this process.
 *
 *   node dist/bench/ingest.js [--repeat 5] [--seconds 60] [file ...]
 *
 * Without files a 720p test video of `--seconds` is generated. Prints one JSON document.
 */
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism, cpus, tmpdir } from 'node:os';
import path from 'node:path';
import sharp from 'sharp';
import {
  closeImageDecoder,
  contentHash,
  decodeImage,
  findFfmpeg,
  imageConcurrency,
  sampleVideo,
} from '../lib/media';
import { FrameStore } from '../lib/pipeline/frame-store';
import { asFrameId } from '../lib/base/types';

const MAX_SIZE = 512;

interface Options {
  repeat: number;
  seconds: number;
  files: string[];
}

function parseArgs(args: readonly string[]): Options {
  const options: Options = { repeat: 5, seconds: 60, files: [] };
  for (let i = 0; i < args.length; i++) {
    if (args[i] === '--repeat') options.repeat = Number(args[++i]);
    else if (args[i] === '--seconds') options.seconds = Number(args[++i]);
    else options.files.push(path.resolve(args[i] ?? ''));
  }
  return options;
}

const median = (values: readonly number[]): number =>
  [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? NaN;
const round = (value: number): number => Math.round(value * 1000) / 1000;

async function timed(work: () => Promise<unknown>): Promise<number> {
  const started = performance.now();
  await work();
  return performance.now() - started;
}

/** The baseline: the same frames, size and encoder, written to a folder. */
async function bare(ffmpeg: string, file: string, out: string): Promise<void> {
  const select = "select='isnan(prev_selected_t)+gt(floor(t+1e-6),floor(prev_selected_t+1e-6))'";
  const scale = `scale='min(iw,${MAX_SIZE})':-1`;
  const args = [
    '-nostdin',
    '-v',
    'error',
    '-i',
    file,
    '-map',
    '0:V:0',
    '-vf',
    `${select},${scale}`,
  ];
  args.push('-fps_mode', 'passthrough', '-q:v', '3', path.join(out, '%06d.jpg'));
  const [code] = (await once(spawn(ffmpeg, args, { stdio: 'inherit' }), 'exit')) as [number];
  if (code !== 0) throw new Error(`ffmpeg failed on ${file}`);
}

/** A sync without the catalog: hash, sample, write, flush. */
async function ours(file: string, out: string): Promise<void> {
  const store = new FrameStore(out);
  await contentHash({ absPath: file });
  let id = 0;
  for await (const frame of sampleVideo({ absPath: file }, { maxSize: MAX_SIZE }))
    await store.write(asFrameId(id++), frame.jpeg);
}

function countFiles(dir: string): number {
  return readdirSync(dir, { recursive: true }).filter((name) => String(name).endsWith('.jpg'))
    .length;
}

async function benchVideo(file: string, repeat: number, work: string): Promise<object> {
  const { ffmpeg } = await findFfmpeg();
  const times: Record<'bare' | 'ours', number[]> = { bare: [], ours: [] };
  const frames = { bare: 0, ours: 0 };
  // A warm-up round, then interleaved.
  for (let i = 0; i <= repeat; i++) {
    for (const side of i % 2 === 0 ? (['bare', 'ours'] as const) : (['ours', 'bare'] as const)) {
      const out = path.join(work, `${side}-${i}`);
      mkdirSync(out);
      const ms = await timed(() => (side === 'bare' ? bare(ffmpeg, file, out) : ours(file, out)));
      if (i > 0) times[side].push(ms);
      frames[side] = countFiles(out);
      rmSync(out, { recursive: true });
    }
  }
  const ratio = median(times.ours) / median(times.bare);
  return {
    file: path.basename(file),
    frames,
    bare_ms: round(median(times.bare)),
    ours_ms: round(median(times.ours)),
    ratio: round(ratio),
    bare_all: times.bare.map(round),
    ours_all: times.ours.map(round),
  };
}

/** A 12-megapixel JPEG, as of a phone. */
async function makePhoto(file: string): Promise<void> {
  const size = { width: 400, height: 300 };
  let state = 7;
  const noise = Buffer.from(
    Array.from({ length: size.width * size.height * 3 }, () => {
      state = (state * 1103515245 + 12345) & 0x7fffffff;
      return state >> 16;
    }),
  );
  const photo = sharp(noise, { raw: { ...size, channels: 3 } }).resize(4000, 3000);
  writeFileSync(file, await photo.jpeg({ quality: 85 }).toBuffer());
}

async function benchPictures(work: string): Promise<object> {
  const file = path.join(work, 'photo.jpg');
  await makePhoto(file);
  const count = 60;
  const inProcess = async (): Promise<void> => {
    sharp.concurrency(1);
    sharp.cache(false);
    const one = (): Promise<unknown> =>
      sharp(readFileSync(file), { failOn: 'error' })
        .autoOrient()
        .resize({ width: MAX_SIZE, height: MAX_SIZE, fit: 'inside', withoutEnlargement: true })
        .jpeg({ quality: 90 })
        .toBuffer();
    await inTurns(count, one);
  };
  const pool = (): Promise<void> =>
    inTurns(count, () => decodeImage({ absPath: file }, { maxSize: MAX_SIZE }));
  await pool();
  await inProcess();
  const poolMs = median([await timed(pool), await timed(pool), await timed(pool)]);
  const inProcessMs = median([
    await timed(inProcess),
    await timed(inProcess),
    await timed(inProcess),
  ]);
  return {
    picture: '4000x3000 JPEG',
    children: imageConcurrency(),
    pool_per_second: round((count * 1000) / poolMs),
    in_process_per_second: round((count * 1000) / inProcessMs),
  };
}

async function inTurns(count: number, one: () => Promise<unknown>): Promise<void> {
  let left = count;
  const worker = async (): Promise<void> => {
    while (left-- > 0) await one();
  };
  await Promise.all(Array.from({ length: imageConcurrency() }, worker));
}

async function main(): Promise<void> {
  const options = parseArgs(process.argv.slice(2));
  const work = mkdtempSync(path.join(tmpdir(), 'sightline-bench-'));
  try {
    const { ffmpeg, version } = await findFfmpeg();
    let { files } = options;
    if (files.length === 0) {
      const made = path.join(work, 'made.mp4');
      const source = `testsrc2=size=1280x720:rate=30:duration=${options.seconds}`;
      const encode = ['-c:v', 'libx264', '-preset', 'ultrafast', '-pix_fmt', 'yuv420p', made];
      execFileSync(ffmpeg, ['-v', 'error', '-f', 'lavfi', '-i', source, ...encode]);
      files = [made];
    }
    const videos = [];
    for (const file of files) videos.push(await benchVideo(file, options.repeat, work));
    const report = {
      cpu: cpus()[0]?.model,
      threads: availableParallelism(),
      node: process.version,
      ffmpeg: version,
      repeat: options.repeat,
      videos,
      pictures: await benchPictures(work),
    };
    process.stdout.write(`${JSON.stringify(report, null, 2)}\n`);
  } finally {
    closeImageDecoder();
    rmSync(work, { recursive: true, force: true });
  }
}

void main();
