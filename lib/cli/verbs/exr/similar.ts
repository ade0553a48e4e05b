/** `exr similar`: files like one file, or with --pairs all files that are like each other. */
import path from 'node:path';
import { makeError } from '../../../base/errors';
import type { ExrBy, Library } from '../../../library';
import { EXIT, type ExitCode } from '../../exit-codes';
import { count, printable } from '../../output/format';
import type { Io } from '../../output/io';
import { openSession, startSession, type Flags } from '../../session';

export async function runExrSimilar(
  words: readonly string[],
  flags: Flags,
  io: Io,
): Promise<ExitCode> {
  const isPairs = flags.pairs === true;
  const [file, root] = isPairs ? [undefined, words[0]] : words;
  if (!isPairs && file === undefined)
    throw makeError(
      'ERR_ARG_TYPE',
      'name a file, or say --pairs for all files that are like each other',
    );
  const session = startSession(root, flags, io);
  await using library = await openSession(session, { readOnly: true, named: false });
  const by = (flags.by ?? 'metadata') as ExrBy;
  const maxDistance = numberOf('--max-distance', flags.maxDistance);
  const found = isPairs
    ? await showPairs(library, by, maxDistance, numberOf('--limit', flags.limit), io)
    : await showSimilar(
        library,
        path.resolve(file as string),
        { by, maxDistance, k: numberOf('--k', flags.k) },
        io,
      );
  return found === 0 && flags.failEmpty === true ? EXIT.noMatch : EXIT.ok;
}

async function showSimilar(
  library: Library,
  file: string,
  options: { by: ExrBy; maxDistance: number | undefined; k: number | undefined },
  io: Io,
): Promise<number> {
  const files = await library.exr.similar(file, options);
  if (io.isJson) io.json({ file, by: options.by, results: files });
  else
    io.table(
      [{ title: 'distance', align: 'right' }, { title: 'file' }],
      files.map(({ distance, path: name }) => [distance.toFixed(4), printable(name)]),
    );
  return files.length;
}

async function showPairs(
  library: Library,
  by: ExrBy,
  maxDistance: number | undefined,
  limit: number | undefined,
  io: Io,
): Promise<number> {
  if (by !== 'metadata' && by !== 'channels')
    throw makeError('ERR_ARG_RANGE', '--pairs compares by metadata or channels');
  const report = await library.exr.pairs({ by, maxDistance, limit });
  if (io.isJson) io.json({ by, ...report });
  else {
    io.table(
      [{ title: 'distance', align: 'right' }, { title: 'file' }, { title: 'and' }],
      report.pairs.map(({ a, b, distance }) => [distance.toFixed(4), printable(a), printable(b)]),
    );
    io.note(`${count(report.pairs.length, 'pair')} in ${count(report.clusters.length, 'cluster')}`);
    if (report.isTruncated)
      io.note('there are more pairs: --limit shows more, a smaller --max-distance finds fewer');
  }
  return report.pairs.length;
}

function numberOf(name: string, value: unknown): number | undefined {
  if (value === undefined) return undefined;
  const number = Number(value);
  if (String(value).trim() !== '' && Number.isFinite(number)) return number;
  throw makeError('ERR_ARG_RANGE', `${name} is a number, received "${String(value)}"`);
}
