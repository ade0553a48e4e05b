/** `verify`: reads everything and says what is wrong. */
import { EXIT, type ExitCode } from '../exit-codes';
import { count, printable } from '../format';
import type { Io } from '../io';
import { openSession, startSession, type Flags } from '../session';

export async function runVerifyVerb(
  root: string | undefined,
  flags: Flags,
  io: Io,
): Promise<ExitCode> {
  const session = startSession(root, flags, io);
  const isRepair = flags.repair === true;
  await using library = await openSession(session, { readOnly: !isRepair, create: false });
  const report = await library.verify(isRepair ? { repair: true } : {});
  if (io.isJson) io.json(report);
  else {
    const checked = `${count(report.rowsChecked, 'vector')} and ${count(report.framesChecked, 'frame')} checked`;
    io.line(
      report.ok ? `ok: ${checked}` : `${count(report.problems.length, 'problem')}: ${checked}`,
    );
    for (const problem of report.problems) io.line(`  ${printable(problem)}`);
    if (!report.ok && !isRepair)
      io.note('"sightline verify --repair" rebuilds what can be rebuilt from your media');
  }
  return report.ok ? EXIT.ok : EXIT.partial;
}
