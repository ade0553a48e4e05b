/**
 * The sample library of the demo: drawn once into its own folder and reused. Combines the drawn scenes with
 * the ffmpeg that `media/` finds; knows nothing of models or indexes.
 */
import { existsSync, readdirSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { checkInteger } from '../base/options';
import { isLibraryError, makeError } from '../base/errors';
import { findFfmpeg } from '../media';
import { drawSampleLibrary } from '../../sample';

export interface PrepareOptions {
  readonly pictures?: number;
  readonly videos?: number;
  readonly signal?: AbortSignal;
  readonly onProgress?: (done: number, total: number, file: string) => void;
}

export interface PreparedSample {
  readonly pictures: number;
  readonly videos: number;
  /** True when the folder already held the same sample. */
  readonly isReused: boolean;
  /** Why no videos were drawn although some were requested. */
  readonly videoProblem: string | undefined;
}

interface Marker {
  /** Incremented when drawing changes, so that older samples are redrawn. */
  readonly version: number;
  readonly pictures: number;
  readonly videos: number;
  readonly isComplete: boolean;
}

const SAMPLE_VERSION = 1;
const MARKER = '.sample-library.json';
export const SAMPLE_PICTURES = 300;
export const SAMPLE_VIDEOS = 6;
const MAX_FILES = 100_000;

/**
 * Creates the sample in `dir` if it is not there. Without ffmpeg there are pictures only.
 *
 * @throws ERR_FILE_EXISTS when the folder holds anything that is not the sample; ERR_ARG_RANGE;
 *   ERR_ABORTED; ERR_IO
 */
export async function prepareSampleLibrary(
  dir: string,
  options: PrepareOptions = {},
): Promise<PreparedSample> {
  const pictures = checkInteger('pictures', options.pictures ?? SAMPLE_PICTURES, 0, MAX_FILES);
  const wantedVideos = checkInteger('videos', options.videos ?? SAMPLE_VIDEOS, 0, MAX_FILES);
  const marker = await readMarker(dir);
  if (marker === undefined && existsSync(dir) && readdirSync(dir).length > 0)
    throw makeError(
      'ERR_FILE_EXISTS',
      `${dir} holds other files: give the demo a new folder, for example "sightline demo my-demo"`,
      { details: { dir } },
    );
  const ffmpeg = wantedVideos > 0 ? await lookForFfmpeg() : {};
  const videos = ffmpeg.path === undefined ? 0 : wantedVideos;
  const wanted: Marker = { version: SAMPLE_VERSION, pictures, videos, isComplete: true };
  const isReused = JSON.stringify(marker) === JSON.stringify(wanted);
  if (!isReused) {
    await mkdir(dir, { recursive: true });
    // Marked incomplete until the last file: an interrupted drawing is redrawn, not refused.
    await writeMarker(dir, { ...wanted, isComplete: false });
    const { signal, onProgress } = options;
    await drawSampleLibrary(dir, {
      pictures,
      videos,
      ffmpegPath: ffmpeg.path,
      signal,
      onProgress,
    });
    await writeMarker(dir, wanted);
  }
  return { pictures, videos, isReused, videoProblem: ffmpeg.problem };
}

async function lookForFfmpeg(): Promise<{ path?: string; problem?: string }> {
  try {
    return { path: (await findFfmpeg()).ffmpeg };
  } catch (error) {
    if (isLibraryError(error) && error.code === 'ERR_FFMPEG_MISSING')
      return { problem: error.message };
    throw error;
  }
}

async function readMarker(dir: string): Promise<Marker | undefined> {
  try {
    return JSON.parse(await readFile(path.join(dir, MARKER), 'utf8')) as Marker;
  } catch {
    // Absent, or truncated by a crash: then the folder counts as foreign unless it is empty.
    return undefined;
  }
}

function writeMarker(dir: string, marker: Marker): Promise<void> {
  return writeFile(path.join(dir, MARKER), `${JSON.stringify(marker)}\n`);
}
