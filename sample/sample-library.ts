/**
 * Writes the sample library: pictures through sharp, videos by piping raw frames into ffmpeg.
 * Ground truth is not written; `samplePlan` gives it again from the seed.
 */
import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { throwIfAborted } from '../lib/base/abort';
import { findVideoEncoders, writeVideo } from './film-writer';
import { renderPicture } from './draw/render';
import { samplePlan, type SamplePlan } from './sample-plan';

export interface SampleLibraryOptions {
  /** Default 300. */
  readonly pictures?: number;
  /** Default 6, alternating H.264 in MP4 and VP9 in WebM; 0 needs no ffmpeg. */
  readonly videos?: number;
  readonly seed?: number;
  /** Path or name of the ffmpeg program; default `ffmpeg`. */
  readonly ffmpegPath?: string;
  readonly signal?: AbortSignal;
  /** Called after each file: files done, files in all, path relative to the folder. */
  readonly onProgress?: (done: number, total: number, file: string) => void;
}

/**
 * Draws a library of pictures and short videos into `dir`, which is made if absent; files of the
 * same names are overwritten. About 20 seconds on one core with the default numbers.
 *
 * @returns the plan that was carried out
 * @throws ERR_FFMPEG_MISSING | ERR_MEDIA_UNSUPPORTED (ffmpeg without a needed encoder) |
 *   ERR_IO | ERR_ABORTED
 */
export async function drawSampleLibrary(
  dir: string,
  options: SampleLibraryOptions = {},
): Promise<SamplePlan> {
  const { seed = 2024, ffmpegPath = 'ffmpeg', signal, onProgress } = options;
  const plan = samplePlan(seed, options.pictures ?? 300, options.videos ?? 6);
  const total = plan.pictures.length + plan.videos.length;
  // Before the first picture: a missing encoder should not cost half a minute to find out.
  const encoders = plan.videos.length > 0 ? await findVideoEncoders(ffmpegPath) : undefined;
  const folders = new Set(
    [...plan.pictures, ...plan.videos].map((file) => path.dirname(file.path)),
  );
  for (const folder of folders) await mkdir(path.join(dir, folder), { recursive: true });
  let done = 0;
  const finish = (file: string): void => {
    done++;
    onProgress?.(done, total, file);
  };
  for (const picture of plan.pictures) {
    throwIfAborted(signal, 'drawing the sample library was aborted');
    const bytes = await renderPicture(picture.scene, picture.side, picture.format);
    await writeFile(path.join(dir, picture.path), bytes);
    finish(picture.path);
  }
  for (const video of plan.videos) {
    throwIfAborted(signal, 'drawing the sample library was aborted');
    if (encoders === undefined) break;
    await writeVideo(video.film, path.join(dir, video.path), {
      ffmpegPath,
      encoder: encoders[video.codec],
      signal,
    });
    finish(video.path);
  }
  return plan;
}
