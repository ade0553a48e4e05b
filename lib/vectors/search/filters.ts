/**
 * Filters. The addon knows only bitsets over rows, and a bitset fits one state of one index: rows are
 * added, keys get other rows, a compaction renumbers all rows. So bitsets made from keys or a predicate are
 * rebuilt after a change, and bitsets given by the caller are refused once rows were renumbered.
 */
import { types } from 'node:util';
import { codeOf, makeError } from '../../base/errors';
import { fromNative, type NativeKeys } from '../../native';
import { wrongType } from '../../base/options';
import { checkPresent } from '../../base/arrays';
import { attempt, type IndexCore } from '../core';
import { parseExpression, plainText, type Expression } from '../payloads/expression';
import {
  assertIntegerKeys,
  checkStringKeys,
  isStringArray,
  stringKeysOf,
} from '../payloads/string-keys';
import { knownIds } from '../rows';
import { bitsOfKeys, bitsOfPredicate } from './filter-bits';
import { copyOf } from '../room';
import type { Filter } from '../types';
import { checkKeys } from '../arguments/validate';

type Predicate = (key: never) => boolean;
type Source =
  NativeKeys | readonly string[] | Predicate | Uint8Array | { readonly expression: Expression };

/** A bitset and the state of the index it belongs to. */
interface Bits {
  readonly bits: Uint8Array;
  readonly changes: number;
}

/** Compiled metadata filters that are kept, and the bytes of their bits. */
const MAX_EXPRESSIONS = 64;
const MAX_EXPRESSION_BYTES = 64 * 1024 * 1024;

/** After this many attempts against concurrent changes, an asynchronous search blocks writers. */
const ATTEMPTS = 4;

/** One filter of one index; every search asks it for a current bitset. */
export class RowFilter {
  private made: (Bits & { readonly handle: IndexCore['handle']; version: number }) | undefined;

  /** @param renumbered value of `core.renumbered` for the row numbers of the bitset */
  constructor(
    readonly core: IndexCore,
    private readonly source: Source,
    readonly renumbered: number,
  ) {}

  /** @throws ERR_FILTER_STALE | ERR_ARG_TYPE | ERR_CLOSED, and whatever the predicate throws */
  current(): Bits {
    const { binding, handle } = this.core;
    if (types.isUint8Array(this.source)) {
      if (this.renumbered !== this.core.renumbered) throw stale();
      return { bits: this.source, changes: binding.changes(handle) };
    }
    const { columns } = this.core;
    while (
      this.made?.handle !== handle ||
      this.made.changes !== binding.changes(handle) ||
      this.made.version !== columns.version
    ) {
      const changes = binding.changes(handle);
      const { version } = columns;
      try {
        this.made = { bits: this.make(this.source), changes, handle, version };
      } catch (error) {
        // A rollback took rows that were being read.
        if (codeOf(error) !== 'ERR_ARG_RANGE' || binding.changes(handle) === changes) throw error;
      }
    }
    return this.made;
  }

  private make(source: Exclude<Source, Uint8Array>): Uint8Array {
    if (typeof source === 'function') return bitsOfPredicate(this.core, source);
    if ('expression' in source) return this.core.columns.bitsOf(source.expression);
    return bitsOfKeys(this.core, knownIds(this.core, source));
  }
}

/** Bitsets returned by compileFilter, and their content then. */
const compiled = new WeakMap<Uint8Array, { filter: RowFilter; bits: Uint8Array }>();

/** @throws ERR_ARG_TYPE | ERR_ARG_RANGE | ERR_FILTER_STALE (made for another index) */
export function filterOf(core: IndexCore, filter: Filter<never> | Filter): RowFilter {
  if (types.isUint8Array(filter)) {
    checkPresent('filter', filter);
    const known = compiled.get(filter);
    if (known === undefined) return new RowFilter(core, asOurs(filter), 0);
    if (known.filter.core !== core) throw foreign();
    // The caller changed the bits: treat them as a plain bitset.
    if (Buffer.compare(filter, known.bits) === 0) return known.filter;
    return new RowFilter(core, asOurs(filter), known.filter.renumbered);
  }
  if (typeof filter === 'function') return new RowFilter(core, filter, core.renumbered);
  if (typeof filter !== 'object' || filter === null) {
    throw wrongType(
      'filter',
      'a Uint8Array, an array or Set of keys, a function, or an object of metadata fields',
      filter,
    );
  }
  const keys = types.isSet(filter) ? [...(filter as ReadonlySet<unknown>)] : filter;
  if (Array.isArray(keys) || types.isTypedArray(keys)) return keyFilter(core, keys);
  return expressionFilter(core, keys);
}

