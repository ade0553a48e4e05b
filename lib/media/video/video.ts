/**
 * Samples frames of a video in one run of ffmpeg that describes, samples, scales and encodes. Memory stays
 * bounded: ffmpeg waits while the consumer is busy.
 *
 * Damaged videos yield their decodable frames first, then throw. The consumer decides whether to keep them
 * (`details.frames` is their number).
 */
import { makeError } from '../../base/errors';
import type { MediaLimits } from '../../base/types';
import { findFfmpeg } from '../ffmpeg/ffmpeg-find';
import { FfmpegProcess, inputName, type FfmpegRun } from '../ffmpeg/ffmpeg-process';
import type { DecodedFrame } from '../frame';
import { checkMaxSize } from '../image/image';
import { LIMITS } from '../limits';
import { assertUnchanged, openMedia, type OpenedFile } from '../safe-open';
import { sniff, SNIFF_BYTES, type VideoFormat } from '../sniff';
import { filmTracks, uprightSize } from '../ffmpeg/film-track';
import {
  inputArgs,
  outputArgs,
  PLAIN_VIEW,
  samplingOf,
  type FilmView,
  type SamplingOptions,
} from './video-args';
import { followLog, refusal, runFrames, type Again } from './video-run';

export interface SampleOptions extends SamplingOptions {
  /** Longest side of the frames in pixels; smaller videos stay as they are. */
  readonly maxSize?: number;
  readonly limits?: MediaLimits;
  readonly signal?: AbortSignal;
}

/** Most runs per video: a few tracks, each with up to two views. */
const MOST_RUNS = 8;

export interface VideoInfo {
  readonly durationSeconds: number | null;
  /** Upright, pixels made square. */
  readonly width: number;
  readonly height: number;
  /** Degrees the stored pictures are turned clockwise for display. */
  readonly rotation: number;
  readonly codec: string;
  readonly fps: number | null;
  readonly capturedAt: string | null;
}

/**
 * Samples the track that players play: upright, in sRGB, HDR tone-mapped, each frame in its own size. Most
 * videos need one run of ffmpeg; another track, other colours or changing sizes need a second.
 *
 * Timestamps are presentation times in seconds from the earliest start of the file's streams, exact to the
 * stream's time base.
 *
 * @throws ERR_FFMPEG_MISSING | ERR_MEDIA_UNSUPPORTED | ERR_MEDIA_DECODE | ERR_MEDIA_LIMIT |
 *   ERR_MEDIA_MISSING | ERR_MEDIA_CHANGED | ERR_TIMEOUT | ERR_ABORTED | ERR_ARG_RANGE
 */
export async function* sampleVideo(
  file: { readonly absPath: string },
  options: SampleOptions = {},
): AsyncGenerator<DecodedFrame> {
  const sampling = samplingOf(options);
  const maxSize = checkMaxSize(options.maxSize);
  const ffmpeg = await findFfmpeg();
  const opened = await openMedia(file.absPath);
  try {
    const format = await videoFormatOf(opened);
    const start = (view: FilmView): FfmpegProcess => {
      const args = [
        ...inputArgs(format, inputName(file.absPath), sampling.input),
        ...outputArgs(ffmpeg, sampling.select, maxSize, view),
      ];
      return new FfmpegProcess(runOf(ffmpeg.ffmpeg, args, opened, options.signal, view.cube?.dir));
    };
    const failedTracks = new Set<number>();
    let again: Again | undefined = { view: PLAIN_VIEW, given: 0 };
    for (let runs = 0; again !== undefined; runs++) {
      if (runs === MOST_RUNS)
        throw makeError('ERR_MEDIA_DECODE', `no track could be decoded in ${MOST_RUNS} runs`);
      const { view, given, failedTrack }: Again = again;
      if (failedTrack !== undefined) failedTracks.add(failedTrack);
      again = yield* runFrames(start(view), {
        ...{ view, maxSize, failedTracks, skip: given },
        mediaBytes: Number(opened.identity.size),
        mostFrames: options.limits?.videoFrames ?? LIMITS.videoFrames,
        secondsPerFrame: sampling.secondsPerFrame,
      });
    }
    await assertUnchanged(opened, file.absPath);
  } finally {
    await opened.handle.close();
  }
}

/**
 * Reads the container's description; decodes nothing.
 *
 * @throws as `sampleVideo`
 */
export async function probeVideo(
  file: { readonly absPath: string },
  options: { readonly signal?: AbortSignal } = {},
): Promise<VideoInfo> {
  const ffmpeg = await findFfmpeg();
  const opened = await openMedia(file.absPath);
  try {
    const args = inputArgs(await videoFormatOf(opened), inputName(file.absPath));
    const child = new FfmpegProcess(runOf(ffmpeg.ffmpeg, args, opened, options.signal));
    try {
      const { log, ended } = followLog(child);
      await child.watch(ended, LIMITS.videoStallMs);
      // Without an output ffmpeg always fails; only a kill counts.
      await child.end();
      if (child.verdict !== undefined) throw child.verdict;
      const [track] = filmTracks(log.tracks);
      if (track === undefined) throw refusal(log, undefined, undefined);
      const { rotation, codec, fps } = track;
      const { durationSeconds, capturedAt } = log.header;
      return { ...uprightSize(track), durationSeconds, rotation, codec, fps, capturedAt };
    } finally {
      await child.dispose();
    }
  } finally {
    await opened.handle.close();
  }
}

function runOf(
  ffmpeg: string,
  args: readonly string[],
  opened: OpenedFile,
  signal: AbortSignal | undefined,
  cwd?: string,
): FfmpegRun {
  return {
    cwd,
    ...{ ffmpeg, args, mediaFd: opened.handle.fd, mediaBytes: Number(opened.identity.size) },
    signal,
  };
}

/** @throws ERR_MEDIA_UNSUPPORTED unless the first bytes are those of a supported container */
async function videoFormatOf(opened: OpenedFile): Promise<VideoFormat> {
  const head = Buffer.alloc(SNIFF_BYTES);
  const { bytesRead } = await opened.handle.read(head, 0, head.length, 0);
  const sniffed = sniff(head.subarray(0, bytesRead));
  switch (sniffed.type) {
    case 'video':
      return sniffed.format;
    case 'image':
      throw makeError('ERR_MEDIA_UNSUPPORTED', 'the file is a picture, not a video');
    case 'unsupported':
      throw makeError('ERR_MEDIA_UNSUPPORTED', sniffed.reason, {
        details: { format: sniffed.name },
      });
    case 'unknown':
      if (bytesRead === 0) throw makeError('ERR_MEDIA_DECODE', 'the file is empty');
      throw makeError('ERR_MEDIA_UNSUPPORTED', 'unknown video format');
  }
}
