/**
 * One field of the metadata of all rows, as a list of (row, value): a row without the field has no entry, one
 * whose value is an array has several.
 */
import { room } from '../room';
import type { Metadata } from '../types';
import type { RangeOp, Scalar } from './expression';

/** `GONE` entries are those of metadata that was replaced. */
const GONE = 0;
const NUMBER = 1;
const STRING = 2;
const TRUE = 3;
const FALSE = 4;
const NULL = 5;
/** An object, or an array without elements: there, and equal to nothing. */
const OTHER = 6;

export class Column {
  /** Rows that were read. */
  read = 0;
  private size = 0;
  private gone = 0;
  private rows = new Uint32Array(256);
  private kinds = new Uint8Array(256);
  /** Numbers, and the places of strings in `texts`. */
  private values = new Float64Array(256);
  private readonly codes = new Map<string, number>();
  private readonly texts: string[] = [];
  private readonly path: readonly string[];

  constructor(private readonly field: string) {
    this.path = field.split('.');
  }

  /** Most entries are of metadata that was replaced: read all rows again. */
  get isWorn(): boolean {
    return this.gone > 1024 && this.gone > this.size / 2;
  }

  /** Takes the field of one row. */
  add(row: number, metadata: Metadata | undefined): void {
    if (metadata === undefined) return;
    if (Object.hasOwn(metadata, this.field)) this.enter(row, metadata[this.field]);
    else if (this.path.length > 1) this.follow(row, metadata, 0);
  }

  /** Drops the entries of rows. */
  drop(rows: ReadonlySet<number>): void {
    for (let i = 0; i < this.size; i++) {
      if (this.kinds[i] === GONE || !rows.has(this.rows[i] as number)) continue;
      this.kinds[i] = GONE;
      this.gone++;
    }
  }

  /** Sets the bits of rows with one of the values. */
  matchAny(values: readonly Scalar[], bits: Uint8Array): void {
    const kinds = new Uint8Array(OTHER + 1);
    const numbers = new Set<number>();
    const codes = new Set<number>();
    for (const value of values) {
      if (value === null) kinds[NULL] = 1;
      else if (value === true) kinds[TRUE] = 1;
      else if (value === false) kinds[FALSE] = 1;
      else if (typeof value === 'number') numbers.add(value);
      else {
        const code = this.codes.get(value);
        if (code !== undefined) codes.add(code);
      }
    }
    const [number] = numbers.size === 1 ? numbers : [NaN];
    const [code] = codes.size === 1 ? codes : [NaN];
    this.match(bits, (kind, value) => {
      if (kind === NUMBER) return value === number || (numbers.size > 1 && numbers.has(value));
      if (kind === STRING) return value === code || (codes.size > 1 && codes.has(value));
      return kinds[kind] === 1;
    });
  }

  /** Numbers are compared with numbers, strings with strings, by their UTF-16 units. */
  matchRange(op: RangeOp, than: string | number, bits: Uint8Array): void {
    if (typeof than === 'number') {
      this.match(bits, (kind, value) => kind === NUMBER && holds(op, value, than));
      return;
    }
    const fits = Uint8Array.from(this.texts, (text) => (holds(op, text, than) ? 1 : 0));
    this.match(bits, (kind, value) => kind === STRING && fits[value] === 1);
  }

  matchExists(bits: Uint8Array): void {
    this.match(bits, () => true);
  }

  private match(bits: Uint8Array, fits: (kind: number, value: number) => boolean): void {
    const { rows, kinds, values, size } = this;
    for (let i = 0; i < size; i++) {
      const kind = kinds[i] as number;
      if (kind === GONE || !fits(kind, values[i] as number)) continue;
      const row = rows[i] as number;
      // A row beyond the bits came, or went, meanwhile; the store is ignored.
      bits[row >> 3] = (bits[row >> 3] as number) | (1 << (row & 7));
    }
  }

  private follow(row: number, value: unknown, depth: number): void {
    if (Array.isArray(value)) {
      for (const one of value) this.follow(row, one, depth);
      return;
    }
    if (typeof value !== 'object' || value === null) return;
    const name = this.path[depth] as string;
    if (!Object.hasOwn(value, name)) return;
    const part = (value as Record<string, unknown>)[name];
    if (depth + 1 < this.path.length) this.follow(row, part, depth + 1);
    else this.enter(row, part);
  }

  private enter(row: number, value: unknown): void {
    if (Array.isArray(value) && value.length > 0) {
      for (const one of value) this.push(row, one);
    } else this.push(row, value);
  }

  private push(row: number, value: unknown): void {
    if (typeof value === 'number') this.append(row, NUMBER, value);
    else if (typeof value === 'string') this.append(row, STRING, this.codeOf(value));
    else if (value === null) this.append(row, NULL, 0);
    else if (typeof value === 'boolean') this.append(row, value ? TRUE : FALSE, 0);
    else this.append(row, OTHER, 0);
  }

  private codeOf(text: string): number {
    let code = this.codes.get(text);
    if (code === undefined) {
      code = this.texts.push(text) - 1;
      this.codes.set(text, code);
    }
    return code;
  }

  private append(row: number, kind: number, value: number): void {
    const at = this.size++;
    if (at === this.rows.length) {
      this.rows = grown(this.rows, room(Uint32Array, 2 * at));
      this.kinds = grown(this.kinds, room(Uint8Array, 2 * at));
      this.values = grown(this.values, room(Float64Array, 2 * at));
    }
    this.rows[at] = row;
    this.kinds[at] = kind;
    this.values[at] = value;
  }
}

function grown<T extends { set(from: T): void }>(from: T, to: T): T {
  to.set(from);
  return to;
}

function holds<T extends string | number>(op: RangeOp, value: T, than: T): boolean {
  switch (op) {
    case 'lt':
      return value < than;
    case 'lte':
      return value <= than;
    case 'gt':
      return value > than;
    case 'gte':
      return value >= than;
  }
}
