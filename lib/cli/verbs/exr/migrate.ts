/** `exr migrate`: embeds the EXR files of a library by another version. */
import { EXIT, type ExitCode } from '../../exit-codes';
import { count } from '../../output/format';
import type { Io } from '../../output/io';
import { untilInterrupted } from '../../interrupt';
import { openSession, startSession, type Flags } from '../../session';

export async function runExrMigrate(
  words: readonly string[],
  flags: Flags,
  io: Io,
): Promise<ExitCode> {
  const session = startSession(words[0], flags, io);
  await using library = await openSession(session, { create: false, named: false });
  const to = flags.to === '1' ? 1 : 2;
  const onFirst = 'stopping; what was finished is kept, and the next run resumes here';
  const stats = await untilInterrupted(io, onFirst, (signal) =>
    library.exr.migrate({ to, dropOther: flags.dropOther === true, signal }),
  );
  if (io.isJson) io.json(stats);
  else io.line(`${count(stats.embedded, 'file')} embedded by version ${stats.version}`);
  return EXIT.ok;
}
