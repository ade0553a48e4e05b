/** `models list`: the models that can be used here without a download. */
import { listModels } from '../../diagnostics';
import { EXIT, type ExitCode } from '../exit-codes';
import { formatBytes, printable } from '../format';
import type { Io } from '../io';

export async function runModelsVerb(io: Io): Promise<ExitCode> {
  const models = await listModels();
  if (io.isJson) {
    io.json({ models });
    return EXIT.ok;
  }
  io.table(
    [{ title: 'model' }, { title: 'size', align: 'right' }, { title: 'folder' }],
    models.map((m) => [printable(m.id), formatBytes(m.sizeBytes), printable(m.folder)]),
  );
  return EXIT.ok;
}
