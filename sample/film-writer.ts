/** Encodes films: raw RGB frames are piped into ffmpeg. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { abortedError } from '../lib/base/abort';
import { decoderEnvironment } from '../lib/base/child-environment';
import { makeError, messageOf } from '../lib/base/errors';
import { filmFrames, sceneAt, type Film } from './motion';
import { renderPixels } from './draw/render';

export type VideoCodec = 'h264' | 'vp9';

/** Best first. Software encoders only: ffmpeg lists hardware encoders even where they cannot run. */
const ENCODERS: Readonly<Record<VideoCodec, readonly string[]>> = {
  h264: ['libx264', 'libopenh264', 'h264_videotoolbox', 'h264_mf'],
  vp9: ['libvpx-vp9'],
};

/** Arguments by encoder; others get ffmpeg's defaults and a bit rate. */
const ENCODER_ARGS: Readonly<Record<string, readonly string[]>> = {
  libx264: ['-preset', 'veryfast', '-crf', '23'],
  'libvpx-vp9': ['-deadline', 'realtime', '-cpu-used', '8', '-b:v', '0', '-crf', '33'],
};

export interface WriteVideoOptions {
  readonly ffmpegPath: string;
  /** A name from `findVideoEncoders`. */
  readonly encoder: string;
  readonly signal?: AbortSignal;
}

/**
 * The best encoder that this ffmpeg has for each codec of the sample library.
 *
 * @throws ERR_FFMPEG_MISSING | ERR_MEDIA_UNSUPPORTED
 */
export async function findVideoEncoders(ffmpegPath: string): Promise<Record<VideoCodec, string>> {
  const child = start(ffmpegPath, ['-hide_banner', '-encoders'], 'pipe');
  let listing = '';
  child.stdout?.on('data', (chunk: Buffer) => (listing += chunk.toString()));
  await ended(child, ffmpegPath);
  const names = new Set(listing.split('\n').map((line) => line.trim().split(/\s+/)[1] ?? ''));
  const choose = (codec: VideoCodec): string => {
    const name = ENCODERS[codec].find((encoder) => names.has(encoder));
    if (name !== undefined) return name;
    throw makeError(
      'ERR_MEDIA_UNSUPPORTED',
      `${ffmpegPath} has none of the ${codec} encoders ${ENCODERS[codec].join(', ')}`,
      { details: { ffmpegPath, codec } },
    );
  };
  return { h264: choose('h264'), vp9: choose('vp9') };
}

/**
 * Encodes a film into `file`, which is overwritten; the extension decides the container.
 *
 * @throws ERR_FFMPEG_MISSING | ERR_IO | ERR_ABORTED
 */
export async function writeVideo(
  film: Film,
  file: string,
  options: WriteVideoOptions,
): Promise<void> {
  const { ffmpegPath, encoder, signal } = options;
  const child = start(
    ffmpegPath,
    [
      ...['-hide_banner', '-loglevel', 'error', '-y'],
      ...['-f', 'rawvideo', '-pix_fmt', 'rgb24', '-s', `${film.width}x${film.height}`],
      ...['-r', String(film.framesPerSecond), '-i', 'pipe:0'],
      ...['-an', '-c:v', encoder, ...(ENCODER_ARGS[encoder] ?? ['-b:v', '600k'])],
      ...['-pix_fmt', 'yuv420p', '-g', String(film.framesPerSecond * 2), '-threads', '1'],
      ...(file.endsWith('.mp4') ? ['-movflags', '+faststart'] : []),
      `file:${file}`,
    ],
    'ignore',
  );
  const end = ended(child, ffmpegPath);
  // Awaited below; until then a rejection must not be unhandled.
  end.catch(() => undefined);
  const input = child.stdin;
  if (input === null) throw makeError('ERR_INTERNAL', 'ffmpeg was started without an input pipe');
  input.on('error', () => undefined); // EPIPE; ffmpeg's exit status says why.
  const total = filmFrames(film);
  for (let i = 0; i < total && isRunning(child); i++) {
    if (signal?.aborted === true) {
      child.kill('SIGKILL');
      await end.catch(() => undefined);
      throw abortedError(signal, `writing ${file} was aborted`);
    }
    const side = Math.min(film.width, film.height);
    const { data } = await renderPixels(sceneAt(film, i / film.framesPerSecond), side);
    if (!input.write(data)) await Promise.race([once(input, 'drain'), end]).catch(() => undefined);
  }
  input.end();
  await end;
}

function start(
  ffmpegPath: string,
  args: readonly string[],
  stdout: 'pipe' | 'ignore',
): ChildProcess {
  return spawn(ffmpegPath, args, {
    stdio: ['pipe', stdout, 'pipe'],
    env: decoderEnvironment({}),
    windowsHide: true,
  });
}

function isRunning(child: ChildProcess): boolean {
  return child.exitCode === null && child.signalCode === null;
}

/** Resolves when ffmpeg has exited; rejects with the end of its stderr. */
function ended(child: ChildProcess, ffmpegPath: string): Promise<void> {
  let words = '';
  child.stderr?.on('data', (chunk: Buffer) => (words = (words + chunk.toString()).slice(-2000)));
  return new Promise((resolve, reject) => {
    child.once('error', (error) => {
      reject(
        makeError('ERR_FFMPEG_MISSING', `cannot run ${ffmpegPath}: ${messageOf(error)}`, {
          details: { ffmpegPath },
          cause: error,
        }),
      );
    });
    child.once('close', (code, killedBy) => {
      if (code === 0) resolve();
      else {
        reject(
          makeError('ERR_IO', `ffmpeg ended with ${code ?? killedBy}: ${words.trim()}`, {
            details: { ffmpegPath, code, signal: killedBy },
          }),
        );
      }
    });
  });
}
