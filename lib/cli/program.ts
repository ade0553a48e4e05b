/**
 * The verbs and their options. Declares only: what a verb does is in `verbs/`, loaded when it runs,
 * so that `--help` and usage errors do not load sharp, onnxruntime or SQLite.
 */
import { Argument, Command, Option } from 'commander';
import type { ExitCode } from './exit-codes';
import { declareExr, type DeclareVerb } from './exr-commands';
import { declareExrLibrary } from './exr-library-commands';
import { printableLines } from './output/format';
import { Io } from './output/io';
import { ROW_FORMATS } from './output/row-formats';
import { PROGRESS_STYLES } from './output/progress-style';
import type { Flags } from './session';

export interface ProgramResult {
  exitCode: ExitCode;
}

const RESAMPLE_HELP = 'sample files again that were indexed with other sampling options';

const EXAMPLES = `
Examples:
  sightline "red car at night" ~/Videos     search; the first time also indexes
  sightline sync ~/Pictures                 index what is new, changed, moved or gone
  sightline search --like 42                more like frame 42
  sightline serve                           the same in a browser
  sightline demo                            a drawn sample library, no download

Exit codes: 0 ok, 1 no match with --fail-empty, 2 usage or error, 3 some files failed,
4 model or ffmpeg missing, 130 interrupted.`;

