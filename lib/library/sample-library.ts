/**
 * The sample library of the demo: drawn once into a folder of its own and reused afterwards. Joins
 * the drawn scenes with the ffmpeg that `media/` finds; knows nothing of models or indexes.
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
  /** True when the folder held the same sample already and nothing was drawn. */
  readonly isReused: boolean;
  /** Why there are no videos although some were asked for. */
  readonly videoProblem: string | undefined;
}

interface Marker {
  /** Raised when drawing changes, so that an older sample is drawn again. */
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
 * Makes sure that `dir` holds the sample. Without ffmpeg there are pictures only.
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
    // Incomplete until the last file: an interrupted drawing is drawn again, not refused.
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
    // None, or cut off by a crash: then the folder counts as somebody else's unless it is empty.
    return undefined;
  }
}

function writeMarker(dir: string, marker: Marker): Promise<void> {
  return writeFile(path.join(dir, MARKER), `${JSON.stringify(marker)}\n`);
}
