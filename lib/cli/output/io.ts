/** Output of a command: data to stdout, all else to stderr. No other file of `lib/cli` writes to either. */
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

/** To stderr. On a terminal it overwrites the current line: a progress bar, an echoed `^C`. */
function writeLine(text: string): void {
  const clear = process.stderr.isTTY ? '\r\u001b[K' : '';
  process.stderr.write(`${clear}${text}\n`);
}

export class Io {
  readonly isJson: boolean;
  readonly isQuiet: boolean;

  constructor(options: IoOptions = {}) {
    this.isJson = options.json === true;
    this.isQuiet = options.quiet === true;
  }

  /** Raw text to stdout. */
  write(text: string): void {
    process.stdout.write(text);
  }

  /** One line to stdout. */
  line(text: string): void {
    this.write(`${text}\n`);
  }

  /** One JSON document to stdout; indented on a terminal. */
  json(document: unknown): void {
    this.line(JSON.stringify(document, null, process.stdout.isTTY ? 2 : undefined));
  }

  /** A table to stdout; titles are bold if colour is on. */
  table(columns: readonly Column[], rows: readonly (readonly string[])[]): void {
    const [titles = '', ...rest] = formatTable(columns, rows).split('\n');
    this.line([this.bold(titles), ...rest].join('\n'));
  }

  /** A line to stderr, unless quiet. */
  note(text: string): void {
    if (!this.isQuiet) writeLine(text);
  }

  /** An error to stderr, always. */
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

/** A closed pipe (`sightline ... | head -1`) is no error. */
export function endQuietlyOnClosedPipe(): void {
  for (const stream of [process.stdout, process.stderr]) {
    stream.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EPIPE') process.exit(process.exitCode ?? 0);
      throw error;
    });
  }
}
