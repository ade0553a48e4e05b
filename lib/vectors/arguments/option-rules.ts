/** Option rules of the index: one table for each options type of `types.ts`. */
import { MAX_DIM, MAX_EF, MAX_HITS } from '../../base/limits';
import {
  ANYTHING,
  BOOLEAN,
  BOUND,
  FUNCTION,
  integer,
  number,
  oneOf,
  outOfRange,
  SIGNAL,
  type OptionRules,
  type Rule,
} from '../../base/options';
import type {
  AddOptions,
  BatchOptions,
  CompactOptions,
  CreateOptions,
  OpenOptions,
  SearchOptions,
  TuneOptions,
  UpdateOptions,
} from '../types';
import { checkKeys, checkLabel, checkPath, MAX_THREADS, METRIC_NAMES, STORAGES } from './validate';

export const THREADS = integer(1, MAX_THREADS);

const recall: Rule<number> = (name, value) => {
  const checked = number(0, 1)(name, value);
  if (checked > 0) return checked;
  throw outOfRange(name, 'a number above 0 and at most 1', value);
};

/** Options of long-running work. */
const WORK = { threads: THREADS, signal: SIGNAL, onProgress: FUNCTION } as const;

export const CREATE_OPTIONS: OptionRules<CreateOptions> = {
  dim: integer(1, MAX_DIM),
  metric: oneOf(METRIC_NAMES),
  M: integer(2, 128),
  efConstruction: integer(1, MAX_EF),
  seed: integer(0, Number.MAX_SAFE_INTEGER),
  storage: oneOf(STORAGES),
  path: checkPath,
  label: checkLabel,
};

export const OPEN_OPTIONS: OptionRules<OpenOptions> = {
  readOnly: BOOLEAN,
  label: checkLabel,
  storage: oneOf(STORAGES),
  threads: THREADS,
};

export const ADD_OPTIONS: OptionRules<AddOptions> = { keys: checkKeys, ...WORK };

export const UPDATE_OPTIONS: OptionRules<UpdateOptions> = { insertMissing: BOOLEAN, ...WORK };

export const COMPACT_OPTIONS: OptionRules<CompactOptions> = WORK;

export const SEARCH_OPTIONS: OptionRules<SearchOptions> = {
  efSearch: integer(1, MAX_EF),
  // Checked by the index, because the check needs more than the value.
  filter: ANYTHING,
  threshold: BOUND,
  keys64: BOOLEAN,
};

export const BATCH_OPTIONS: OptionRules<BatchOptions> = {
  ...SEARCH_OPTIONS,
  exact: BOOLEAN,
  ...WORK,
};

export const TUNE_OPTIONS: OptionRules<TuneOptions> = {
  recall,
  // One below the maximum: the query row itself is a result that does not count.
  k: integer(1, MAX_HITS - 1),
  // Checked against the index's dim.
  queries: ANYTHING,
  sampleQueries: integer(1, 100_000),
  threads: THREADS,
  signal: SIGNAL,
};
