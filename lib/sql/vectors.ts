/**
 * Vectors in SQL: blobs of float32, and numbers that stand for them. A blob that passes SQLite on its way into a function is copied
 * and wrapped for every call (20 to 35 us); a number costs a tenth of that. So inside DISTANCE a column of a view is its reference
 * (`file_id * 4` and which vector), and a parameter is the negative of its place.
 */
import { types } from 'node:util';
import { bytesOfVector } from '../base/arrays';
import { makeError } from '../base/errors';
import { native } from '../native';

/** Last two bits of a reference. */
export const METADATA = 0;
export const CHANNELS = 1;

export const VECTOR_COLUMNS: ReadonlySet<string> = new Set([
  'metadata_embedding',
  'channel_fingerprint',
]);

export const SQL_METRICS = ['cosine', 'euclidean', 'dot'] as const;

/** Reads vectors of files from `first` on, in the order of their ids. */
export type ReadVectors = (
  which: number,
  first: number,
  limit: number,
) => Iterable<{ id: number; bytes: Uint8Array }>;

/** A scan asks for one after another. */
const READ_AHEAD = 64;
/** Entries kept: 100 MB of the longer kind. */
const MOST_KEPT = 65_536;

export class VectorRefs {
  private readonly kept = new Map<number, Uint8Array | undefined>();
  private last = -2;

  constructor(
    private readonly read: ReadVectors,
    private readonly params: readonly (Uint8Array | undefined)[],
  ) {}

  /** Undefined: there is none. @throws ERR_ARG_TYPE */
  resolve(value: unknown): Uint8Array | undefined {
    if (value === null || value === undefined) return undefined;
    if (typeof value === 'number') {
      if (value < 0) return this.params[-1 - value];
      return this.kept.has(value) ? this.kept.get(value) : this.load(value);
    }
    if (types.isUint8Array(value)) return value;
    if (typeof value === 'string') return bytesOfJson(value);
    throw makeError(
      'ERR_ARG_TYPE',
      'DISTANCE: a vector is a vector column, a parameter or a JSON array',
    );
  }

  private load(ref: number): Uint8Array | undefined {
    if (this.kept.size > MOST_KEPT) this.kept.clear();
    const which = ref & 3;
    const id = Math.floor(ref / 4);
    const isScan = id > this.last && id - this.last <= READ_AHEAD;
    this.last = id;
    let found: Uint8Array | undefined;
    for (const one of this.read(which, id, isScan ? READ_AHEAD : 1)) {
      if (one.id === id) found = one.bytes;
      this.kept.set(one.id * 4 + which, one.bytes);
    }
    if (found === undefined) this.kept.set(ref, undefined);
    return found;
  }
}

/** @throws ERR_ARG_TYPE */
export function bytesOfJson(text: string): Uint8Array {
  let list: unknown;
  try {
    list = JSON.parse(text);
  } catch {
    list = undefined;
  }
  if (!Array.isArray(list) || list.length === 0 || !list.every((one) => typeof one === 'number'))
    throw makeError('ERR_ARG_TYPE', 'a vector as text must be a JSON array of numbers');
  return bytesOfVector(Float32Array.from(list));
}

/** @throws ERR_ARG_RANGE | ERR_DIM_MISMATCH */
export function distanceOf(a: Uint8Array, b: Uint8Array, metric: unknown): number {
  const number = SQL_METRICS.indexOf(metric as 'cosine');
  if (number < 0)
    throw makeError(
      'ERR_ARG_RANGE',
      `DISTANCE: the metric is one of ${SQL_METRICS.join(', ')}, received ${String(metric)}`,
    );
  if (a.byteLength !== b.byteLength || a.byteLength % 4 !== 0 || a.byteLength === 0)
    throw makeError(
      'ERR_DIM_MISMATCH',
      `DISTANCE: vectors of ${a.byteLength / 4} and ${b.byteLength / 4} values`,
    );
  const value = native().pairDistance(a, b, number);
  // A distance is smaller for what is closer.
  return metric === 'dot' ? -value : value;
}
