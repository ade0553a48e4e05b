/**
 * Runs ffmpeg for one video and judges how it went: which frames come out, and what is said at the
 * end when something was wrong.
 */
import { makeError, type LibraryError } from '../errors';
import type { FfmpegProcess } from './ffmpeg-process';
import type { DecodedFrame } from './frame';
import { FrameStream } from './frame-stream';
import { LIMITS } from './limits';
import { FfmpegLog, MOST_LOG_BYTES, uprightSize } from './video-log';

export interface FollowedLog {
  readonly log: FfmpegLog;
  /** Resolves when the description is complete, at the latest at the end of the log. */
  readonly described: Promise<void>;
  readonly ended: Promise<void>;
}

/** Reads the child's log as it comes, so that the child never waits for us to read it. */
export function followLog(child: FfmpegProcess): FollowedLog {
  const log = new FfmpegLog();
  let onDescribed: () => void = () => undefined;
  const described = new Promise<void>((resolve) => (onDescribed = resolve));
  const ended = new Promise<void>((resolve) => {
    child.log.once('close', () => {
      onDescribed();
      resolve();
    });
  });
  child.log.setEncoding('utf8').on('data', (chunk: string) => {
    log.push(chunk);
    if (log.isDescribed) onDescribed();
    if (log.bytes > MOST_LOG_BYTES)
      child.kill(makeError('ERR_MEDIA_LIMIT', 'ffmpeg complains without end about this video'));
  });
  return { log, described, ended };
}

/**
 * The frames of a started child, then the error if there was one. The child is gone when this ends,
 * whichever way it ends.
 *
 * @param secondsPerFrame  about how far apart the frames are; scales what counts as silence
 */
export async function* runFrames(
  child: FfmpegProcess,
  mediaBytes: number,
  secondsPerFrame: number,
): AsyncGenerator<DecodedFrame> {
  const stallMs = LIMITS.videoStallMs * Math.max(1, secondsPerFrame / 10);
  try {
    const { log, described, ended } = followLog(child);
    const stream = new FrameStream(child.frames, child.index);
    const budget = new Budget(mediaBytes);
    let last = 0;
    for (;;) {
      const frame = await child.watch(stream.next(), stallMs);
      if (frame === undefined) break;
      // The log comes by a pipe of its own and may be behind.
      if (!log.isDescribed) await child.watch(described, stallMs);
      budget.spend(frame.jpeg.length);
      last = Math.max(0, frame.seconds);
      const source = uprightSize(log.header);
      yield {
        jpeg: frame.jpeg,
        width: frame.width,
        height: frame.height,
        sourceWidth: source.width === 0 ? frame.width : source.width,
        sourceHeight: source.height === 0 ? frame.height : source.height,
        timestamp: last,
        capturedAt: log.header.capturedAt,
      };
    }
    const death = await child.watch(child.end(), stallMs);
    await child.watch(ended, stallMs);
    const problem = conclude(log, death, budget.frames, last, secondsPerFrame);
    if (problem !== undefined) throw problem;
  } finally {
    await child.dispose();
  }
}

/** Counts what a video may give. */
class Budget {
  frames = 0;
  private bytes = 0;
  private readonly mostFrames: number;

  constructor(mediaBytes: number) {
    const credible = LIMITS.videoFramesBase + mediaBytes / LIMITS.videoBytesPerFrame;
    this.mostFrames = Math.floor(Math.min(LIMITS.videoFrames, credible));
  }

  /** @throws ERR_MEDIA_LIMIT */
  spend(bytes: number): void {
    this.frames++;
    this.bytes += bytes;
    if (this.frames > this.mostFrames)
      throw makeError(
        'ERR_MEDIA_LIMIT',
        `more than ${this.mostFrames} frames come out of this video; sample it more thinly`,
        { details: { mostFrames: this.mostFrames } },
      );
    if (this.bytes > LIMITS.videoOutputBytes)
      throw makeError('ERR_MEDIA_LIMIT', 'the frames of this video are too many bytes');
  }
}

/** Whether the end was a good one. Frames that came out are the taker's in any case. */
function conclude(
  log: FfmpegLog,
  death: LibraryError | undefined,
  frames: number,
  last: number,
  secondsPerFrame: number,
): LibraryError | undefined {
  const isOurs = death !== undefined && death.code !== 'ERR_MEDIA_DECODE';
  if (isOurs) return death;
  if (frames === 0) return refusal(log, death);
  const complaint = log.complaints[0];
  if (death !== undefined)
    return makeError(
      'ERR_MEDIA_DECODE',
      `damaged after ${frames} frames: ${complaint ?? death.message}`,
      { details: { ...death.details, frames } },
    );
  // Decoders repair much without a trace, which is fine. Frames that should be there and are not
  // are worth a word: there were complaints, and the file ends well before it said it would.
  const duration = log.header.durationSeconds ?? 0;
  if (complaint !== undefined && last + 2 + 2 * secondsPerFrame < duration)
    return makeError(
      'ERR_MEDIA_DECODE',
      `damaged: the file says ${duration} s, the last frame is at ${last.toFixed(1)} s (${complaint})`,
      { details: { frames, durationSeconds: duration, lastSeconds: last } },
    );
  return undefined;
}

/** Why there is no frame at all. */
export function refusal(log: FfmpegLog, death: LibraryError | undefined): LibraryError {
  const { header, complaints } = log;
  const complaint = complaints[0] ?? death?.message ?? 'no frame could be decoded';
  const details = { ...death?.details, frames: 0, complaints };
  if (log.isOpened && header.streams > 0 && header.codec === null)
    return makeError('ERR_MEDIA_UNSUPPORTED', 'the file has no video stream', { details });
  if (log.isOpened && header.streams === 0)
    return makeError('ERR_MEDIA_DECODE', 'the file has no streams', { details });
  const noDecoder = complaints.some((line) =>
    /Decoder .*not found|Unknown decoder|no decoder found|codec none/i.test(line),
  );
  if (noDecoder)
    return makeError(
      'ERR_MEDIA_UNSUPPORTED',
      `this ffmpeg has no decoder for ${header.codec ?? 'the stream'}`,
      { details },
    );
  return makeError('ERR_MEDIA_DECODE', `the video cannot be decoded: ${complaint}`, { details });
}
