/**
 * String keys. The native core has integer keys; rows of one string share one integer, and a string that is
 * new gets the integer after the largest. The map from strings to integers is made from the payloads when it
 * is first needed, and extended by the rows that came since.
 */
import { types } from 'node:util';
import { codeOf, makeError } from '../../base/errors';
import { outOfRange, wrongType } from '../../base/options';
import { attempt, type IndexCore } from '../core';
import { countFrom } from '../room';
import { keyIn, readPayloads } from './payload';

export const MAX_KEY_BYTES = 1024;
/** A Map holds 2^24 entries at most. */
const MAP_SIZE = 2 ** 23;
/** Rows read at a time. */
const STEP_ROWS = 4096;

const LONE_SURROGATE = /\p{Surrogate}/u;
const EXPECTED = `text of 1 to ${MAX_KEY_BYTES} bytes of UTF-8, well-formed and without NUL`;

export function checkStringKey(name: string, key: unknown): string {
  if (typeof key !== 'string') throw wrongType(name, 'a string', key);
  const isGood = key !== '' && !key.includes('\0') && !LONE_SURROGATE.test(key);
  // A UTF-16 unit takes at most 3 bytes.
  if (isGood && (3 * key.length <= MAX_KEY_BYTES || Buffer.byteLength(key) <= MAX_KEY_BYTES)) {
    return key;
  }
  throw outOfRange(name, EXPECTED, key);
}

/** A copy. */
export function checkStringKeys(name: string, value: unknown): string[] {
  if (!Array.isArray(value)) {
    throw wrongType(name, 'an array of strings, as the index has string keys', value);
  }
  return Array.from(value, (key: unknown, i) => checkStringKey(`${name}[${i}]`, key));
}

export class StringKeys {
  private maps: Map<string, number>[] = [new Map()];
  private rows = 0;
  private nextId = 0;
  private handle: IndexCore['handle'];
  private truncations: number;

  constructor(private readonly core: IndexCore) {
    this.handle = core.handle;
    this.truncations = core.truncations;
  }

  /** The integer of a string that some row has or had. */
  find(key: string): number | undefined {
    this.extend();
    return this.lookUp(key);
  }

  /** The same for many; NaN for strings that are not known. */
  findAll(keys: Iterable<string>): Float64Array {
    this.extend();
    return Float64Array.from(keys, (key) => this.lookUp(key) ?? NaN);
  }

  /**
   * Integers for a write. Those of new strings count once rows have them. Call as the one writer.
   *
   * @param keys  each once
   */
  assign(keys: readonly string[]): Float64Array {
    this.extend();
    let next = this.nextId;
    return Float64Array.from(keys, (key) => this.lookUp(key) ?? next++);
  }

  private lookUp(key: string): number | undefined {
    for (const map of this.maps) {
      const id = map.get(key);
      if (id !== undefined) return id;
    }
    return undefined;
  }

  /** Reads the keys of new rows; of all rows after a rollback or a compaction. */
  private extend(): void {
    const { binding, handle, truncations } = this.core;
    if (this.handle !== handle || this.truncations !== truncations) {
      this.maps = [new Map()];
      this.rows = 0;
      this.nextId = 0;
      this.handle = handle;
      this.truncations = truncations;
    }
    try {
      for (let count = binding.count(handle); this.rows < count;) {
        const length = Math.min(STEP_ROWS, count - this.rows);
        const rows = countFrom(this.rows, length);
        const ids = new Float64Array(length);
        attempt(() => binding.copyKeys(handle, rows, ids));
        readPayloads(this.core, rows, (payload, i) => {
          this.enter(keyIn(this.core, payload), ids[i] as number);
        });
        this.rows += length;
      }
    } catch (error) {
      // A rollback under way took the rows that were counted; when it ends, all is read again.
      if (codeOf(error) !== 'ERR_ARG_RANGE') throw error;
    }
  }

  private enter(key: string, id: number): void {
    this.nextId = Math.max(this.nextId, id + 1);
    if (this.maps.length > 1 && this.lookUp(key) !== undefined) return;
    let map = this.maps.at(-1) as Map<string, number>;
    if (map.size === MAP_SIZE) this.maps.push((map = new Map()));
    map.set(key, id);
  }
}

/** @throws ERR_ARG_TYPE unless the index has string keys */
export function stringKeysOf(core: IndexCore): StringKeys {
  if (core.strings !== undefined) return core.strings;
  throw makeError(
    'ERR_ARG_TYPE',
    "the keys of this index are whole numbers; for strings create it with keyType: 'string'",
  );
}

/** @throws ERR_ARG_TYPE if the index has string keys */
export function assertIntegerKeys(core: IndexCore, what: string): void {
  if (core.strings === undefined) return;
  throw makeError('ERR_ARG_TYPE', `the index has string keys, so ${what}`);
}

export function isStringArray(value: unknown): value is readonly string[] {
  return Array.isArray(value) && typeof value[0] === 'string';
}

export function isSetOf(value: unknown): value is ReadonlySet<unknown> {
  return types.isSet(value);
}
