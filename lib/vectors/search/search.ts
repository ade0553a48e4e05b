/** Searches: option checks, the synchronous call, and batches split so that they can be aborted. */
import { codeOf, makeError } from '../../base/errors';
import { MAX_HITS } from '../../base/limits';
import { checkInteger } from '../../base/options';
import { throwIfAborted } from '../../base/abort';
import { partOf } from '../../base/arrays';
import { room } from '../room';
import { assertOpen, attempt, rethrow, type IndexCore } from '../core';
import { filterOf, searchFiltered, searchFilteredAsync, type RowFilter } from './filters';
import { batchOf, batchRoom, hitsOf, joinBatches, keysOf, similaritiesOf } from './hits';
import { detailsOf, type Details, type DetailedBatch } from './details';
import { checkNames, readOptions } from '../../base/options';
import { toFloats } from '../arguments/input';
import { BATCH_OPTIONS, SEARCH_OPTIONS } from '../arguments/option-rules';
import type { BatchHits, BatchOptions, Hits, SearchOptions } from '../types';
import { checkQuery, checkVectors } from '../arguments/validate';
import { assertIntegerKeys } from '../payloads/string-keys';
import { countSearches } from '../warm';

/** Queries between two checks of the signal: some tens of milliseconds. */
const PART_QUERIES = 256;
/** Numbers per result slot: key, distance, node. */
const KEPT_ROOM = 3 * 1024;

export interface CheckedSearch {
  readonly efSearch: number;
  readonly threshold: number;
  readonly filter: RowFilter | undefined;
  readonly bigints: boolean;
  readonly metadata: boolean;
}

export function checkSearch(core: IndexCore, k: number, given: SearchOptions): CheckedSearch {
  checkInteger('k', k, 1, MAX_HITS);
  // `readOptions` without its copy, which costs a tenth of a short search.
  checkNames('options', given, SEARCH_OPTIONS);
  const { efSearch, threshold, filter, keys64, metadata } = given;
  const rules = SEARCH_OPTIONS;
  if (keys64 === true) assertIntegerKeys(core, 'it has no keys64');
  return {
    efSearch: efSearch === undefined ? core.efSearch : rules.efSearch('efSearch', efSearch),
    threshold: threshold === undefined ? Infinity : rules.threshold('threshold', threshold),
    filter: filter === undefined ? undefined : filterOf(core, filter),
    bigints: keys64 === undefined ? false : rules.keys64('keys64', keys64),
    metadata: metadata === undefined ? false : rules.metadata('metadata', metadata),
  };
}

/** One query on the calling thread. */
export function searchSync(
  core: IndexCore,
  given: unknown,
  k: number,
  options: SearchOptions,
  exact: boolean,
): Hits {
  assertOpen(core);
  const query = checkQuery(given, core.dim);
  const { efSearch, filter, threshold, bigints, metadata } = checkSearch(core, k, options);
  countSearches(core, 1);
  const out = roomFor(core, k);
  const search = (): Hits =>
    searchFiltered(filter, (bits, changes) => {
      const { binding, handle } = core;
      const found = binding.search(
        handle,
        query,
        k,
        efSearch,
        exact,
        bits,
        threshold,
        out,
        changes,
      );
      const hits = hitsOf(core.metric, out, k, found);
      if (core.strings !== undefined || metadata) {
        return { ...hits, ...keysAndMetadata(detailsOf(core, hits.nodes, metadata)) };
      }
      if (!bigints) return hits;
      const keys64 = new BigInt64Array(found);
      binding.copyKeys(handle, hits.nodes, keys64);
      return { ...hits, keys64 };
    });
  for (;;) {
    const before = core.binding.changes(core.handle);
    try {
      return search();
    } catch (error) {
      // A rollback took rows that had just been found.
      const isGone = codeOf(error) === 'ERR_ARG_RANGE';
      if (!isGone || core.binding.changes(core.handle) === before) throw error;
    }
  }
}

/** As fields of a result; strings take the place of the numbers. */
function keysAndMetadata({ strings, metadata }: Details): Partial<Hits> {
  return {
    ...(strings === undefined ? {} : { keys: strings as never }),
    ...(metadata === undefined ? {} : { metadata }),
  };
}

