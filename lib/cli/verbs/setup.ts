/** `setup`: gets what `npm install` leaves out. */
import { setup } from '../../library/diagnose/setup';
import { EXIT, type ExitCode } from '../exit-codes';
import { printable } from '../output/format';
import type { Io } from '../output/io';

export async function runSetupVerb(io: Io): Promise<ExitCode> {
  const parts = await setup((part) =>
    io.note(`fetching ${part.name} ${part.version} from your npm registry, ${part.downloadMb} MB`),
  );
  if (io.isJson) io.json({ parts });
  else
    io.table(
      [{ title: '' }, { title: 'part' }, { title: 'where' }],
      parts.map(({ state, name, detail }) => [state, name, printable(detail)]),
    );
  return EXIT.ok;
}
