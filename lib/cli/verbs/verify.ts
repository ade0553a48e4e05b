/** `verify`: checks all files of a library. */
import { EXIT, type ExitCode } from '../exit-codes';
import { count, printable } from '../output/format';
import type { Io } from '../output/io';
import { openSession, startSession, type Flags } from '../session';

export async function runVerifyVerb(
  root: string | undefined,
  flags: Flags,
  io: Io,
): Promise<ExitCode> {
  const session = startSession(root, flags, io);
  const isRepair = flags.repair === true;
  await using library = await openSession(session, { readOnly: !isRepair, create: false });
  // Only the documented fields.
  const { ok, problems, rowsChecked, framesChecked } = await library.verify(
    isRepair ? { repair: true } : {},
  );
  if (io.isJson) io.json({ ok, problems, rowsChecked, framesChecked });
  else {
    const checked = `${count(rowsChecked, 'vector')} and ${count(framesChecked, 'frame')} checked`;
    io.line(ok ? `ok: ${checked}` : `${count(problems.length, 'problem')}: ${checked}`);
    for (const problem of problems) io.line(`  ${printable(problem)}`);
    if (!ok && !isRepair)
      io.note('"sightline verify --repair" rebuilds what can be rebuilt from your media');
  }
  return ok ? EXIT.ok : EXIT.partial;
}
