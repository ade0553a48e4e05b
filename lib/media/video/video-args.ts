/** The ffmpeg arguments of a sampling run. Pure. */
import { availableParallelism } from 'node:os';
import { makeError } from '../../base/errors';
import type { AudioFormat } from '../audio-sniff';
import type { Ffmpeg } from '../ffmpeg/ffmpeg-find';
import { INDEX_NAME } from '../ffmpeg/ffmpeg-process';
import { LIMITS } from '../limits';
import type { Shape } from '../ffmpeg/film-track';

/** Which frames to sample; precedence: `keyframes`, `everyNFrames`, `fps`. */
export interface SamplingOptions {
  /** Frames per second of the video: the first frame at or after 0, 1/fps, 2/fps ... Default 1. */
  readonly fps?: number;
  /** Every n-th decoded frame, the first included. */
  readonly everyNFrames?: number;
  /** Key frames only; others are not decoded. */
  readonly keyframes?: boolean;
}

/** About JPEG quality 92; the scale of ffmpeg's encoder runs from 2 (best) to 31. */
const JPEG_QSCALE = '3';
const MOST_THREADS = 9;

export interface Sampling {
  readonly input: readonly string[];
  /** Filter that selects frames. */
  readonly select: string;
  /** Approximate distance of frames, for the limits; 10 if unknown. */
  readonly secondsPerFrame: number;
}

/** @throws ERR_ARG_RANGE */
export function samplingOf({ fps, everyNFrames, keyframes }: SamplingOptions): Sampling {
  if (keyframes === true)
    // Some decoders (VP9 among them) ignore `-skip_frame`, hence the filter.
    return { input: ['-skip_frame', 'nokey'], select: 'select=key', secondsPerFrame: 10 };
  if (everyNFrames !== undefined) {
    if (!Number.isSafeInteger(everyNFrames) || everyNFrames < 1)
      throw makeError('ERR_ARG_RANGE', `everyNFrames must be 1 or more, received ${everyNFrames}`);
    return {
      input: [],
      select: `select=not(mod(n\\,${everyNFrames}))`,
      secondsPerFrame: Math.max(10, everyNFrames / 10),
    };
  }
  const rate = fps ?? 1;
  if (!(rate > 0 && rate <= 1000))
    throw makeError('ERR_ARG_RANGE', `fps must be above 0 and at most 1000, received ${rate}`);
  // A frame at t is in slot floor(t * fps); the first of each slot is taken. 1e-6 compensates rounding
  // of the time base.
  const slot = (t: string): string => `floor(max(${t}\\,0)*${rate.toFixed(6)}+1e-6)`;
  return {
    input: [],
    select: `select=isnan(prev_selected_t)+gt(${slot('t')}\\,${slot('prev_selected_t')})`,
    secondsPerFrame: 1 / rate,
  };
}

/** @param input  see `inputName` */
export function inputArgs(
  format: AudioFormat,
  input: string,
  extra: readonly string[] = [],
): string[] {
  return [
    ...['-nostdin', '-hide_banner', '-nostats', '-loglevel', 'level+info'],
    // One more than cores, as by ffmpeg's default: with as many as cores, a 720p file took 1.2 times as
    // long on two.
    ...['-threads', String(Math.min(MOST_THREADS, availableParallelism() + 1))],
    ...['-max_pixels', String(LIMITS.videoPixels)],
    ...extra,
    // Whatever the file contains: no playlist, no second file, no socket.
    ...['-f', format, '-format_whitelist', format, '-protocol_whitelist', 'file'],
    ...['-i', input],
  ];
}

/** Track, colours and output format of a run. */
export interface FilmView {
  /** Index of the stream; undefined: the first that is no cover picture. */
  readonly track: number | undefined;
  /** Table for `lut3d`, and its folder. */
  readonly cube: { readonly dir: string; readonly name: string } | undefined;
  /** YCbCr matrix, if the file does not state it. */
  readonly matrix: string | undefined;
  /** Output pixels instead of JPEGs, for frames of different sizes: ffmpeg's JPEG encoder uses one size. */
  readonly isRaw: boolean;
}

/** The view of the first run, right for most videos. */
export const PLAIN_VIEW: FilmView = {
  track: undefined,
  cube: undefined,
  matrix: undefined,
  isRaw: false,
};

/** Size of a frame; must agree with the scale filter below. */
export function frameSize(
  { width, height, pixelAspect }: Shape,
  maxSize: number,
): { width: number; height: number } {
  const shrink = Math.min(1, maxSize / Math.max(width * pixelAspect, height));
  const side = (length: number): number => Math.max(1, Math.round(length * shrink));
  return { width: side(width * pixelAspect), height: side(height) };
}

export function outputArgs(
  ffmpeg: Ffmpeg,
  select: string,
  maxSize: number,
  view: FilmView,
): string[] {
  // Square pixels, longest side at most `maxSize`, never enlarged. JPEG allows odd sizes; rounding to
  // even ones would distort the picture.
  const shrink = `min(1\\,${maxSize}/max(iw*sar\\,ih))`;
  const side = (length: string): string => `max(1\\,round(${length}*${shrink}))`;
  const matrix = view.matrix === undefined ? '' : `:in_color_matrix=${view.matrix}`;
  const filters = [
    select,
    // Logs the size of each frame, which may change.
    'showinfo=checksum=0',
    `scale=w=${side('iw*sar')}:h=${side('ih')}${matrix}:out_range=full${
      view.cube === undefined && !view.isRaw ? ':out_color_matrix=bt601' : ''
    }`,
    'setsar=1',
    ...(view.cube === undefined ? [] : ['format=gbrp12', `lut3d=${view.cube.name}`]),
    // JPEG is BT.601 in full range, whatever the video has.
    ...(view.isRaw
      ? ['format=rgb24']
      : view.cube === undefined
        ? ['format=yuvj420p']
        : ['scale=out_color_matrix=bt601:out_range=full', 'format=yuvj420p']),
  ];
  const [major, minor] = ffmpeg.release;
  const hasFpsMode = major > 5 || (major === 5 && minor >= 1);
  return [
    ...['-map', view.track === undefined ? '0:V:0' : `0:${view.track}`],
    ...['-an', '-sn', '-dn', '-vf', filters.join(',')],
    ...(view.isRaw
      ? ['-autoscale', '0', '-c:v', 'rawvideo']
      : ['-c:v', 'mjpeg', '-q:v', JPEG_QSCALE]),
    // Keeps timestamps, in the time base of the stream.
    ...[hasFpsMode ? '-fps_mode' : '-vsync', hasFpsMode ? 'passthrough' : '0'],
    ...['-enc_time_base', '-1', '-map_metadata', '-1'],
    // One encoding, two outputs. The index first: its line must not wait for a frame to be read.
    ...[
      '-f',
      'tee',
      `[f=framecrc:flush_packets=1]${INDEX_NAME}|[f=${view.isRaw ? 'data' : 'image2pipe'}]pipe:1`,
    ],
  ];
}