function keyFilter(core: IndexCore, keys: unknown): RowFilter {
  if (isStringArray(keys)) stringKeysOf(core);
  else if ((keys as ArrayLike<unknown>).length > 0) {
    assertIntegerKeys(core, 'whole numbers are no keys of it');
  }
  const checked = isStringArray(keys) ? checkStringKeys('filter', keys) : checkKeys('filter', keys);
  return new RowFilter(core, checked, core.renumbered);
}

/** The one of this expression, if it is kept. */
function expressionFilter(core: IndexCore, given: object): RowFilter {
  const { expressions } = core;
  const plain = plainText(given);
  const parsed = plain === undefined ? parseExpression('filter', given) : undefined;
  const text = plain ?? `parsed ${JSON.stringify(parsed)}`;
  let filter = expressions.get(text);
  if (filter === undefined) {
    // Parsed from the text, so that what was read for it is not read again.
    const expression = parsed ?? parseExpression('filter', JSON.parse(text) as object);
    filter = new RowFilter(core, { expression }, core.renumbered);
  }
  expressions.delete(text);
  expressions.set(text, filter);
  const most = (8 * MAX_EXPRESSION_BYTES) / Math.max(1, core.binding.count(core.handle));
  for (const key of expressions.keys()) {
    if (expressions.size <= Math.max(1, Math.min(most, MAX_EXPRESSIONS))) break;
    expressions.delete(key);
  }
  return filter;
}

/** Throws as VectorIndex.compileFilter. */
export function compileFilter(core: IndexCore, given: Filter<never> | Filter): Uint8Array {
  const asked = filterOf(core, given);
  // A bitset given by the caller refers to the current row numbers.
  const isRaw = types.isUint8Array(given) && !compiled.has(given);
  const filter = isRaw ? new RowFilter(core, copyOf(Uint8Array, given), core.renumbered) : asked;
  const { bits } = filter.current();
  const out = copyOf(Uint8Array, bits);
  compiled.set(out, { filter, bits });
  return out;
}

/** A synchronous search: at most one write in flight can interfere. */
export function searchFiltered<T>(
  filter: RowFilter | undefined,
  search: (bits?: Uint8Array, changes?: number) => T,
): T {
  if (filter === undefined) return attempt(() => search());
  for (;;) {
    const { bits, changes } = attempt(() => filter.current());
    try {
      return search(bits, changes);
    } catch (error) {
      if (!isOutdated(fromNative(error))) throw fromNative(error);
    }
  }
}

/** An asynchronous search. */
export async function searchFilteredAsync<T>(
  core: IndexCore,
  filter: RowFilter | undefined,
  search: (bits?: Uint8Array, changes?: number) => Promise<T>,
): Promise<T> {
  const once = (): Promise<T> => {
    if (filter === undefined) return search();
    const { bits, changes } = attempt(() => filter.current());
    return search(bits, changes);
  };
  for (let attempts = 1; attempts < ATTEMPTS; attempts++) {
    try {
      return await once();
    } catch (error) {
      if (!isOutdated(error)) throw error;
    }
  }
  return core.asWriter(once);
}

/** As an array of this realm. */
function asOurs(bits: Uint8Array): Uint8Array {
  if (Object.getPrototypeOf(bits) === Uint8Array.prototype || Buffer.isBuffer(bits)) return bits;
  const { buffer, byteOffset, length } = bits as Uint8Array;
  return new Uint8Array(buffer, byteOffset, length);
}

const isOutdated = (error: unknown): boolean => codeOf(error) === 'ERR_BUSY';

const stale = (): Error =>
  makeError(
    'ERR_FILTER_STALE',
    'compact() or rollbackTo() changed the row numbers since this bitset was made: make it ' +
      'from keys or a predicate, or pass a bitset over the new rows to compileFilter()',
  );

const foreign = (): Error =>
  makeError(
    'ERR_FILTER_STALE',
    'this filter was compiled by another index: compile it with this one',
  );