/** Results go through one reused array: allocation would cost more than a short search. */
function roomFor(core: IndexCore, k: number): Float64Array {
  if (3 * k > KEPT_ROOM) return room(Float64Array, 3 * k);
  return (core.room ??= room(Float64Array, KEPT_ROOM));
}

/** Runs queries off the calling thread, in one native call. */
function searchPart(
  core: IndexCore,
  queries: Float32Array,
  k: number,
  search: CheckedSearch,
  exact: boolean,
  threads: number,
): Promise<DetailedBatch> {
  const { efSearch, filter, threshold, bigints, metadata } = search;
  const count = queries.length / core.dim;
  countSearches(core, count);
  const run = async (bits?: Uint8Array, changes?: number): Promise<DetailedBatch> => {
    const { binding, handle, truncations } = core;
    const out = batchRoom(count, k, bigints);
    const started = attempt(() =>
      binding.searchBatch(
        handle,
        queries,
        k,
        efSearch,
        exact,
        bits,
        threshold,
        threads,
        out,
        changes,
      ),
    );
    await started.catch(rethrow);
    if (core.strings === undefined && !metadata) return out;
    // Row numbers that were given twice meanwhile would lead to other keys.
    if (core.truncations !== truncations) throw changed();
    try {
      return { ...out, ...detailsOf(core, out.nodes, metadata, handle) };
    } catch (error) {
      throw codeOf(error) === 'ERR_ARG_RANGE' ? changed() : error;
    }
  };
  const work = searchFilteredAsync(core, filter, run);
  // A compaction keeps the old files until this read has ended.
  core.reads.add(work);
  const done = (): void => void core.reads.delete(work);
  work.then(done, done);
  return work;
}

const changed = (): Error => makeError('ERR_BUSY', 'the index changed during the search');

/** One query off the calling thread. */
export async function searchOne(
  core: IndexCore,
  given: unknown,
  k: number,
  options: SearchOptions,
  exact: boolean,
): Promise<Hits> {
  assertOpen(core);
  const query = checkQuery(given, core.dim);
  const batch = await searchPart(core, query, k, checkSearch(core, k, options), exact, 1);
  const count = batch.counts[0] ?? 0;
  const distances = batch.distances.slice(0, count);
  const { strings, metadata } = batch;
  return {
    ...keysOf(batch.keys.slice(0, count)),
    ...keysAndMetadata({
      strings: strings?.slice(0, count),
      metadata: metadata?.slice(0, count),
    }),
    nodes: batch.nodes.slice(0, count),
    distances,
    similarities: similaritiesOf(core.metric, distances),
  };
}

/** Many queries; in parts if there is a signal or a progress callback. */
export async function searchBatch(
  core: IndexCore,
  given: unknown,
  k: number,
  options: BatchOptions,
): Promise<BatchHits> {
  assertOpen(core);
  const queries = checkVectors('queries', given, core.dim);
  const {
    exact = false,
    threads = 0,
    signal,
    onProgress,
    ...rest
  } = readOptions('options', options, BATCH_OPTIONS);
  const search = checkSearch(core, k, rest);
  const total = queries.length / core.dim;
  if (signal === undefined && onProgress === undefined) {
    const batch = await searchPart(core, toFloats(queries), k, search, exact, threads);
    return { ...batchOf(core.metric, k, batch), ...keysAndMetadata(batch) };
  }
  const parts: DetailedBatch[] = [];
  for (let start = 0; start < total; start += PART_QUERIES) {
    throwIfAborted(signal, `aborted after ${start} of ${total} queries`, { queries: start });
    assertOpen(core);
    const end = Math.min(total, start + PART_QUERIES);
    const part = toFloats(partOf('queries', queries, start * core.dim, end * core.dim));
    parts.push(await searchPart(core, part, k, search, exact, threads));
    onProgress?.(end, total);
  }
  throwIfAborted(signal, `aborted after ${total} of ${total} queries`, { queries: total });
  const joined = {
    strings: core.strings && parts.flatMap(({ strings }) => strings ?? []),
    metadata: search.metadata ? parts.flatMap(({ metadata }) => metadata ?? []) : undefined,
  };
  return {
    ...batchOf(core.metric, k, joinBatches(parts, search.bigints)),
    ...keysAndMetadata(joined),
  };
}
