/** `exr anomalies`: files of sequences whose structure departs from their neighbours. */
import path from 'node:path';
import { EXIT, type ExitCode } from '../../exit-codes';
import { count, printable } from '../../output/format';
import type { Io } from '../../output/io';
import { existingLibrary, openSession, startSession, type Flags } from '../../session';

/** The library is that of the folder, or the next one above that has one. */
export async function runExrAnomalies(
  words: readonly string[],
  flags: Flags,
  io: Io,
): Promise<ExitCode> {
  const folder = path.resolve(words[0] ?? '.');
  let session = startSession(words[0], flags, io);
  for (let at = folder; existingLibrary(session) === undefined;) {
    const above = path.dirname(at);
    if (above === at) {
      // Says that there is none, and what to do.
      session = startSession(words[0], flags, io);
      break;
    }
    at = above;
    session = startSession(at, flags, io);
  }
  await using library = await openSession(session, { readOnly: true, named: false });
  const anomalies = library.exr.anomalies(folder);
  if (io.isJson) io.json({ anomalies });
  else if (anomalies.length === 0) io.note('every file is built as its neighbours are');
  else
    io.table(
      [{ title: 'file' }, { title: 'field' }, { title: 'neighbours' }, { title: 'this file' }],
      anomalies.flatMap(({ path: name, differences }) =>
        differences.map(({ field, expected, found }) =>
          [name, field, expected, found].map(printable),
        ),
      ),
    );
  if (anomalies.length > 0) io.note(count(anomalies.length, 'file'));
  return anomalies.length === 0 && flags.failEmpty === true ? EXIT.noMatch : EXIT.ok;
}
