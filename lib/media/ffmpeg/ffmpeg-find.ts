/** Finds ffmpeg: a setting, the optional package, the PATH; in this order. */
import { execFile } from 'node:child_process';
import { constants } from 'node:fs';
import { access } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { makeError, messageOf } from '../../base/errors';
import { ffmpegEnvironment } from './ffmpeg-process';

export interface Ffmpeg {
  /** Absolute path. */
  readonly ffmpeg: string;
  /** ffprobe beside it, if present; not needed. */
  readonly ffprobe?: string;
  /** As ffmpeg words it, for example `5.1.9-0+deb12u1` or `N-112345-gabc`. */
  readonly version: string;
  /** Major and minor as numbers; a development build counts as newest. */
  readonly release: readonly [number, number];
}

const VERSION_TIMEOUT_MS = 10_000;
const REMEDY =
  'install it (`apt install ffmpeg`, `brew install ffmpeg`, `winget install ffmpeg`) or set SIGHTLINE_FFMPEG to its path';

const run = promisify(execFile);
let found: Promise<Ffmpeg> | undefined;

/**
 * The ffmpeg to use; its version is read once per process. A failure is not cached: ffmpeg may be installed
 * later.
 *
 * @throws ERR_FFMPEG_MISSING with the remedy; also when a setting names something that does not run,
 *   because falling back would hide the mistake
 */
export function findFfmpeg(): Promise<Ffmpeg> {
  if (found === undefined) {
    found = search();
    found.catch(() => (found = undefined));
  }
  return found;
}

async function search(): Promise<Ffmpeg> {
  for (const name of ['SIGHTLINE_FFMPEG', 'FFMPEG_PATH']) {
    const setting = process.env[name];
    if (setting === undefined || setting === '') continue;
    try {
      return await describe(path.resolve(setting));
    } catch (cause) {
      throw makeError(
        'ERR_FFMPEG_MISSING',
        `${name} is ${setting}, which does not run: ${messageOf(cause)}`,
        { details: { setting: name, path: setting }, cause },
      );
    }
  }
  for (const candidate of [packaged(), ...onPath('ffmpeg')]) {
    if (candidate === undefined) continue;
    try {
      return await describe(candidate);
    } catch {
      // Absent, or not runnable: try the next.
    }
  }
  throw makeError('ERR_FFMPEG_MISSING', `videos need ffmpeg and none was found: ${REMEDY}`);
}

/** The binary of ffmpeg-static, which a project may install: an optional peer, because it is GPL and fetched by a script. */
function packaged(): string | undefined {
  try {
    // eslint-disable-next-line @typescript-eslint/no-require-imports
    const value: unknown = require('ffmpeg-static');
    return typeof value === 'string' ? value : undefined;
  } catch {
    return undefined;
  }
}

function onPath(name: string): string[] {
  const extension = process.platform === 'win32' ? '.exe' : '';
  return (process.env.PATH ?? '')
    .split(path.delimiter)
    .filter((dir) => path.isAbsolute(dir))
    .map((dir) => path.join(dir, name + extension));
}

async function describe(file: string): Promise<Ffmpeg> {
  await access(file, constants.X_OK);
  const { stdout } = await run(file, ['-hide_banner', '-version'], {
    timeout: VERSION_TIMEOUT_MS,
    env: ffmpegEnvironment(),
  });
  const version = /^ffmpeg version (\S+)/.exec(stdout)?.[1];
  if (version === undefined) throw new Error(`${file} is not ffmpeg`);
  const numbers = /^n?(\d+)\.(\d+)/.exec(version);
  const ffprobe = path.join(path.dirname(file), path.basename(file).replace('ffmpeg', 'ffprobe'));
  const hasProbe = ffprobe !== file && (await isRunnable(ffprobe));
  return {
    ffmpeg: file,
    ...(hasProbe ? { ffprobe } : {}),
    version,
    release: numbers === null ? [99, 0] : [Number(numbers[1]), Number(numbers[2])],
  };
}

async function isRunnable(file: string): Promise<boolean> {
  try {
    await access(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
