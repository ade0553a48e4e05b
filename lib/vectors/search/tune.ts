/** `tune`: finds the smallest efSearch that reaches a recall on the user's rows or queries. */
import { MAX_EF } from '../../base/limits';
import { makeError } from '../../base/errors';
import type { IndexCore } from '../core';
import { outOfRange, readOptions } from '../../base/options';
import { toFloats } from '../arguments/input';
import { TUNE_OPTIONS } from '../arguments/option-rules';
import { findTruth, measureRecall, sampleRows } from './recall';
import type { MeasuredRecall, TuneOptions, TuneReport, TuneStep } from '../types';
import { checkVectors } from '../arguments/validate';

/** Sample size of verify(): enough to detect a broken graph, in a fraction of a second. */
const VERIFY_QUERIES = 50;
const VERIFY_K = 10;

export interface Tune {
  readonly recall: number;
  readonly k: number;
  readonly queries: Float32Array | undefined;
  readonly sampleQueries: number;
  readonly limits: { readonly threads?: number; readonly signal?: AbortSignal };
}

export function checkTune(options: TuneOptions, dim: number): Tune {
  const given = readOptions('options', options, TUNE_OPTIONS);
  const { recall = 0.95, k = 10, sampleQueries = 200, threads, signal } = given;
  const queries =
    given.queries === undefined ? undefined : toFloats(checkVectors('queries', given.queries, dim));
  if (queries?.length === 0) throw outOfRange('queries', 'at least one query', 0);
  return { recall, k, queries, sampleQueries, limits: { threads, signal } };
}

/**
 * Doubles efSearch until the recall is reached, then bisects. Recall rises with efSearch except for noise,
 * so the result is the smallest value that was measured to reach it.
 */
export async function tune(core: IndexCore, job: Tune): Promise<TuneReport> {
  const rows = job.queries === undefined ? sampleRows(core, job.sampleQueries) : undefined;
  const queries = job.queries ?? rowsOf(core, rows as Uint32Array);
  if (queries.length === 0) {
    throw makeError('ERR_NOT_FOUND', 'the index has no live rows to measure with');
  }
  const truth = await findTruth(core, queries, rows, job.k, job.limits);
  const steps = new Map<number, TuneStep>();
  const measure = async (efSearch: number): Promise<boolean> => {
    const { recall, seconds } = await measureRecall(core, truth, efSearch, job.limits);
    steps.set(efSearch, {
      efSearch,
      recall,
      k: job.k,
      queries: truth.count,
      queriesPerSecond: Math.round(truth.count / Math.max(seconds, 1e-9)),
    });
    return recall >= job.recall;
  };
  let high = Math.min(MAX_EF, Math.max(job.k, 10));
  let low = job.k - 1;
  while (!(await measure(high)) && high < MAX_EF) {
    low = high;
    high = Math.min(MAX_EF, high * 2);
  }
  const isReached = (steps.get(high)?.recall ?? 0) >= job.recall;
  // To within 5 %: a smaller difference is below the noise of the sample.
  while (isReached && high - low > Math.max(1, high / 20)) {
    const middle = Math.floor((low + high) / 2);
    if (await measure(middle)) high = middle;
    else low = middle;
  }
  const sorted = [...steps.values()].sort((a, b) => a.efSearch - b.efSearch);
  const best = isReached ? steps.get(high) : sorted.reduce((a, b) => (b.recall > a.recall ? b : a));
  const { efSearch, recall } = best as TuneStep;
  const kept: MeasuredRecall = { recall, k: job.k, efSearch, queries: truth.count };
  core.efSearch = kept.efSearch;
  core.measured = kept;
  return { ...kept, isReached, steps: sorted };
}

/** Recall of the default efSearch with rows as queries; undefined without live rows. */
export async function measureDefault(core: IndexCore): Promise<MeasuredRecall | undefined> {
  const rows = sampleRows(core, VERIFY_QUERIES);
  if (rows.length === 0) return undefined;
  const truth = await findTruth(core, rowsOf(core, rows), rows, VERIFY_K, {});
  const { efSearch } = core;
  const { recall } = await measureRecall(core, truth, efSearch, {});
  return { recall, k: VERIFY_K, efSearch, queries: truth.count };
}

function rowsOf(core: IndexCore, rows: Uint32Array): Float32Array {
  const out = new Float32Array(rows.length * core.dim);
  core.binding.copyRows(core.handle, rows, out);
  return out;
}
