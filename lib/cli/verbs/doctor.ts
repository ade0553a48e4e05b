/** `doctor`: checks the installation and suggests remedies. */
import { diagnose } from '../../library/diagnose/diagnostics';
import { EXIT, type ExitCode } from '../exit-codes';
import { printable } from '../output/format';
import type { Io } from '../output/io';
import { startSession, type Flags } from '../session';

export async function runDoctorVerb(
  root: string | undefined,
  flags: Flags,
  io: Io,
): Promise<ExitCode> {
  const session = startSession(root, flags, io);
  const diagnosis = await diagnose({
    root: session.root,
    model: session.config.settings.model,
    library: session.config.settings.library,
  });
  if (io.isJson) io.json(diagnosis);
  else {
    io.table(
      [{ title: '' }, { title: 'part' }, { title: 'found' }],
      diagnosis.checks.map((check) => [check.state, check.name, printable(check.detail)]),
    );
    for (const check of diagnosis.checks)
      if (check.remedy !== undefined) io.note(`${check.name}: ${check.remedy}`);
  }
  return diagnosis.ok ? EXIT.ok : EXIT.missing;
}