/** Builds the program; the action that runs puts its exit code into `result`. */
export function buildProgram(version: string, result: ProgramResult): Command {
  const program = new Command('sightline')
    .description('Finds pictures and moments of videos by words, by picture or by example.')
    .version(version, '-V, --version')
    .addHelpText('after', EXAMPLES)
    .exitOverride()
    // Commander repeats arguments in its messages: escape sequences must not reach the terminal.
    .configureOutput({ writeErr: (text) => process.stderr.write(printableLines(text)) })
    .showSuggestionAfterError();

  const verb: DeclareVerb = (name, description, action, parent = program) => {
    const command = parent
      .command(name)
      .description(description)
      .option('--json', 'one JSON document on stdout')
      .option('-q, --quiet', 'only errors on stderr');
    command.action(async () => {
      const flags: Flags = command.opts();
      result.exitCode = await action(command.args, flags, new Io(flags));
    });
    return command;
  };
  const root = new Argument('[root]', 'folder with the media (default: the current folder)');
  const first = (words: readonly string[]): string | undefined => words[0];

  withSampling(
    withModel(
      verb('sync', 'index what is new, changed, moved or gone; resumable', async (w, f, io) =>
        (await import('./verbs/sync.js')).runSyncVerb('sync', first(w), f, io),
      ).addArgument(root),
    ),
  )
    .option('--dry-run', 'say what would be done, write nothing')
    .option('--resample', RESAMPLE_HELP)
    .option('--retry-failed', 'retry files that failed before')
    .option('--confirm-removals', 'remove missing files even if all or very many are missing')
    .option('--no-embed', 'store frames only; "sightline index" embeds them later')
    .option('--undo', 'undo the last change of the model, and nothing else')
    .option('-y, --yes', YES_HELP);
  withSampling(
    withModel(
      verb('ingest', 'first half of sync: read files, store frames', async (w, f, io) =>
        (await import('./verbs/sync.js')).runSyncVerb('ingest', first(w), f, io),
      ).addArgument(root),
    ),
  )
    .option('--dry-run', 'say what would be done, write nothing')
    .option('--resample', RESAMPLE_HELP);
  withProgress(
    withModel(
      verb('index', 'second half of sync: embed and link stored frames', async (w, f, io) =>
        (await import('./verbs/sync.js')).runSyncVerb('index', first(w), f, io),
      ).addArgument(root),
    ),
  ).option('--rebuild', 'embed everything again');
  withSearch(
    withSampling(
      withModel(
        verb('search', 'find frames; creates and updates the library as needed', async (w, f, io) =>
          (await import('./verbs/search.js')).runSearchVerb(w, f, io),
        )
          .argument('[query]', 'what to look for, in quotes')
          .addArgument(root)
          .allowExcessArguments(true),
      ),
    ),
  );
  withSampling(
    withModel(
      verb('serve', 'HTTP server with a search page', async (w, f, io) =>
        (await import('./verbs/serve.js')).runServeVerb(first(w), f, io),
      ).addArgument(root),
    ),
  )
    .option('--host <address>', 'address to listen on (default: 127.0.0.1)')
    .option('--port <number>', 'port to listen on (default: 8000)')
    .option('--token <secret>', 'secret that clients must send; required for other machines')
    .option(
      '--allow-host <name>',
      'answer to this name too, for example of a proxy; may be repeated',
      collect,
    )
    .option(
      '--trust-proxy <address>',
      'believe X-Forwarded-For of this address or network; may be repeated',
      collect,
    )
    .option('--cors-origin <origin>', 'pages of this origin may ask; may be repeated', collect)
    .option('--watch [seconds]', 'look for new and changed files again and again (default: 10)')
    .option('--cache <name>', CACHE_HELP)
    .option('--text-model <name>', 'model for /embed/text, for example all-MiniLM-L6-v2')
    .option('--embed-only', 'serve embeddings only, without a library')
    .option('--no-sync', 'do not look for new files first');
  withLibrary(
    verb('stats', 'show figures about a library', async (w, f, io) =>
      (await import('./verbs/stats.js')).runStatsVerb(first(w), f, io),
    ).addArgument(root),
  ).option('--problems', 'list files that are not searchable, and why');
  withLibrary(
    verb('verify', 'check all files of a library and report damage', async (w, f, io) =>
      (await import('./verbs/verify.js')).runVerifyVerb(first(w), f, io),
    ).addArgument(root),
  ).option('--repair', 'rebuild what can be rebuilt');
  withLibrary(
    withProgress(
      verb('backup', 'copy the library into a folder', async (w, f, io) =>
        (await import('./verbs/backup.js')).runBackupVerb(w, f, io),
      )
        .argument('<folder>', 'target folder, absent or empty')
        .addArgument(root),
    ),
  );
  withLibrary(
    verb('sql', 'ask a library in SQL: one SELECT over its views', async (w, f, io) =>
      (await import('./verbs/sql.js')).runSqlVerb(w, f, io),
    )
      .argument('<query>', 'the statement, in quotes')
      .addArgument(root),
  )
    .option(
      '--param <value>',
      'value of the next ?: @FILE.exr, file:ID, frame:ID, JSON or text',
      collect,
    )
    .addOption(new Option('--format <name>', 'table, json, csv or parquet').choices(ROW_FORMATS))
    .option('--output <file>', 'write to this file instead of standard output')
    .option('--limit <number>', 'most rows (default: 1000)')
    .option('--timeout <seconds>', 'end the statement after this time (default: 30)')
    .option('--exact', 'compare every row: no index')
    .option('--fail-empty', 'exit with 1 if there are no rows');
  withModel(
    verb('doctor', 'check the installation and suggest remedies', async (w, f, io) =>
      (await import('./verbs/doctor.js')).runDoctorVerb(first(w), f, io),
    ).addArgument(root),
  );
  verb('setup', 'get what npm install leaves out: the model runtime', async (_w, _f, io) =>
    (await import('./verbs/setup.js')).runSetupVerb(io),
  );
  withProgress(
    verb('models', 'list, pull (download) and verify models', async (w, f, io) =>
      (await import('./verbs/models/models.js')).runModelsVerb(w, f, io),
    )
      .addArgument(new Argument('[action]').choices(['list', 'pull', 'verify']).default('list'))
      .argument('[name]', 'a short name, or owner/repository of the hub, either with @revision'),
  )
    .addOption(
      new Option('--dtype <type>', 'number type of the weights').choices(['fp32', 'fp16', 'q8']),
    )
    .option('--revision <name>', 'branch, tag or commit (default: main)')
    .option('--dry-run', 'say what would be downloaded, write nothing')
    .option('--ndjson', 'one JSON line per model or file');
  verb(
    'embed',
    'print embeddings of texts, or picture, audio or video files, as JSON lines',
    async (w, f, io) => (await import('./verbs/embed.js')).runEmbedVerb(w, f, io),
  )
    .addArgument(new Argument('<kind>').choices(['text', 'image', 'audio', 'video']))
    .argument('<inputs...>', 'texts or files; - reads lines from standard input')
    .option('--model <name>', 'builtin, a folder, or the name of a pulled model')
    .option('--device <name>', DEVICE_HELP)
    .option('--npy <file>', 'write the vectors to this .npy file and print the row of each input')
    .option('--cache <name>', CACHE_HELP);
  withProgress(
    verb('demo', 'draw a sample library, search it, serve it', async (w, f, io) =>
      (await import('./verbs/demo.js')).runDemoVerb(first(w), f, io),
    ).argument('[folder]', 'where to draw it (default: ./demo-library)'),
  )
    .option('--pictures <number>', 'pictures to draw (default: 300)')
    .option('--videos <number>', 'videos to draw (default: 6)')
    .option('--host <address>', 'address to listen on (default: 127.0.0.1)')
    .option('--port <number>', 'port to listen on (default: 8000, or the next free one)')
    .option('--no-serve', 'exit after the searches');
  declareExrLibrary(declareExr(program, verb), verb, withLibrary);
  const config = verb('config', 'print the settings in force', async (w, f, io) =>
    (await import('./verbs/config.js')).runConfigVerb(w, f, io),
  )
    .argument('[print]', 'may be omitted')
    .addArgument(root)
    .option('--show-origin', 'also print where each value comes from');
  withModel(config);
  program
    .command('bench')
    .description('run the benchmark suite (options of the suite follow; see bench --help)')
    .helpOption(false)
    .allowUnknownOption()
    .allowExcessArguments(true)
    .argument('[options...]')
    .action(async (args: string[]) => {
      result.exitCode = await (await import('./verbs/bench.js')).runBenchVerb(args);
    });
  return program;
}

