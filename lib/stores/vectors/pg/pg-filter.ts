/**
 * Filters as SQL conditions. Names come from the declared columns, operators from this file; values are
 * bound.
 */
import { types } from 'node:util';
import { makeError } from '../../../base/errors';
import { checkKeys, checkText, wrongType } from '../checks';
import { quote } from '../identifiers';
import { keysParameter } from './pg-binary';
import type { SqlValue } from './pg-connection';
import type { ColumnType } from './schema/pg-schema';
import type { AttributeValue, StoreFilter } from '../vector-store';

export interface Condition {
  /** Conditions joined by AND, or an empty string. */
  readonly sql: string;
  readonly values: readonly SqlValue[];
  /** Most rows that can match; Infinity if unknown. */
  readonly most: number;
}

/**
 * Up to this many rows are listed one by one: the server fetches just these by index and compares all,
 * which is exact and faster for few rows.
 */
export const FEW_ROWS = 4096;

/** @param firstValue  number of the first free `$n` */
export function compileFilter(
  filter: StoreFilter | undefined,
  columns: Readonly<Record<string, ColumnType>>,
  firstValue: number,
): Condition {
  const parts: string[] = [];
  const values: SqlValue[] = [];
  let most = Infinity;
  const bind = (value: SqlValue): string => `$${firstValue + values.push(value) - 1}`;
  if (filter?.keys !== undefined) {
    const keys = checkKeys('filter.keys', filter.keys);
    most = keys.length;
    parts.push(`key = ANY(${bind(keysParameter(keys))}::bigint[])`);
  }
  if (filter?.rows !== undefined) {
    const { rows } = filter;
    if (!types.isUint8Array(rows)) throw wrongType('filter.rows', 'a Uint8Array', rows);
    const few = rowsOfBits(rows, FEW_ROWS);
    if (few !== undefined) {
      most = Math.min(most, few.length);
      parts.push(`"row" = ANY(${bind(keysParameter(few))}::bigint[])`);
    } else {
      // get_bit() on bytes uses our bit order: bit 0 is the lowest of the first byte. CASE, because reading
      // beyond the end is an error.
      const bits = bind(Buffer.from(rows.buffer, rows.byteOffset, rows.length));
      parts.push(
        `CASE WHEN "row" < ${8 * rows.length} THEN get_bit(${bits}::bytea, "row"::integer) = 1 ELSE false END`,
      );
    }
  }
  for (const [name, wanted] of Object.entries(filter?.columns ?? {})) {
    const type = columnType(columns, name);
    const list = Array.isArray(wanted) ? (wanted as AttributeValue[]) : [wanted as AttributeValue];
    const given = list.filter((value) => value !== null);
    for (const value of given) checkValue(`filter.columns.${name}`, value, type);
    const options = [
      ...(given.length > 0 ? [`${quote(name)} = ANY(${bind(given)}::${type}[])`] : []),
      ...(given.length < list.length ? [`${quote(name)} IS NULL`] : []),
    ];
    parts.push(options.length > 0 ? `(${options.join(' OR ')})` : 'false');
  }
  if (filter?.metadata !== undefined)
    parts.push(`metadata @> ${bind(jsonOf('filter.metadata', filter.metadata))}::jsonb`);
  return { sql: parts.join(' AND '), values, most };
}

/** The set rows if there are at most `limit`, else undefined. */
function rowsOfBits(bits: Uint8Array, limit: number): number[] | undefined {
  const rows: number[] = [];
  for (let at = 0; at < bits.length; at++) {
    for (let rest = bits[at] as number; rest !== 0; rest &= rest - 1) {
      if (rows.length === limit) return undefined;
      rows.push(8 * at + (31 - Math.clz32(rest & -rest)));
    }
  }
  return rows;
}

/** @throws ERR_ARG_RANGE for an undeclared column, listing the declared ones */
export function columnType(
  columns: Readonly<Record<string, ColumnType>>,
  name: string,
): ColumnType {
  if (Object.hasOwn(columns, name)) return columns[name] as ColumnType;
  const known = Object.keys(columns).join(', ') || 'none';
  throw makeError(
    'ERR_ARG_RANGE',
    `${JSON.stringify(name.slice(0, 64))} is no declared column (${known}): declare it in \`columns\`, or use metadata`,
    { details: { columns: Object.keys(columns) } },
  );
}

/** @throws ERR_ARG_TYPE | ERR_ARG_RANGE when the value does not fit the column */
export function checkValue(name: string, value: unknown, type: ColumnType): void {
  if (value === null) return;
  if (type === 'text') checkText(name, value);
  else if (type === 'boolean') {
    if (typeof value !== 'boolean') throw wrongType(name, 'a boolean', value);
  } else if (typeof value !== 'number') throw wrongType(name, 'a number', value);
  else if (type === 'bigint' && !Number.isSafeInteger(value))
    throw wrongType(name, 'a whole number of at most 2^53 - 1', value);
}

/** @throws ERR_ARG_TYPE unless it is a plain object that JSON can represent */
export function jsonOf(name: string, value: unknown): string {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw wrongType(name, 'an object', value);
  let text: string;
  try {
    text = JSON.stringify(value, (_key, one: unknown) =>
      typeof one === 'string' ? checkText(name, one) : one,
    );
  } catch (cause) {
    if ((cause as { code?: unknown }).code !== undefined) throw cause;
    throw makeError('ERR_ARG_TYPE', `${name} cannot be written as JSON`, { cause });
  }
  return text;
}
