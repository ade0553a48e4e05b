/** `backup`: copies the library, even while another process writes to it. */
import { makeError } from '../../base/errors';
import { backupLibrary, type LibraryBackupReport } from '../../library/backup';
import { EXIT, type ExitCode } from '../exit-codes';
import { count, printable } from '../output/format';
import { untilInterrupted } from '../interrupt';
import type { Io } from '../output/io';
import { makeProgress } from '../output/progress';
import type { ProgressStyle } from '../output/progress-style';
import { existingLibrary, startSession, type Flags } from '../session';

export async function runBackupVerb(
  words: readonly string[],
  flags: Flags,
  io: Io,
): Promise<ExitCode> {
  const [target = '', root] = words;
  const session = startSession(root, flags, io);
  const dir = existingLibrary(session);
  if (dir === undefined) {
    throw makeError(
      'ERR_LIBRARY_MISSING',
      `${printable(session.shownRoot)} has no library yet: there is nothing to back up`,
    );
  }
  const progress = makeProgress((flags.progress ?? 'auto') as ProgressStyle, io.isQuiet);
  let report: LibraryBackupReport;
  try {
    report = await untilInterrupted(io, 'stopping; no backup is left', (signal) =>
      backupLibrary(dir, target, {
        root: session.root,
        signal,
        onProgress: (done, total) =>
          progress.show({
            phase: 'backup',
            done,
            total,
            frames: done,
            framesTotal: total,
            path: '',
          }),
      }),
    );
  } finally {
    progress.end();
  }
  if (io.isJson) io.json(report);
  else {
    const what = `${count(report.media, 'file')}, ${count(report.frames, 'frame')}, ${count(report.vectors, 'vector')}`;
    io.line(`${printable(report.path)}: ${what}`);
  }
  if (report.isWithoutVectors)
    io.note('the vectors are in PostgreSQL and not in the copy: back them up with pg_dump');
  if (report.framesMissing > 0)
    io.note(
      `${count(report.framesMissing, 'frame')} had no picture any more: "sightline verify --repair" makes them again`,
    );
  return report.framesMissing > 0 ? EXIT.partial : EXIT.ok;
}
