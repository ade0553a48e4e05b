/** Runs ffmpeg on a video: yields frames, then throws the error, if any. */
import { makeError, type LibraryError } from '../../base/errors';
import type { FfmpegProcess } from '../ffmpeg/ffmpeg-process';
import { filmTracks, matrixOfTrack, signalOfTrack, squareSize } from '../ffmpeg/film-track';
import type { FilmTrack, Shape } from '../ffmpeg/film-track';
import { cubeFile } from '../color/cube';
import { needsMapping } from '../color/signal';
import type { DecodedFrame } from '../frame';
import { FrameStream, type IndexedFrame } from './frame-stream';
import { LIMITS } from '../limits';
import { frameSize, type FilmView } from './video-args';
import { FfmpegLog, MOST_LOG_BYTES } from '../ffmpeg/video-log';

export interface FollowedLog {
  readonly log: FfmpegLog;
  /** Resolves when the description is complete, or at the end of the log. */
  readonly described: Promise<void>;
  readonly ended: Promise<void>;
  /** The shape of the next selected frame; undefined at the end of the log. */
  nextShape(): Promise<Shape | undefined>;
}

/** Reads the child's log continuously, so that the child never blocks on it. */
export function followLog(child: FfmpegProcess): FollowedLog {
  const shapes: Shape[] = [];
  let isOver = false;
  let onShape: (() => void) | undefined;
  const log = new FfmpegLog((shape) => {
    shapes.push(shape);
    onShape?.();
  });
  let onDescribed: () => void = () => undefined;
  const described = new Promise<void>((resolve) => (onDescribed = resolve));
  const ended = new Promise<void>((resolve) => {
    child.log.once('close', () => {
      isOver = true;
      onDescribed();
      onShape?.();
      resolve();
    });
  });
  child.log.setEncoding('utf8').on('data', (chunk: string) => {
    log.push(chunk);
    if (log.isDescribed) onDescribed();
    if (log.bytes > MOST_LOG_BYTES)
      child.kill(makeError('ERR_MEDIA_LIMIT', 'ffmpeg reports too many errors in this video'));
  });
  const nextShape = async (): Promise<Shape | undefined> => {
    while (shapes.length === 0 && !isOver)
      await new Promise<void>((resolve) => (onShape = resolve));
    return shapes.shift();
  };
  return { log, described, ended, nextShape };
}

export interface RunOptions {
  readonly view: FilmView;
  readonly maxSize: number;
  readonly mediaBytes: number;
  /** Most frames per video. */
  readonly mostFrames: number;
  /** Approximate distance of frames; scales the stall limit. */
  readonly secondsPerFrame: number;
  /** Frames yielded by earlier runs. */
  readonly skip: number;
  /** Tracks without a decodable frame. */
  readonly failedTracks: ReadonlySet<number>;
}

/** A run to try next. */
export interface Again {
  readonly view: FilmView;
  /** Frames yielded so far, by all runs. */
  readonly given: number;
  /** The track without a decodable frame, if that is the reason. */
  readonly failedTrack?: number;
}

/**
 * Yields the frames of a started child, then throws its error, if any. If the file needs another view
 * (another track, HDR, changing sizes), the run ends and returns it. The child has ended when this returns.
 */
export async function* runFrames(
  child: FfmpegProcess,
  options: RunOptions,
): AsyncGenerator<DecodedFrame, Again | undefined> {
  const { view, secondsPerFrame, skip } = options;
  const stallMs = LIMITS.videoStallMs * Math.max(1, secondsPerFrame / 10);
  try {
    const { log, described, ended, nextShape } = followLog(child);
    const stream = new FrameStream(child.frames, child.index, view.isRaw);
    const begun = stream.next();
    begun.catch(() => undefined);
    // An empty output ends the run even without a description.
    await child.watch(Promise.race([described, begun.then(() => described)]), stallMs);
    const [track, ...others] = filmTracks(log.tracks).filter(
      ({ index }) => !options.failedTracks.has(index),
    );
    const wanted = track === undefined ? view : viewOf(track, log, view);
    if (!isSameView(view, wanted)) return { view: wanted, given: skip };
    const budget = new Budget(options);
    let first: { width: number; height: number } | undefined;
    let last = 0;
    for (let coming = begun; ; coming = stream.next()) {
      const frame = await child.watch(coming, stallMs);
      if (frame === undefined) break;
      // The log has its own pipe and may be late.
      const shape = await child.watch(nextShape(), stallMs);
      if (shape === undefined) break;
      const size = frameSize(shape, options.maxSize);
      first ??= size;
      const isBent = size.width !== first.width || size.height !== first.height;
      if (isBent && !view.isRaw) return { view: { ...view, isRaw: true }, given: budget.frames };
      budget.spend(frame.bytes.length);
      last = Math.max(0, frame.seconds);
      if (budget.frames <= skip) continue;
      const source = squareSize(shape);
      yield {
        jpeg: view.isRaw ? await encode(frame, size) : frame.bytes,
        ...size,
        sourceWidth: source.width,
        sourceHeight: source.height,
        timestamp: last,
        capturedAt: log.header.capturedAt,
      };
    }
    const death = await child.watch(child.end(), stallMs);
    await child.watch(ended, stallMs);
    const problem = conclude(log, track, death, budget.frames, last, secondsPerFrame);
    const isOurs = problem !== undefined && !NOT_OF_A_TRACK.has(problem.code);
    if (budget.frames === 0 && isOurs && track !== undefined && others[0] !== undefined)
      return { view: viewOf(others[0], log, view), given: 0, failedTrack: track.index };
    if (problem !== undefined) throw problem;
    return undefined;
  } finally {
    await child.dispose();
  }
}

