/**
 * Decodes by ffmpeg what sharp's libvips cannot: JPEG 2000, JPEG XL, Photoshop and others. ffmpeg is
 * confined as for videos (forced demuxer, resource limits, empty environment) and reads from a pipe, so
 * it opens no file. Runs in a picture child only.
 */
import { spawn } from 'node:child_process';
import type { Readable } from 'node:stream';
import { makeError, messageOf } from '../../../base/errors';
import { findFfmpeg } from '../../ffmpeg/ffmpeg-find';
import { ffmpegEnvironment, limitedCommand } from '../../ffmpeg/ffmpeg-process';
import type { PictureLimits } from '../../limits';
import { FfmpegLog, MOST_LOG_BYTES } from '../../ffmpeg/video-log';
import type { RawPicture } from './raw-picture';

export interface FfmpegPictureOptions {
  /** For example `psd_pipe`. */
  readonly demuxer: string;
  /** The format's name in messages. */
  readonly name: string;
  readonly maxSize: number;
  readonly limits: PictureLimits;
  /** Options of the decoder, and filters before the picture is scaled. */
  readonly decoder?: readonly string[];
  readonly filters?: readonly string[];
}

/** ffmpeg scales down to this many times the wanted size; libvips, whose filter is better, does the rest. */
const OVERSIZE = 4;

/**
 * The first picture in the bytes, as RGBA.
 *
 * @throws ERR_FFMPEG_MISSING | ERR_MEDIA_UNSUPPORTED (this ffmpeg has no such decoder) |
 *   ERR_MEDIA_LIMIT | ERR_MEDIA_DECODE
 */
export async function decodeByFfmpeg(
  bytes: Uint8Array,
  options: FfmpegPictureOptions,
): Promise<RawPicture> {
  const { ffmpeg } = await findFfmpeg();
  const { name, limits } = options;
  const [file, args] = limitedCommand(ffmpeg, argumentsFor(bytes.length, options), {
    cpuSeconds: Math.ceil(limits.seconds),
    addressSpaceBytes: 2 * limits.memoryBytes + 1024 ** 3,
  });
  const child = spawn(file, args, {
    stdio: ['pipe', 'pipe', 'pipe'],
    env: ffmpegEnvironment(),
    windowsHide: true,
  });
  const log = new FfmpegLog();
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
    log.push(chunk);
    if (log.bytes > MOST_LOG_BYTES) child.kill('SIGKILL');
  });
  // ffmpeg may stop reading early; its output shows whether it succeeded.
  child.stdin.on('error', () => undefined);
  child.stdin.end(bytes);
  const side = OVERSIZE * options.maxSize;
  const ended = new Promise<Error | undefined>((resolve) => {
    child.once('error', resolve).once('close', () => resolve(undefined));
  });
  const output = await collect(child.stdout, 4 * side * side + 4096);
  if (output === undefined) child.kill('SIGKILL');
  const failure = await ended;
  if (failure !== undefined)
    throw makeError('ERR_FFMPEG_MISSING', `ffmpeg: ${messageOf(failure)}`, { cause: failure });
  const { width, height } = log.tracks[0] ?? { width: 0, height: 0 };
  if (width * height > limits.pixels)
    throw makeError(
      'ERR_MEDIA_LIMIT',
      `${width} x ${height} pixels are more than ${limits.pixels / 1e6} megapixels (--max-megapixels)`,
      { details: { width, height } },
    );
  const picture = output === undefined ? undefined : readPam(output);
  const complaint = log.complaints[0];
  if (picture !== undefined)
    return {
      ...picture,
      sourceWidth: width || picture.width,
      sourceHeight: height || picture.height,
      damaged: complaint,
    };
  if (
    log.complaints.some((line) => /unknown input format|decoder .*not found|no decoder/i.test(line))
  )
    throw makeError(
      'ERR_MEDIA_UNSUPPORTED',
      `this ffmpeg has no decoder for ${name}: install a full build of ffmpeg, or convert the picture to JPEG`,
    );
  const missing = log.complaints.find((line) =>
    /not yet implemented|patches welcome|missing \w+ attribute/i.test(line),
  );
  if (missing !== undefined)
    throw makeError(
      'ERR_MEDIA_UNSUPPORTED',
      `ffmpeg cannot decode this kind of ${name} file (${missing}): convert it to another format`,
    );
  if (child.signalCode === 'SIGXCPU' || child.signalCode === 'SIGKILL')
    throw makeError('ERR_MEDIA_LIMIT', `this ${name} file needs more time or memory than it may`);
  throw makeError(
    'ERR_MEDIA_DECODE',
    `this ${name} file cannot be decoded: ${complaint ?? 'no picture came out'}`,
  );
}

function argumentsFor(
  length: number,
  { demuxer, maxSize, limits, decoder = [], filters = [] }: FfmpegPictureOptions,
): string[] {
  const side = OVERSIZE * maxSize;
  const shrink = `min(1\\,${side}/max(iw\\,ih))`;
  const scale = `scale=w=max(1\\,round(iw*${shrink})):h=max(1\\,round(ih*${shrink})):flags=area`;
  return [
    ...['-nostdin', '-hide_banner', '-nostats', '-loglevel', 'level+info', '-threads', '1'],
    ...['-max_pixels', String(limits.pixels)],
    ...['-f', demuxer, '-format_whitelist', demuxer, '-protocol_whitelist', 'pipe'],
    // One packet holds the whole file: some formats have no parser that finds the end.
    ...decoder,
    ...['-frame_size', String(Math.max(1, length)), '-i', 'pipe:0'],
    ...['-map', '0:v:0', '-frames:v', '1', '-an', '-sn', '-dn', '-map_metadata', '-1'],
    ...['-vf', [...filters, scale].join(',')],
    ...['-pix_fmt', 'rgba', '-c:v', 'pam', '-f', 'image2pipe', 'pipe:1'],
  ];
}

/** The whole stream; undefined if it exceeds `most` bytes. */
async function collect(stream: Readable, most: number): Promise<Buffer | undefined> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length > most) return undefined;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

/** Parses a PAM picture: a text header up to ENDHDR, then pixels. */
function readPam(output: Buffer): RawPicture | undefined {
  const end = output.subarray(0, 512).indexOf('ENDHDR\n');
  if (end < 0) return undefined;
  const header = output.toString('latin1', 0, end);
  const field = (name: string): number =>
    Number(new RegExp(`^${name} (\\d+)$`, 'm').exec(header)?.[1]);
  const [width, height] = [field('WIDTH'), field('HEIGHT')];
  const data = output.subarray(end + 7);
  if (field('DEPTH') !== 4 || field('MAXVAL') !== 255 || data.length !== width * height * 4)
    return undefined;
  return { data, width, height, channels: 4 };
}
