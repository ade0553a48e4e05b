/** `models pull`: downloads a model. */
import { pullModel, type PulledFile, type PullReport } from '../../../library/models';
import { EXIT, type ExitCode } from '../../exit-codes';
import { count, formatBytes, formatDuration, printable } from '../../output/format';
import { untilInterrupted } from '../../interrupt';
import type { Io } from '../../output/io';
import { makeProgress } from '../../output/progress';
import type { ProgressStyle } from '../../output/progress-style';
import type { ModelsFlags } from './models';

export async function runModelsPull(name: string, options: ModelsFlags, io: Io): Promise<ExitCode> {
  const startedAt = performance.now();
  const report = await pullWithProgress(name, options, io);
  if (io.isJson) io.json(report);
  else if (options.ndjson !== true) show(report, io, performance.now() - startedAt);
  return EXIT.ok;
}

/** Pulls with a bar on standard error; Ctrl-C stops it. Prints nothing else. */
export async function pullWithProgress(
  name: string,
  options: ModelsFlags,
  io: Io,
): Promise<PullReport> {
  const { dtype, revision, dryRun, ndjson } = options;
  const progress = makeProgress((options.progress ?? 'auto') as ProgressStyle, io.isQuiet);
  try {
    return await untilInterrupted(
      io,
      'stopping (Ctrl-C again stops at once); the next pull resumes here',
      (signal) =>
        pullModel(name, {
          dtype,
          revision,
          isDryRun: dryRun === true,
          signal,
          onProgress: ({ doneBytes, totalBytes, path }) =>
            progress.show({
              phase: 'download',
              done: doneBytes,
              total: totalBytes,
              frames: 0,
              framesTotal: 0,
              path,
            }),
          onFile: (file) => {
            if (ndjson === true) io.line(JSON.stringify(file));
          },
        }),
    );
  } finally {
    progress.end();
  }
}

function show(report: PullReport, io: Io, ms: number): void {
  const { files, revision, dtype, previousRevision } = report;
  io.table(
    [{ title: 'file' }, { title: 'size', align: 'right' }, { title: 'state' }],
    files.map((f: PulledFile) => [printable(f.path), formatBytes(f.sizeBytes), f.state]),
  );
  const what = `${printable(report.id)} ${dtype} at ${revision.slice(0, 12)}`;
  if (report.isDryRun) {
    const needed = files.filter((file) => file.state === 'needed');
    const bytes = needed.reduce((sum, file) => sum + file.sizeBytes, 0);
    io.note(
      `dry run, nothing written: ${what}, ${count(needed.length, 'file')} to download (${formatBytes(bytes)})`,
    );
    return;
  }
  io.note(`${what}: ${formatBytes(report.downloadedBytes)} downloaded in ${formatDuration(ms)}`);
  if (previousRevision !== undefined)
    io.note(
      `moved from ${previousRevision.slice(0, 12)}: a library made with that one needs it, or "sightline index --rebuild"`,
    );
  io.note(`use it with: --model ${printable(report.id)}`);
}
