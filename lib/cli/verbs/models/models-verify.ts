/** `models verify`: compares files with the lock file and embeddings with the golden vectors. */
import { verifyModels, type ModelVerification } from '../../../library/models';
import { EXIT, type ExitCode } from '../../exit-codes';
import { count, printable } from '../../output/format';
import type { Io } from '../../output/io';
import type { ModelsFlags } from './models';

export async function runModelsVerify(
  name: string | undefined,
  { dtype, ndjson }: ModelsFlags,
  io: Io,
): Promise<ExitCode> {
  const models = await verifyModels(name, { dtype });
  const isOk = models.every((model) => model.isOk);
  if (io.isJson) io.json({ ok: isOk, models });
  else if (ndjson === true) for (const model of models) io.line(JSON.stringify(model));
  else for (const model of models) show(model, io);
  return isOk ? EXIT.ok : EXIT.partial;
}

function show(model: ModelVerification, io: Io): void {
  const { isOk, files, drift, problems, notes } = model;
  const checked = files.length > 0 ? `: ${count(files.length, 'file')} checked` : '';
  io.line(`${printable(model.id)}: ${isOk ? 'ok' : count(problems.length, 'problem')}${checked}`);
  for (const d of drift) {
    const by = `${d.golden.dtype}, ${d.golden.provider}, ${d.golden.runtime}, ${d.golden.platform}`;
    io.line(
      d.isFirst
        ? `  ${d.dtype} on ${d.provider}: golden vectors recorded (${d.runtime}, ${d.platform})`
        : `  ${d.dtype} on ${d.provider}: worst cosine ${d.worstCosine.toFixed(6)}, at least ${d.leastCosine} (golden: ${by})`,
    );
  }
  for (const problem of problems) io.line(`  ${printable(problem)}`);
  for (const note of notes) io.note(`  ${printable(note)}`);
}
