/** `sql`: one statement over the views of a library. */
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { makeError } from '../../base/errors';
import type { SqlParam } from '../../library';
import { EXIT, type ExitCode } from '../exit-codes';
import { count } from '../output/format';
import type { Io } from '../output/io';
import { ROW_FORMATS, type RowFormat } from '../output/row-formats';
import { asObjects, cell, csvOf, parquetOf } from '../output/rows';
import { openSession, startSession, type Flags } from '../session';

const DEFAULT_LIMIT = 1000;

export async function runSqlVerb(
  words: readonly string[],
  flags: Flags,
  io: Io,
): Promise<ExitCode> {
  const [text = '', root] = words;
  const session = startSession(root, flags, io);
  const format = io.isJson ? 'json' : ((flags.format ?? 'table') as RowFormat);
  const output = flags.output as string | undefined;
  if (format === 'parquet' && output === undefined && process.stdout.isTTY)
    throw makeError('ERR_ARG_RANGE', 'parquet is no text: name a file with --output');
  const params = ((flags.param ?? []) as readonly string[]).map((param) => readParam(param));
  await using library = await openSession(session, { readOnly: true, named: false });
  const limit = numberOf('--limit', flags.limit) ?? DEFAULT_LIMIT;
  const seconds = numberOf('--timeout', flags.timeout) ?? 30;
  const exact = flags.exact === true;
  const result = await library.sql(text, params, {
    limit,
    timeoutMs: Math.round(seconds * 1000),
    exact,
  });
  if (format === 'table' && output === undefined) {
    io.table(
      result.columns.map((title, i) => ({
        title,
        align: result.rows.every((row) => row[i] === null || typeof row[i] === 'number')
          ? 'right'
          : 'left',
      })),
      result.rows.map((row) => row.map(cell)),
    );
  } else {
    const bytes = await bytesOf(format, result);
    if (output === undefined) process.stdout.write(bytes);
    else await writeFile(path.resolve(output), bytes);
  }
  if (result.isTruncated) io.note(`only the first ${count(limit, 'row')}: --limit shows more`);
  return result.rows.length === 0 && flags.failEmpty === true ? EXIT.noMatch : EXIT.ok;
}

type Result = Parameters<typeof asObjects>[0];

async function bytesOf(format: RowFormat, result: Result): Promise<string | Uint8Array> {
  if (format === 'parquet') return parquetOf(result);
  if (format === 'csv') return csvOf(result);
  if (format === 'json') {
    const { via, tookMs, isTruncated } = result;
    return `${JSON.stringify({ rows: asObjects(result), truncated: isTruncated, via, took_ms: tookMs })}\n`;
  }
  throw makeError(
    'ERR_ARG_RANGE',
    `--output writes ${ROW_FORMATS.slice(1).join(', ')}: say which with --format`,
  );
}

/** `@FILE[#channels]`, `frame:ID`, `file:ID[#channels]`, JSON, else text. Exported for the tests. */
export function readParam(text: string): SqlParam {
  const by = /#(metadata|channels)$/.exec(text)?.[1] as 'metadata' | 'channels' | undefined;
  const target = by === undefined ? text : text.slice(0, text.lastIndexOf('#'));
  if (target.startsWith('@')) return { exr: path.resolve(target.slice(1)), by };
  const id = /^(frame|file):(\d+)$/.exec(target);
  if (id !== null)
    return id[1] === 'frame' ? { frame: Number(id[2]) } : { file: Number(id[2]), by };
  try {
    return JSON.parse(text) as SqlParam;
  } catch {
    return text;
  }
}

function numberOf(name: string, value: unknown): number | undefined {
  if (value === undefined) return undefined;
  const number = Number(value);
  if (String(value).trim() !== '' && Number.isFinite(number)) return number;
  throw makeError('ERR_ARG_RANGE', `${name} is a number, received "${String(value)}"`);
}
