/** `sync`, and its halves `ingest` and `index`. */
import { EXIT, type ExitCode } from '../exit-codes';
import type { Io } from '../output/io';
import type { ProgressStyle } from '../output/progress-style';
import { rememberRules } from '../remembered-rules';
import { openSession, startSession, syncOptionsOf, type Flags } from '../session';
import { describeReport } from '../output/sync-report';
import { exitCodeOfSync, runSync } from '../sync-run';

export type SyncVerb = 'sync' | 'ingest' | 'index';

export async function runSyncVerb(
  verb: SyncVerb,
  root: string | undefined,
  flags: Flags,
  io: Io,
): Promise<ExitCode> {
  const session = startSession(root, flags, io);
  const options = syncOptionsOf(session, flags);
  await using library = await openSession(session);
  rememberRules(session, flags, library.dir);
  const outcome = await runSync(io, options, flags.progress as ProgressStyle, (o) => {
    if (verb === 'ingest') return library.ingest(o);
    if (verb === 'index') return library.index({ ...o, rebuild: flags.rebuild === true });
    return library.sync(o);
  });
  const { report } = outcome;
  if (report === undefined) {
    io.note('interrupted; what was finished is kept, and the next sync resumes here');
    if (io.isJson) io.json({ interrupted: true });
    return EXIT.interrupted;
  }
  if (io.isJson) io.json({ ...report, interrupted: outcome.isInterrupted });
  else io.note(describeReport(report));
  if (verb === 'sync' && options.embed === false)
    io.note('frames were stored and wait for their embeddings: run "sightline index"');
  return exitCodeOfSync(outcome);
}
