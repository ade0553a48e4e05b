/** Small real media files for tests: pictures by sharp, videos by ffmpeg. */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import sharp from 'sharp';

export type Rgb = readonly [number, number, number];

/** A JPEG of one colour with a disc of another, so that no two files have the same bytes. */
export async function picture(background: Rgb, disc: Rgb, size = 96): Promise<Buffer> {
  const rgb = (c: Rgb): string => `rgb(${c.join(',')})`;
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="${size}" height="${size}">
    <rect width="100%" height="100%" fill="${rgb(background)}"/>
    <circle cx="50%" cy="50%" r="30%" fill="${rgb(disc)}"/></svg>`;
  return sharp(Buffer.from(svg)).jpeg({ quality: 92 }).toBuffer();
}

export const COLOURS = {
  red: [220, 30, 30],
  green: [30, 160, 50],
  blue: [40, 70, 220],
  yellow: [240, 215, 40],
  white: [245, 245, 245],
  black: [20, 20, 20],
} as const satisfies Record<string, Rgb>;

/** Writes `count` pictures named p000.jpg ... with pairwise different content. */
export async function writePictures(dir: string, count: number): Promise<string[]> {
  mkdirSync(dir, { recursive: true });
  const names: string[] = [];
  for (let i = 0; i < count; i++) {
    const name = `p${String(i).padStart(3, '0')}.jpg`;
    const shade: Rgb = [(i * 53) % 256, (i * 101) % 256, (i * 29 + 40) % 256];
    writeFileSync(path.join(dir, name), await picture(shade, COLOURS.white));
    names.push(name);
  }
  return names;
}

function packagedFfmpeg(): string | undefined {
  try {
    return (createRequire(__filename)('ffmpeg-static') as string | null) ?? undefined;
  } catch {
    return undefined;
  }
}

const found = [
  process.env.SIGHTLINE_FFMPEG,
  process.env.FFMPEG_PATH,
  packagedFfmpeg(),
  'ffmpeg',
].find(
  (name) => name !== undefined && spawnSync(name, ['-version'], { stdio: 'ignore' }).status === 0,
);
export const ffmpeg = found ?? 'ffmpeg';
/** For `testUnless`. */
export const noFfmpeg = found === undefined ? 'no ffmpeg' : undefined;

/** Runs ffmpeg with the arguments given; throws when it fails. */
export function runFfmpeg(args: readonly string[]): void {
  execFileSync(ffmpeg, ['-nostdin', '-v', 'error', '-y', ...args], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
}

/** A test pattern as H.264 mp4 or VP9 webm, by the file's extension. */
export function writeVideo(file: string, seconds: number, fps = 10): void {
  mkdirSync(path.dirname(file), { recursive: true });
  const codec = file.endsWith('.webm')
    ? ['-c:v', 'libvpx-vp9', '-deadline', 'realtime', '-cpu-used', '8']
    : ['-c:v', 'libx264', '-preset', 'ultrafast', '-pix_fmt', 'yuv420p'];
  const input = `testsrc2=duration=${seconds}:size=160x120:rate=${fps}`;
  runFfmpeg(['-f', 'lavfi', '-i', input, ...codec, file]);
}
