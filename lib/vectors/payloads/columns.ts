/**
 * The fields that filters have named, as columns over the rows of one index. A field is read from the
 * metadata of all rows when it is first named, and later from the rows that came since.
 */
import type { IndexCore } from '../core';
import { countFrom, room } from '../room';
import { Column } from './column';
import { fieldsOf, type Expression } from './expression';
import { metadataIn, readPayloads } from './payload';

/** A caller that lets strangers name fields must not fill the memory. */
const MAX_COLUMNS = 64;
const STEP_ROWS = 4096;

export class Columns {
  /** Another number when metadata of rows that were there has changed. */
  version = 0;
  private columns = new Map<string, Column>();
  private handle: IndexCore['handle'];
  private truncations: number;

  constructor(private readonly core: IndexCore) {
    this.handle = core.handle;
    this.truncations = core.truncations;
  }

  /** A bit per row of the index, removed ones included. @throws ERR_FILE_CORRUPT | ERR_ARG_RANGE */
  bitsOf(expression: Expression): Uint8Array {
    const count = this.core.binding.count(this.core.handle);
    const columns = this.columnsOf(fieldsOf(expression), count);
    return evaluate(expression, columns, count);
  }

  /** Takes the new metadata of rows. Call when it is committed. */
  refresh(rows: Uint32Array): void {
    this.version++;
    if (this.isOutdated() || this.columns.size === 0) return;
    const set = new Set(rows);
    for (const column of this.columns.values()) column.drop(set);
    readPayloads(this.core, rows, (payload, i) => {
      const row = rows[i] as number;
      const metadata = metadataIn(this.core, payload);
      for (const column of this.columns.values()) if (row < column.read) column.add(row, metadata);
    });
  }

  /** All rows were renumbered, or the last ones were dropped. */
  private isOutdated(): boolean {
    return this.handle !== this.core.handle || this.truncations !== this.core.truncations;
  }

  private columnsOf(fields: ReadonlySet<string>, count: number): ReadonlyMap<string, Column> {
    if (this.isOutdated()) {
      this.columns.clear();
      this.handle = this.core.handle;
      this.truncations = this.core.truncations;
    }
    const wanted = new Map<string, Column>();
    for (const field of fields) {
      let column = this.columns.get(field);
      if (column === undefined || column.isWorn) column = new Column(field);
      // The order of the map is that of last use.
      this.columns.delete(field);
      this.columns.set(field, column);
      wanted.set(field, column);
    }
    this.read([...wanted.values()], count);
    for (const field of this.columns.keys()) {
      if (this.columns.size <= MAX_COLUMNS) break;
      this.columns.delete(field);
    }
    return wanted;
  }

  /** Brings columns to row `count`. Those that stand at the same row are read together. */
  private read(columns: readonly Column[], count: number): void {
    for (let first = 0; first < count;) {
      first = Math.min(...columns.map(({ read }) => read), count);
      const behind = columns.filter(({ read }) => read === first);
      const next = Math.min(count, ...columns.map(({ read }) => read).filter((r) => r > first));
      const length = Math.min(STEP_ROWS, next - first);
      const rows = countFrom(first, length);
      readPayloads(this.core, rows, (payload, i) => {
        const metadata = metadataIn(this.core, payload);
        for (const column of behind) {
          column.add(first + i, metadata);
          column.read = first + i + 1;
        }
      });
    }
  }
}

function evaluate(
  expression: Expression,
  columns: ReadonlyMap<string, Column>,
  count: number,
): Uint8Array {
  const bits = room(Uint8Array, (count + 7) >> 3);
  if ('and' in expression) {
    bits.fill(0xff);
    for (const part of expression.and) {
      const other = evaluate(part, columns, count);
      for (let i = 0; i < bits.length; i++) bits[i] = (bits[i] as number) & (other[i] as number);
    }
    return cut(bits, count);
  }
  if ('or' in expression) {
    for (const part of expression.or) {
      const other = evaluate(part, columns, count);
      for (let i = 0; i < bits.length; i++) bits[i] = (bits[i] as number) | (other[i] as number);
    }
    return bits;
  }
  if ('not' in expression) {
    const other = evaluate(expression.not, columns, count);
    for (let i = 0; i < bits.length; i++) bits[i] = ~(other[i] as number);
    return cut(bits, count);
  }
  const column = columns.get(expression.field) as Column;
  if ('in' in expression) column.matchAny(expression.in, bits);
  else if ('op' in expression) column.matchRange(expression.op, expression.than, bits);
  else column.matchExists(bits);
  return bits;
}

/** Rows that are not there match nothing, not even a negation. */
function cut(bits: Uint8Array, count: number): Uint8Array {
  if (count % 8 !== 0) bits[bits.length - 1] = (bits.at(-1) as number) & ((1 << (count % 8)) - 1);
  return bits;
}
