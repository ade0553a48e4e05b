/** `sync`, and its halves `ingest` and `index`. */
import { codeOf } from '../../base/errors';
import type { Library } from '../../library/types';
import { EXIT, type ExitCode } from '../exit-codes';
import { count, printable } from '../output/format';
import type { Io } from '../output/io';
import type { ProgressStyle } from '../output/progress-style';
import { offerModel } from '../photographs';
import { rememberRules } from '../remembered-rules';
import { openSession, startSession, syncOptionsOf, type Flags, type Session } from '../session';
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
  if (flags.undo === true) return undo(session);
  await using library = await openToSync(session, verb, flags);
  rememberRules(session, flags, library.dir);
  const model = flags.model === 'auto' ? undefined : (flags.model as string | undefined);
  const isFirst = library.isEmpty;
  let outcome = await runSync(io, options, flags.progress as ProgressStyle, (o) => {
    if (verb === 'ingest') return library.ingest(o);
    if (verb === 'index') return library.index({ ...o, model, rebuild: flags.rebuild === true });
    return library.sync({ ...o, model });
  });
  const { report: first, isInterrupted } = outcome;
  if (verb === 'sync' && first !== undefined && !isInterrupted) {
    const offer = { hint: first.hint, isFirst };
    outcome = (await offerModel(io, library, flags, options, offer)) ?? outcome;
  }
  const { report } = outcome;
  if (report === undefined) {
    io.note('interrupted; what was finished is kept, and the next sync resumes here');
    if (io.isJson) io.json({ interrupted: true });
    return EXIT.interrupted;
  }
  if (io.isJson) io.json({ ...report, interrupted: outcome.isInterrupted });
  else {
    io.note(describeReport(report));
    if (report.hint !== undefined) io.note(`note: ${report.hint}`);
  }
  if (verb === 'sync' && options.embed === false)
    io.note('frames were stored and wait for their embeddings: run "sightline index"');
  return exitCodeOfSync(outcome);
}

/**
 * Only what was typed changes the model of a library: a variable or a file that names another one is an
 * error, because to embed everything again may take hours.
 */
async function openToSync(session: Session, verb: SyncVerb, flags: Flags): Promise<Library> {
  try {
    return await openSession(session);
  } catch (error) {
    const isChange = codeOf(error) === 'ERR_MODEL_MISMATCH' && flags.model !== undefined;
    if (!isChange || verb === 'ingest') throw error;
    return openSession(session, { named: false });
  }
}

async function undo(session: Session): Promise<ExitCode> {
  const { io } = session;
  await using library = await openSession(session, { create: false, named: false });
  const change = await library.undoModelChange();
  if (io.isJson) io.json({ modelChange: change });
  else {
    const waiting = change.framesWaiting > 0 ? ', the others after the next sync' : '';
    io.note(
      `searches use ${printable(change.to)} again: ${count(change.frames, 'frame')} can be searched` +
        `${waiting}; the change to ${printable(change.from)} is taken back`,
    );
  }
  return EXIT.ok;
}
