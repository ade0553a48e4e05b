/** Rows of a query as a table, JSON, CSV or parquet. Pure, but for the writer of parquet, which is loaded when needed. */
import { types } from 'node:util';
import { vectorOfBytes } from '../../base/arrays';
import { makeError } from '../../base/errors';
import type { SqlResult, SqlValue } from '../../library';
import { printable } from './format';

/** A vector as its numbers; other blobs as hex; whole numbers beyond 2^53 as text. */
export function plain(value: SqlValue): string | number | boolean | null | number[] {
  if (types.isUint8Array(value)) {
    if (value.byteLength === 0 || value.byteLength % 4 !== 0)
      return Buffer.from(value).toString('hex');
    return [...vectorOfBytes(value)];
  }
  return typeof value === 'bigint' ? String(value) : value;
}

export const asObjects = ({ columns, rows }: SqlResult): Record<string, unknown>[] =>
  rows.map((row) => Object.fromEntries(columns.map((name, i) => [name, plain(row[i] ?? null)])));

/** A cell of a table: vectors are cut short. */
export function cell(value: SqlValue): string {
  const shown = plain(value);
  if (Array.isArray(shown))
    return `[${shown
      .slice(0, 3)
      .map((one) => one.toFixed(3))
      .join(', ')}, ... ${shown.length}]`;
  if (typeof shown === 'number' && !Number.isInteger(shown))
    return String(Number(shown.toPrecision(6)));
  return shown === null ? '' : printable(String(shown));
}

/** RFC 4180, with LF. */
export function csvOf({ columns, rows }: SqlResult): string {
  const field = (value: unknown): string => {
    const text = value === null ? '' : Array.isArray(value) ? JSON.stringify(value) : String(value);
    return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  };
  const lines = [columns.map(field), ...rows.map((row) => row.map((value) => field(plain(value))))];
  return lines.map((line) => `${line.join(',')}\n`).join('');
}

type Basic = 'BOOLEAN' | 'INT64' | 'DOUBLE' | 'STRING' | 'JSON';

/** One row group; whole numbers are INT64, vectors JSON arrays. */
export async function parquetOf({ columns, rows }: SqlResult): Promise<Uint8Array> {
  const { parquetWriteBuffer } = await import('hyparquet-writer');
  const names = columns.map((name, i) => (columns.indexOf(name) === i ? name : `${name}_${i + 1}`));
  const columnData = names.map((name, i) => {
    const values = rows.map((row) => row[i] ?? null);
    const type = typeOf(values);
    return { name, type, data: values.map((value) => as(type, value)), nullable: true };
  });
  if (columns.length === 0)
    throw makeError('ERR_ARG_RANGE', 'an answer without columns is no parquet file');
  return new Uint8Array(parquetWriteBuffer({ columnData }));
}

function typeOf(values: readonly SqlValue[]): Basic {
  const given = values.filter((value) => value !== null);
  if (given.some((value) => types.isUint8Array(value))) return 'JSON';
  if (
    given.length > 0 &&
    given.every((value) => typeof value === 'bigint' || Number.isInteger(value))
  )
    return 'INT64';
  if (given.length > 0 && given.every((value) => typeof value === 'number')) return 'DOUBLE';
  return 'STRING';
}

function as(type: Basic, value: SqlValue): unknown {
  if (value === null) return null;
  if (type === 'INT64') return BigInt(value as number | bigint);
  if (type === 'DOUBLE') return Number(value);
  return type === 'JSON' ? plain(value) : String(plain(value));
}
