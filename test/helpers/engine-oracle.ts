/**
 * What an index must hold after each operation of the kill loop. Parent and child plan the same
 * operations apart, from the number of the operation and what the index holds.
 */
import { noise, randomOf, type Random } from './vectors';

export const CRASH_DIM = 8;

/** A row of the index; `version` is the number of the operation that wrote it. */
export interface OracleRow {
  readonly key: number;
  readonly live: boolean;
  readonly version: number;
  /** The operation that wrote its metadata. */
  readonly noted: number;
}

export const KINDS = [
  'add',
  'update',
  'remove',
  'rollback',
  'save',
  'compact',
  'tune',
  'set',
] as const;
export type Kind = (typeof KINDS)[number];

export interface Operation {
  readonly kind: Kind;
  /** Of the rows to add, update or remove, or to set the metadata of. */
  readonly keys: readonly number[];
  /** Rollback: rows that stay. */
  readonly rows: number;
}

/** Euclidean rows are stored as given, so they can be compared bit for bit. */
export const vectorOf = (key: number, version: number): Float32Array =>
  noise(1, CRASH_DIM, 1_000_003 * (key + 1) + version);

const below = (random: Random, n: number) => Math.floor(random() * n);

function someLive(random: Random, rows: readonly OracleRow[], most: number): number[] {
  const live = rows.filter((row) => row.live);
  const n = Math.min(live.length, 1 + below(random, most));
  const from = below(random, live.length - n + 1);
  return live.slice(from, from + n).map((row) => row.key);
}

/** Operation `number`. Half of them are of one kind, which changes every 40. */
export function planOperation(seed: number, number: number, rows: readonly OracleRow[]): Operation {
  const random = randomOf(seed * 1_000_003 + number);
  const focus = KINDS[Math.floor(number / 40) % KINDS.length] as Kind;
  let kind = random() < 0.5 ? focus : (KINDS[below(random, KINDS.length)] as Kind);
  const live = rows.filter((row) => row.live).length;
  // Large enough that searches walk, small enough that a life is many operations.
  if (live < 1_100) kind = 'add';
  else if (rows.length > 1_500) kind = random() < 0.5 ? 'compact' : 'rollback';
  if (kind === 'add') {
    const n = live < 1_000 ? 400 : 1 + below(random, 40);
    const keys = Array.from({ length: n }, (_, i) => number * 1_000 + i);
    // Keys that were removed may come again.
    const taken = new Set(rows.filter((row) => row.live).map((row) => row.key));
    const free = rows.find((row) => !taken.has(row.key));
    return { kind, keys: free === undefined ? keys : [...keys, free.key], rows: 0 };
  }
  if (kind === 'update' || kind === 'set') {
    return { kind, keys: someLive(random, rows, 30), rows: 0 };
  }
  if (kind === 'remove') return { kind, keys: someLive(random, rows, 20), rows: 0 };
  if (kind === 'rollback') {
    return { kind, keys: [], rows: Math.max(0, rows.length - below(random, 60)) };
  }
  return { kind, keys: [], rows: 0 };
}

/** The rows after operation `number`. */
export function afterOperation(
  rows: readonly OracleRow[],
  { kind, keys, rows: kept }: Operation,
  number: number,
): OracleRow[] {
  const named = new Set(keys);
  const added = keys.map((key) => ({ key, live: true, version: number, noted: number }));
  switch (kind) {
    case 'add':
      return [...rows, ...added];
    case 'update':
      return [...rows.map((row) => (named.has(row.key) ? { ...row, live: false } : row)), ...added];
    case 'remove':
      return rows.map((row) => (named.has(row.key) ? { ...row, live: false } : row));
    case 'set':
      return rows.map((row) => (named.has(row.key) && row.live ? { ...row, noted: number } : row));
    case 'rollback':
      return rows.slice(0, kept);
    case 'compact':
      return rows.filter((row) => row.live);
    default:
      return [...rows];
  }
}