const YES_HELP = 'get a model of photographs where the pictures ask for one, as --model auto does';
const DEVICE_HELP = 'where the model runs: auto, cpu, cuda, coreml, dml, webgpu (default: cpu)';
const CACHE_HELP = 'embedding cache: none, memory, disk, disk:FOLDER or redis://HOST:PORT';

function withLibrary(command: Command): Command {
  return command
    .option('--library <folder>', 'folder of the library (default: .sightline in root)')
    .option('--vector-store <url>', 'keep vectors in PostgreSQL: postgres://user@host/database');
}

function withModel(command: Command): Command {
  return withLibrary(command)
    .option('--model <name>', 'builtin, a folder, or the name of a pulled model')
    .option('--device <name>', DEVICE_HELP);
}

function withProgress(command: Command): Command {
  return command.addOption(
    new Option('--progress <style>', 'how progress is shown on stderr')
      .choices(PROGRESS_STYLES)
      .default('auto'),
  );
}

function withSampling(command: Command): Command {
  return withProgress(command)
    .option('--fps <number>', 'frames per second taken from videos (default: 1)')
    .option('--every-n-frames <n>', 'take every n-th frame instead')
    .option('--keyframes', 'take only key frames instead')
    .option('--max-size <pixels>', 'longest side of stored frames (default: 512)')
    .option('--max-megapixels <number>', 'refuse larger pictures (default: 400)')
    .option('--max-memory <megabytes>', 'memory limit per picture (default: 1024)')
    .option('--max-seconds <number>', 'time limit per picture (default: 30)')
    .option('--max-frames <number>', 'most frames from one video (default: 200000)')
    .option('--ignore <glob>', 'exclude these paths from now on; repeatable', collect)
    .option('--unignore <glob>', 'undo an earlier --ignore; repeatable', collect);
}

function withSearch(command: Command): Command {
  return command
    .option('-k, --k <number>', 'number of hits (default: 20)')
    .option('--image <file>', 'search by a picture instead of a text')
    .option('--like <frame>', 'search by a frame of the library')
    .addOption(new Option('--type <kind>', 'only this kind of media').choices(['image', 'video']))
    .option('--path <glob>', 'only files whose path matches; patterns as for --ignore')
    .option('--min-similarity <number>', 'omit weaker hits (0 to 1)')
    .option('--exact', 'scan all frames instead of searching the graph')
    .option('--ef-search <number>', 'length of the candidate list: more recall, less speed')
    .option('--no-sync', 'do not look for new files first')
    .option('--ndjson', 'one JSON line per hit')
    .option('--paths', 'only paths, one per line')
    .option('-0, --null', 'only paths, each ended by a NUL')
    .option('-y, --yes', YES_HELP)
    .option('--fail-empty', 'exit with 1 if nothing is found');
}

const collect = (value: string, earlier: string[] | undefined): string[] => [
  ...(earlier ?? []),
  value,
];
