#!/usr/bin/env node
/** The `sightline` command: routes the arguments, runs the verb, converts the result to an exit code. */
import { CommanderError } from 'commander';
import { isError, isLibraryError, messageOf } from '../base/errors';
import { VERSION } from '../base/version';
import { routeArguments } from './arguments';
import { EXIT, exitCodeOf, type ExitCode } from './exit-codes';
import { printable } from './output/format';
import { endQuietlyOnClosedPipe, Io } from './output/io';
import { buildProgram, type ProgramResult } from './program';

async function run(args: readonly string[], io: Io): Promise<ExitCode> {
  const result: ProgramResult = { exitCode: EXIT.ok };
  const program = buildProgram(VERSION, result);
  const routed = routeArguments(args);
  if ('meant' in routed) {
    const word = args[0] ?? '';
    io.problem(
      `did you mean "sightline ${routed.meant}"? To search for the word: sightline search ${printable(word)}`,
    );
    return EXIT.usage;
  }
  if (routed.args.length === 0) {
    process.stderr.write(program.helpInformation());
    return EXIT.usage;
  }
  try {
    await program.parseAsync([...routed.args], { from: 'user' });
    return result.exitCode;
  } catch (error) {
    if (!(error instanceof CommanderError)) return report(error, io);
    // Commander has printed help, version or the usage error.
    if (error.exitCode === 0) return EXIT.ok;
    if (io.isJson) io.json({ error: { code: 'ERR_ARG_TYPE', message: error.message } });
    return EXIT.usage;
  }
}

/** Prints an error to stderr; with `--json` also as a document to stdout. */
function report(error: unknown, io: Io): ExitCode {
  const code = exitCodeOf(error);
  if (io.isJson)
    io.json({
      error: {
        code: isLibraryError(error) ? error.code : 'ERR_INTERNAL',
        message: messageOf(error),
      },
    });
  if (isLibraryError(error)) {
    if (code !== EXIT.interrupted) io.problem(`${printable(error.message)} (${error.code})`);
  } else {
    // A bug: the stack belongs into the report.
    io.problem(isError(error) ? (error.stack ?? error.message) : String(error));
  }
  return code;
}

endQuietlyOnClosedPipe();
// Node would exit with 1, which means "no match" here.
process.on('uncaughtException', (error) => {
  process.stderr.write(`${error.stack ?? String(error)}\n`);
  process.exit(EXIT.usage);
});
const args = process.argv.slice(2);
void run(args, new Io({ json: args.includes('--json') })).then((code) => {
  process.exitCode = code;
});