/** Errors that other tracks of the file would cause too. */
const NOT_OF_A_TRACK = new Set([
  'ERR_ABORTED',
  'ERR_TIMEOUT',
  'ERR_FFMPEG_MISSING',
  'ERR_MEDIA_LIMIT',
]);

function viewOf(track: FilmTrack, log: FfmpegLog, view: FilmView): FilmView {
  const signal = signalOfTrack(track);
  const isFirst = log.tracks.find(({ isStill }) => !isStill) === track;
  return {
    track: isFirst ? undefined : track.index,
    cube: signal !== undefined && needsMapping(signal) ? cubeFile(signal) : undefined,
    matrix: matrixOfTrack(track),
    isRaw: view.isRaw,
  };
}

const isSameView = (a: FilmView, b: FilmView): boolean =>
  a.track === b.track && a.cube?.name === b.cube?.name && a.matrix === b.matrix;

/** Encodes pixels in the quality of ffmpeg's JPEGs. @throws ERR_INTERNAL for another size */
async function encode(
  { bytes }: IndexedFrame,
  { width, height }: { width: number; height: number },
): Promise<Buffer> {
  if (bytes.length !== width * height * 3)
    throw makeError('ERR_INTERNAL', `ffmpeg gave ${bytes.length} bytes for ${width} x ${height}`);
  const { default: sharp } = await import('sharp');
  return sharp(bytes, { raw: { width, height, channels: 3 } })
    .jpeg({ quality: 92 })
    .toBuffer();
}

/** Limits of one video. */
class Budget {
  frames = 0;
  private bytes = 0;
  private readonly mostFrames: number;

  constructor({ mediaBytes, mostFrames }: RunOptions) {
    const credible = LIMITS.videoFramesBase + mediaBytes / LIMITS.videoBytesPerFrame;
    this.mostFrames = Math.floor(Math.min(mostFrames, credible));
  }

  /** @throws ERR_MEDIA_LIMIT */
  spend(bytes: number): void {
    this.frames++;
    this.bytes += bytes;
    if (this.frames > this.mostFrames)
      throw makeError(
        'ERR_MEDIA_LIMIT',
        `more than ${this.mostFrames} frames come out of this video; sample it more thinly (--fps), or raise --max-frames`,
        { details: { mostFrames: this.mostFrames } },
      );
    if (this.bytes > LIMITS.videoOutputBytes)
      throw makeError('ERR_MEDIA_LIMIT', 'the frames of this video exceed the size limit');
  }
}

/** Decides whether the run succeeded. */
function conclude(
  log: FfmpegLog,
  track: FilmTrack | undefined,
  death: LibraryError | undefined,
  frames: number,
  last: number,
  secondsPerFrame: number,
): LibraryError | undefined {
  const isOurs = death !== undefined && death.code !== 'ERR_MEDIA_DECODE';
  if (isOurs) return death;
  if (frames === 0) return refusal(log, track, death);
  const complaint = log.complaints[0];
  if (death !== undefined)
    return makeError(
      'ERR_MEDIA_DECODE',
      `damaged after ${frames} frames: ${complaint ?? death.message}`,
      { details: { ...death.details, frames } },
    );
  // Decoders repair much silently. An error is only: complaints, and an end well before the declared one.
  const duration = log.header.durationSeconds ?? 0;
  if (complaint !== undefined && last + 2 + 2 * secondsPerFrame < duration)
    return makeError(
      'ERR_MEDIA_DECODE',
      `damaged: the file says ${duration} s, the last frame is at ${last.toFixed(1)} s (${complaint})`,
      { details: { frames, durationSeconds: duration, lastSeconds: last } },
    );
  return undefined;
}

/** The error for a video without any frame. */
export function refusal(
  log: FfmpegLog,
  track: FilmTrack | undefined,
  death: LibraryError | undefined,
): LibraryError {
  const { header, complaints } = log;
  const complaint = complaints[0] ?? death?.message ?? 'no frame could be decoded';
  const details = { ...death?.details, frames: 0, complaints };
  if (log.isOpened && header.streams > 0 && track === undefined)
    return makeError('ERR_MEDIA_UNSUPPORTED', 'the file has no video stream', { details });
  if (log.isOpened && header.streams === 0)
    return makeError('ERR_MEDIA_DECODE', 'the file has no streams', { details });
  const noDecoder = complaints.some((line) =>
    /Decoder .*not found|Unknown decoder|no decoder found|codec none/i.test(line),
  );
  if (noDecoder)
    return makeError(
      'ERR_MEDIA_UNSUPPORTED',
      `this ffmpeg has no decoder for ${track?.codec ?? 'the stream'}`,
      { details },
    );
  return makeError('ERR_MEDIA_DECODE', `the video cannot be decoded: ${complaint}`, { details });
}
