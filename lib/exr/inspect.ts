/** Reads the headers of a file from disk, and nothing behind them: a file of 2 GB costs what one of 2 kB costs. */
import * as fs from 'node:fs';
import { promisify } from 'node:util';
import { throwIfAborted } from '../base/abort';
import { isLibraryError, makeError, messageOf } from '../base/errors';
import { isMissing } from '../base/files/system-errors';
import {
  objectOf,
  readOptions,
  SIGNAL,
  STRING,
  type OptionRules,
  wrongType,
} from '../base/options';
import { damaged, EndsEarly, overLimit } from './header/cursor';
import { DEFAULT_EXR_LIMITS, EXR_LIMIT_RULES, type ExrLimits } from './header/limits';
import { parseBytes } from './header/parse';
import type { ExrPayload } from './payload';

export interface InspectExrOptions {
  /** For `file.path` of the payload, where it shall not be the path that is read. */
  readonly as?: string;
  readonly limits?: ExrLimits;
  readonly signal?: AbortSignal;
}

const INSPECT_OPTIONS: OptionRules<InspectExrOptions> = {
  as: STRING,
  limits: objectOf(EXR_LIMIT_RULES),
  signal: SIGNAL,
};

// Plain descriptors: a `FileHandle` costs as much as all the rest of a file.
const open = promisify(fs.open);
const fstat = promisify(fs.fstat);
const read = promisify(fs.read);
const close = promisify(fs.close);

/** Most headers are shorter. */
const FIRST_READ = 8192;
/** A FIFO must not block. */
const FLAGS = fs.constants.O_RDONLY | (fs.constants.O_NONBLOCK ?? 0);

/**
 * The facts of an OpenEXR file, from its headers alone: single-part, multipart, tiled, deep, multi-view, with names of any length.
 * Values of attributes are kept up to `limits.maxValueBytes`; previews keep their size, not their pixels.
 *
 * @param path  becomes `file.path` as it is, unless `options.as` says otherwise
 * @throws ERR_MEDIA_MISSING; ERR_MEDIA_UNSUPPORTED when it is no OpenEXR file of version 2, or no regular file; ERR_MEDIA_DECODE
 * when it is damaged or cannot be read; ERR_MEDIA_LIMIT; ERR_ABORTED; ERR_ARG_TYPE | ERR_ARG_RANGE
 */
export async function inspectExr(
  path: string,
  options: InspectExrOptions = {},
): Promise<ExrPayload> {
  const { as = path, limits, signal } = readOptions('options', options, INSPECT_OPTIONS);
  if (typeof path !== 'string') throw wrongType('path', 'a string', path);
  throwIfAborted(signal);
  const file = await openFile(path);
  try {
    return await readHeaders(file, as, { ...DEFAULT_EXR_LIMITS, ...limits }, signal);
  } catch (error) {
    throw withPath(error, path);
  } finally {
    await close(file);
  }
}

async function openFile(path: string): Promise<number> {
  try {
    return await open(path, FLAGS);
  } catch (cause) {
    const details = { path, system: (cause as NodeJS.ErrnoException).code };
    if (isMissing(cause))
      throw makeError('ERR_MEDIA_MISSING', `${path} does not exist`, { details, cause });
    throw makeError('ERR_MEDIA_DECODE', `${path} cannot be read: ${messageOf(cause)}`, {
      details,
      cause,
    });
  }
}

async function readHeaders(
  file: number,
  path: string,
  limits: Required<ExrLimits>,
  signal: AbortSignal | undefined,
): Promise<ExrPayload> {
  const stats = await fstat(file);
  if (!stats.isFile()) throw makeError('ERR_MEDIA_UNSUPPORTED', 'not a regular file');
  const context = { path, fileSize: stats.size };
  let bytes: Buffer = Buffer.alloc(Math.min(FIRST_READ, stats.size));
  let filled = 0;
  for (;;) {
    throwIfAborted(signal);
    filled += await fill(file, bytes, filled);
    try {
      return parseBytes(bytes.subarray(0, filled), context, limits);
    } catch (error) {
      if (!(error instanceof EndsEarly)) throw error;
      if (filled >= stats.size || filled < bytes.length)
        throw damaged(error.message, { needed: error.needed, size: stats.size });
      if (error.needed > limits.maxHeaderBytes)
        throw overLimit(`more than ${limits.maxHeaderBytes} bytes`);
      bytes = grown(bytes, error.needed, Math.min(stats.size, limits.maxHeaderBytes));
    }
  }
}

/** Four times the bytes, so that all passes together cost little more than the last. */
function grown(bytes: Buffer, needed: number, most: number): Buffer {
  const larger = Buffer.alloc(Math.min(most, Math.max(needed, bytes.length * 4)));
  bytes.copy(larger);
  return larger;
}

async function fill(file: number, bytes: Buffer, from: number): Promise<number> {
  let at = from;
  while (at < bytes.length) {
    const { bytesRead } = await read(file, bytes, at, bytes.length - at, at);
    if (bytesRead === 0) break;
    at += bytesRead;
  }
  return at - from;
}

/** The header's reader knows no path; whoever reads the message wants one. */
function withPath(error: unknown, path: string): unknown {
  if (!isLibraryError(error)) {
    if ((error as NodeJS.ErrnoException | undefined)?.syscall === undefined) return error;
    return makeError('ERR_MEDIA_DECODE', `${path} cannot be read: ${messageOf(error)}`, {
      details: { path, system: (error as NodeJS.ErrnoException).code },
      cause: error,
    });
  }
  if (!error.code.startsWith('ERR_MEDIA_')) return error;
  return makeError(error.code, `${path}: ${error.message}`, {
    details: { ...error.details, path },
    cause: error,
  });
}
