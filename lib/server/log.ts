/**
 * Log lines: one JSON object per line, never on standard output. Untrusted text cannot break a line or
 * control a terminal: control characters are escaped and fields are truncated.
 */

export type LogLevel = 'info' | 'warn' | 'error';

export interface LogEntry {
  readonly level: LogLevel;
  readonly message: string;
  readonly requestId?: string;
  readonly method?: string;
  /** Route template, not the URL: queries and ids are private. */
  readonly route?: string;
  readonly status?: number;
  readonly tookMs?: number;
  readonly code?: string;
  /** Stack or message of an unexpected error. */
  readonly cause?: string;
}

export type Log = (entry: LogEntry) => void;

const MAX_FIELD = 256;
/** A stack needs more room than other fields. */
const MAX_CAUSE = 4096;
const LEVELS: readonly LogLevel[] = ['info', 'warn', 'error'];

/**
 * Writes entries of at least `level` to a stream as NDJSON.
 *
 * @param stream  for example `process.stderr`; errors of the stream are the caller's
 */
export function ndjsonLog(
  stream: { write(text: string): unknown },
  level: LogLevel = 'info',
  now: () => Date = () => new Date(),
): Log {
  return (entry) => {
    if (LEVELS.indexOf(entry.level) < LEVELS.indexOf(level)) return;
    stream.write(`${toLine({ time: now().toISOString(), ...entry })}\n`);
  };
}

/** One line of printable text. JSON escapes below U+0020; the rest of the control characters here. */
export function toLine(fields: object): string {
  const cut = Object.fromEntries(
    Object.entries(fields).map(([key, value]) => [
      key,
      typeof value === 'string' ? value.slice(0, key === 'cause' ? MAX_CAUSE : MAX_FIELD) : value,
    ]),
  );
  return JSON.stringify(cut).replace(
    // DEL and C1 (terminal commands), line separators, bidirectional overrides, byte order mark.
    /[\u007f-\u009f\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]/g,
    (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}
