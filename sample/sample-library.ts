/** Writes the sample library. The ground truth is not written: `samplePlan` derives it from the seed. */
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
  /** Called after each file; `file` is relative to the folder. */
  readonly onProgress?: (done: number, total: number, file: string) => void;
}

/**
 * Draws pictures and short videos into `dir`, which is created if absent; existing files are overwritten.
 *
 * @returns the plan of the files written
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
  // Before the pictures, which take much longer than finding out that an encoder is missing.
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
