/** What the commands below `exr` share: the files they are given, and one outcome a file. */
import { createInterface } from 'node:readline';
import { isLibraryError, makeError } from '../../../base/errors';
import { inspectExr, type ExrPayload } from '../../../exr';
import { printable } from '../../output/format';
import type { Io } from '../../output/io';
import type { Flags } from '../../session';

export type Inspected =
  | { readonly file: string; readonly payload: ExrPayload }
  | { readonly file: string; readonly error: { readonly code: string; readonly message: string } };

/** Most headers are read in well under a millisecond; more at once only wait for the disk. */
const AT_ONCE = 16;

/** @throws ERR_ARG_TYPE for two forms of output at once */
export function checkForms(flags: Flags, io: Io): void {
  if (flags.ndjson === true && io.isJson)
    throw makeError('ERR_ARG_TYPE', '--json and --ndjson exclude each other: give one of them');
}

/**
 * The headers of the files, in order. A file that fails is an outcome, told on stderr; the others go on.
 *
 * @param words  paths; `-` stands for the lines of standard input
 */
export async function* inspectFiles(words: readonly string[], io: Io): AsyncGenerator<Inspected> {
  let part: string[] = [];
  for await (const file of pathsOf(words)) {
    part.push(file);
    if (part.length < AT_ONCE) continue;
    yield* await Promise.all(part.map((one) => inspect(one, io)));
    part = [];
  }
  yield* await Promise.all(part.map((one) => inspect(one, io)));
}

async function* pathsOf(words: readonly string[]): AsyncGenerator<string> {
  for (const word of words) {
    if (word !== '-') yield word;
    else
      for await (const line of createInterface({ input: process.stdin, crlfDelay: Infinity }))
        if (line !== '') yield line;
  }
}

async function inspect(file: string, io: Io): Promise<Inspected> {
  try {
    return { file, payload: await inspectExr(file) };
  } catch (error) {
    if (!isLibraryError(error) || !error.code.startsWith('ERR_MEDIA_')) throw error;
    io.problem(`${printable(error.message)} (${error.code})`);
    return { file, error: { code: error.code, message: error.message } };
  }
}
