/**
 * Decodes a file's audio to mono samples at one rate, in one run of ffmpeg. Its resampler filters
 * frequencies above the lower rate's limit; channels are averaged, as librosa does for spec 001.
 *
 * A damaged or truncated file gives the samples that decode; `complaint` has ffmpeg's first error.
 */
import { makeError, type LibraryError } from '../../base/errors';
import { sniffAudio, type SniffedAudio } from '../audio-sniff';
import { readMono } from './audio-stream';
import { findFfmpeg } from '../ffmpeg/ffmpeg-find';
import { FfmpegProcess, inputName } from '../ffmpeg/ffmpeg-process';
import { LIMITS } from '../limits';
import { assertUnchanged, openMedia, type OpenedFile } from '../safe-open';
import { SNIFF_BYTES } from '../sniff';
import { inputArgs } from '../video/video-args';
import { followLog } from '../video/video-run';

/** Sample rate of wav2vec2. */
export const DEFAULT_SAMPLE_RATE = 16_000;
/** Spec 001. */
export const DEFAULT_AUDIO_SECONDS = 90;

export interface DecodeAudioOptions {
  /** Samples per second; default 16,000. */
  readonly sampleRate?: number;
  /** Longer audio is truncated; default 90, at most 3600. */
  readonly maxSeconds?: number;
  readonly signal?: AbortSignal;
}

export interface DecodedAudio {
  /** Mono, about -1 to 1, newly allocated. */
  readonly samples: Float32Array;
  readonly sampleRate: number;
  /** Of `samples`; the file may be longer. */
  readonly durationSeconds: number;
  /** ffmpeg's first error, in a file that decoded anyway. */
  readonly complaint?: string;
}

/**
 * Decodes the first audio stream of an audio or video file from its beginning.
 *
 * @throws ERR_FFMPEG_MISSING | ERR_MEDIA_UNSUPPORTED (no audio stream, no samples, or unknown format) |
 *   ERR_MEDIA_DECODE | ERR_MEDIA_LIMIT | ERR_MEDIA_MISSING | ERR_MEDIA_CHANGED | ERR_TIMEOUT |
 *   ERR_ABORTED | ERR_ARG_RANGE
 * Cost: memory of the samples, 5.8 MB for 90 s.
 */
export async function decodeAudio(
  file: { readonly absPath: string },
  options: DecodeAudioOptions = {},
): Promise<DecodedAudio> {
  const sampleRate = within('sampleRate', options.sampleRate ?? DEFAULT_SAMPLE_RATE, 1000, 192_000);
  const maxSeconds = within('maxSeconds', options.maxSeconds ?? DEFAULT_AUDIO_SECONDS, 0.001, 3600);
  const { ffmpeg } = await findFfmpeg();
  const opened = await openMedia(file.absPath);
  try {
    const { format, decoder } = await audioFormatOf(opened);
    const args = [
      ...inputArgs(format, inputName(file.absPath), decoder ? ['-c:a', decoder] : []),
      ...['-map', '0:a:0', '-vn', '-sn', '-dn', '-map_metadata', '-1', '-t', String(maxSeconds)],
      ...['-ar', String(sampleRate), '-c:a', 'pcm_f32be', '-f', 'au', 'pipe:1'],
    ];
    const { signal } = options;
    const child = new FfmpegProcess({
      ...{ ffmpeg, args, mediaFd: opened.handle.fd, mediaBytes: Number(opened.identity.size) },
      signal,
    });
    const decoded = await run(child, Math.ceil(maxSeconds * sampleRate));
    await assertUnchanged(opened, file.absPath);
    const durationSeconds = decoded.samples.length / sampleRate;
    return { ...decoded, sampleRate, durationSeconds };
  } finally {
    await opened.handle.close();
  }
}

/** The child has ended when this settles. */
async function run(
  child: FfmpegProcess,
  maxSamples: number,
): Promise<{ samples: Float32Array; complaint?: string }> {
  try {
    const { log, ended } = followLog(child);
    // Unused, but it must be read to be closed.
    child.index.resume();
    const samples = await child.watch(readMono(child.frames, maxSamples), LIMITS.videoStallMs);
    const death = await child.watch(child.end(), LIMITS.videoStallMs);
    await child.watch(ended, LIMITS.videoStallMs);
    const [complaint] = log.complaints;
    const problem = judge(death, samples?.length ?? 0, complaint, log.isOpened);
    if (problem !== undefined || samples === undefined) throw problem;
    return { samples, complaint };
  } finally {
    await child.dispose();
  }
}

function judge(
  death: LibraryError | undefined,
  samples: number,
  complaint: string | undefined,
  isOpened: boolean,
): LibraryError | undefined {
  const details = { ...death?.details, samples };
  if (death !== undefined && death.code !== 'ERR_MEDIA_DECODE') return death;
  if (complaint !== undefined && /matches no streams|does not contain any stream/i.test(complaint))
    return makeError('ERR_MEDIA_UNSUPPORTED', 'the file has no audio', { details });
  if (death !== undefined)
    return makeError(
      'ERR_MEDIA_DECODE',
      `the sound cannot be decoded: ${complaint ?? death.message}`,
      { details },
    );
  if (samples > 0) return undefined;
  return isOpened && complaint === undefined
    ? makeError('ERR_MEDIA_UNSUPPORTED', 'the sound has no samples', { details })
    : makeError('ERR_MEDIA_DECODE', `no sound could be decoded: ${complaint ?? 'it is empty'}`, {
        details,
      });
}

async function audioFormatOf(opened: OpenedFile): Promise<SniffedAudio> {
  const head = Buffer.alloc(SNIFF_BYTES);
  const { bytesRead } = await opened.handle.read(head, 0, head.length, 0);
  const sniffed = sniffAudio(head.subarray(0, bytesRead));
  if (sniffed !== undefined) return sniffed;
  if (bytesRead === 0) throw makeError('ERR_MEDIA_DECODE', 'the file is empty');
  throw makeError('ERR_MEDIA_UNSUPPORTED', 'unknown audio format');
}

function within(name: string, value: number, low: number, high: number): number {
  if (typeof value === 'number' && value >= low && value <= high) return value;
  throw makeError('ERR_ARG_RANGE', `${name} must be from ${low} to ${high}, received ${value}`, {
    details: { name, value },
  });
}
