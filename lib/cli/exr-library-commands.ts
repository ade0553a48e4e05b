/** The commands below `exr` that ask a library. Declares only; see `exr-commands.ts`. */
import { Argument, Option, type Command } from 'commander';
import type { DeclareVerb } from './exr-commands';

export function declareExrLibrary(
  group: Command,
  verb: DeclareVerb,
  withLibrary: (command: Command) => Command,
): void {
  const root = new Argument('[root]', 'folder of the library (default: the current folder)');
  withLibrary(
    verb(
      'similar',
      'list the files of a library that are built like one, or look like it',
      async (w, f, io) => (await import('./verbs/exr/similar.js')).runExrSimilar(w, f, io),
      group,
    ),
  )
    .argument('[file]', 'an OpenEXR file, of the library or not; left out with --pairs')
    .addArgument(root)
    .option('-k, --k <number>', 'number of files (default: 20)')
    .addOption(
      new Option('--by <what>', 'what is compared (default: metadata)').choices([
        'metadata',
        'channels',
        'look',
        'mix',
      ]),
    )
    .option('--max-distance <number>', 'leave out files farther away (default with --pairs: 0.2)')
    .option('--pairs', 'all pairs of files of the library instead, and the clusters they make')
    .option('--limit <number>', 'most pairs (default: 100000)')
    .option('--fail-empty', 'exit with 1 if nothing is found');
  withLibrary(
    verb(
      'anomalies',
      'list files whose structure departs from their neighbours in a sequence',
      async (w, f, io) => (await import('./verbs/exr/anomalies.js')).runExrAnomalies(w, f, io),
      group,
    ),
  )
    .argument('[folder]', 'folder of the library or within it (default: the current folder)')
    .option('--fail-empty', 'exit with 1 if nothing is found');
  withLibrary(
    verb(
      'migrate',
      'embed the OpenEXR files of a library by another version',
      async (w, f, io) => (await import('./verbs/exr/migrate.js')).runExrMigrate(w, f, io),
      group,
    ),
  )
    .addArgument(root)
    .addOption(
      new Option('--to <version>', 'version of the embeddings (default: 2)').choices(['1', '2']),
    )
    .option('--drop-other', 'remove the vectors of the other version');
}
