/**
 * The two streams of a command: data goes to stdout, everything else to stderr. The only file of
 * the command line that writes to either.
 */
import { formatTable, type Column } from './format';

export interface IoOptions {
  /** One JSON document is the output. */
  readonly json?: boolean;
  /** Only errors on stderr. */
  readonly quiet?: boolean;
}

function wantsColour(stream: NodeJS.WriteStream): boolean {
  const { NO_COLOR, FORCE_COLOR, TERM } = process.env;
  if (NO_COLOR !== undefined && NO_COLOR !== '') return false;
  if (FORCE_COLOR !== undefined && FORCE_COLOR !== '') return FORCE_COLOR !== '0';
  return stream.isTTY === true && TERM !== 'dumb';
}

/** To stderr. On a terminal it replaces what stands in the line: a progress bar, an echoed `^C`. */
function writeLine(text: string): void {
  const clear = process.stderr.isTTY ? '\r\u001b[K' : '';
  process.stderr.write(`${clear}${text}\n`);
}

/** Output of one command. */
export class Io {
  readonly isJson: boolean;
  readonly isQuiet: boolean;

  constructor(options: IoOptions = {}) {
    this.isJson = options.json === true;
    this.isQuiet = options.quiet === true;
  }

  /** Data: raw text to stdout. */
  write(text: string): void {
    process.stdout.write(text);
  }

  /** Data: one line to stdout. */
  line(text: string): void {
    this.write(`${text}\n`);
  }

  /** Data: one JSON document to stdout; on one line unless a person is looking. */
  json(document: unknown): void {
    this.line(JSON.stringify(document, null, process.stdout.isTTY ? 2 : undefined));
  }

  /** Data: a table to stdout, titles in bold where colour is wanted. */
  table(columns: readonly Column[], rows: readonly (readonly string[])[]): void {
    const [titles = '', ...rest] = formatTable(columns, rows).split('\n');
    this.line([this.bold(titles), ...rest].join('\n'));
  }

  /** A notice: one line to stderr, unless quiet. */
  note(text: string): void {
    if (!this.isQuiet) writeLine(text);
  }

  /** An error: to stderr, always. */
  problem(text: string): void {
    writeLine(`${this.red('sightline:', process.stderr)} ${text}`);
  }

  private bold(text: string): string {
    return wantsColour(process.stdout) ? `\u001b[1m${text}\u001b[22m` : text;
  }

  private red(text: string, stream: NodeJS.WriteStream): string {
    return wantsColour(stream) ? `\u001b[31m${text}\u001b[39m` : text;
  }
}

/** A reader that went away (`sightline ... | head -1`) is no error: end quietly. */
export function endQuietlyOnClosedPipe(): void {
  for (const stream of [process.stdout, process.stderr]) {
    stream.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EPIPE') process.exit(process.exitCode ?? 0);
      throw error;
    });
  }
}
