/** `bench`: runs the benchmark suite. */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import path from 'node:path';
import { makeError } from '../../base/errors';
import { EXIT, type ExitCode } from '../exit-codes';

/** From dist/lib/cli/verbs. */
const SUITE = path.resolve(__dirname, '../../../bench/main.js');

export async function runBenchVerb(args: readonly string[]): Promise<ExitCode> {
  if (!existsSync(SUITE))
    throw makeError(
      'ERR_FILE_MISSING',
      'the benchmark suite comes with the source, not with the package: clone the repository and run "npm run bench"',
    );
  const child = spawn(process.execPath, [SUITE, ...args], { stdio: 'inherit' });
  // The suite is in the same process group and receives Ctrl-C itself: wait for its end.
  const ignore = (): void => {};
  process.on('SIGINT', ignore);
  const [code, signal] = await new Promise<[number | null, NodeJS.Signals | null]>(
    (resolve, reject) => {
      child.on('error', reject);
      child.on('close', (...ending) => resolve(ending));
    },
  );
  process.off('SIGINT', ignore);
  if (signal === 'SIGINT') return EXIT.interrupted;
  return code === 0 ? EXIT.ok : EXIT.usage;
}
