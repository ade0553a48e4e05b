/** The commands below `exr`. Declares only, as `program.ts` does: one file of `verbs/exr/` a command, loaded when it runs. */
import { Option, type Command } from 'commander';
import type { ExitCode } from './exit-codes';
import type { Io } from './output/io';
import type { Flags } from './session';

/** Adds a command that takes `--json` and `--quiet`, runs `action`, and keeps its exit code. */
export type DeclareVerb = (
  name: string,
  description: string,
  action: (words: readonly string[], flags: Flags, io: Io) => Promise<ExitCode>,
  parent?: Command,
) => Command;

/** @returns the group, for the commands that ask a library */
export function declareExr(program: Command, verb: DeclareVerb): Command {
  const group = program
    .command('exr')
    .description('OpenEXR files: inspect, embed, similar, anomalies, migrate');
  verb(
    'inspect',
    'print what the headers of OpenEXR files say; reads no pixels',
    async (w, f, io) => (await import('./verbs/exr/inspect.js')).runExrInspect(w, f, io),
    group,
  )
    .argument('<files...>', 'files; - reads paths from standard input')
    .option('--ndjson', 'one JSON line per file');
  verb(
    'embed',
    'print the metadata embedding and the channel fingerprint of OpenEXR files',
    async (w, f, io) => (await import('./verbs/exr/embed.js')).runExrEmbed(w, f, io),
    group,
  )
    .argument('<files...>', 'files; - reads paths from standard input')
    .option('--ndjson', 'one JSON line per file (the default)')
    .addOption(
      new Option('--embedding-version <number>', 'version of the embeddings')
        .choices(['1', '2'])
        .default('1'),
    )
    .addOption(
      new Option('--by <space>', 'which vectors --npy writes')
        .choices(['metadata', 'channels'])
        .default('metadata'),
    )
    .option('--npy <file>', 'write the vectors to this .npy file and print the row of each file');
  return group;
}
