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
  OpenOrCreateOptions,
  SearchOptions,
  TuneOptions,
  UpdateOptions,
} from '../types';
import { checkAllMetadata } from '../payloads/check-metadata';
import { checkStringKeys, isStringArray } from '../payloads/string-keys';
import {
  checkKeys,
  checkLabel,
  checkPath,
  KEY_TYPES,
  MAX_THREADS,
  METRIC_NAMES,
  STORAGES,
} from './validate';

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
  keyType: oneOf(KEY_TYPES),
};

export const OPEN_OR_CREATE_OPTIONS: OptionRules<OpenOrCreateOptions> = {
  ...CREATE_OPTIONS,
  threads: THREADS,
};

export const OPEN_OPTIONS: OptionRules<OpenOptions> = {
  readOnly: BOOLEAN,
  label: checkLabel,
  keyType: oneOf(KEY_TYPES),
  storage: oneOf(STORAGES),
  threads: THREADS,
};

/** JSON texts afterwards, see check-metadata.ts. */
const metadata: Rule<never> = (name, value) => checkAllMetadata(name, value) as never;

/** As the addon takes them, or strings: whether the index has such keys is known where they are used. */
const keys: Rule<never> = (name, value) =>
  (isStringArray(value) ? checkStringKeys(name, value) : checkKeys(name, value)) as never;

export const ADD_OPTIONS: OptionRules<AddOptions> = { keys, metadata, ...WORK };

export const UPDATE_OPTIONS: OptionRules<UpdateOptions> = {
  insertMissing: BOOLEAN,
  metadata,
  ...WORK,
};

export const COMPACT_OPTIONS: OptionRules<CompactOptions> = WORK;

export const SEARCH_OPTIONS: OptionRules<SearchOptions> = {
  efSearch: integer(1, MAX_EF),
  // Checked by the index, because the check needs more than the value.
  filter: ANYTHING,
  threshold: BOUND,
  keys64: BOOLEAN,
  metadata: BOOLEAN,
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
