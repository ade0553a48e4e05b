/** Option rules of the library's calls: one table for each options type. */
import { VECTOR_STORE_CHOICE, type VectorStoreChoice } from './spaces/vectors';
import {
  arrayOf,
  BOOLEAN,
  FUNCTION,
  integer,
  number,
  objectOf,
  oneOf,
  SIGNAL,
  STRING,
  TEXT,
  wrongType,
  type OptionRules,
  type Rule,
} from '../base/options';
import { makeError } from '../base/errors';
import { MAX_EF, MAX_K, MAX_QUERY_CODE_POINTS } from '../base/limits';
import type { OpenLibraryOptions } from './types';
import type { MediaLimits, SearchOptions, SearchQuery, SyncOptions } from '../base/types';

const vectorStore: Rule<VectorStoreChoice> = (name, value) =>
  typeof value === 'string' ? TEXT(name, value) : VECTOR_STORE_CHOICE(name, value);

export const OPEN_LIBRARY_OPTIONS: OptionRules<OpenLibraryOptions> = {
  dir: TEXT,
  model: TEXT,
  readOnly: BOOLEAN,
  vectorStore,
  textModel: TEXT,
  cache: TEXT,
  create: BOOLEAN,
  device: STRING,
  onNotice: FUNCTION,
};

const MEDIA_LIMITS: OptionRules<MediaLimits> = {
  megapixels: number(0.001, 10_000),
  memoryMb: number(1, 1_000_000),
  seconds: number(0.001, 86_400),
  videoFrames: integer(1, 10_000_000),
};

export const SYNC_OPTIONS: OptionRules<SyncOptions> = {
  fps: number(0.001, 240),
  everyNFrames: integer(1, 1_000_000),
  keyframes: BOOLEAN,
  maxSize: integer(32, 4096),
  ignore: arrayOf(STRING),
  dryRun: BOOLEAN,
  resample: BOOLEAN,
  retryFailed: BOOLEAN,
  confirmRemovals: BOOLEAN,
  embed: BOOLEAN,
  model: TEXT,
  resumeModelChange: BOOLEAN,
  limits: objectOf(MEDIA_LIMITS),
  signal: SIGNAL,
  onProgress: FUNCTION,
};

export interface IndexOptions extends SyncOptions {
  readonly rebuild?: boolean;
}

export const INDEX_OPTIONS: OptionRules<IndexOptions> = { ...SYNC_OPTIONS, rebuild: BOOLEAN };

export interface VerifyOptions {
  readonly repair?: boolean;
}

export const VERIFY_OPTIONS: OptionRules<VerifyOptions> = { repair: BOOLEAN };

export const SEARCH_OPTIONS: OptionRules<SearchOptions> = {
  k: integer(1, MAX_K),
  efSearch: integer(1, MAX_EF),
  type: oneOf(['image', 'video']),
  path: TEXT,
  exact: BOOLEAN,
  minSimilarity: number(0, 1),
  fold: BOOLEAN,
  signal: SIGNAL,
};

/** By name: arrays of other realms have other classes. */
const classOf = (value: unknown): string => Object.prototype.toString.call(value).slice(8, -1);

const image: Rule<Uint8Array> = (name, value) => {
  if (classOf(value) === 'Uint8Array') return value as Uint8Array;
  const remedy = typeof value === 'string' ? ': for a file, what `await readFile(path)` gives' : '';
  throw wrongType(name, `the bytes of a picture file (Uint8Array or Buffer)${remedy}`, value);
};

const vector: Rule<Float32Array> = (name, value) => {
  if (classOf(value) === 'Float32Array') return value as Float32Array;
  throw wrongType(name, 'a Float32Array', value);
};

/** The one check of a query's text, which nothing below repeats. Returns it without surrounding blanks. */
const queryText: Rule<string> = (name, value) => {
  const text = STRING(name, value).trim();
  // Counting code points of a huge string is slow: bound its code units first.
  const length = text.length > 2 * MAX_QUERY_CODE_POINTS ? text.length : [...text].length;
  if (length > 0 && length <= MAX_QUERY_CODE_POINTS) return text;
  throw makeError(
    'ERR_ARG_RANGE',
    `query text must have 1 to ${MAX_QUERY_CODE_POINTS} characters, received ${length}`,
    { details: { length, limit: MAX_QUERY_CODE_POINTS } },
  );
};

/** `query-vector.ts` checks that exactly one of these is set. */
export const SEARCH_QUERY: OptionRules<SearchQuery> = {
  text: queryText,
  image,
  frame: integer(0, Number.MAX_SAFE_INTEGER),
  vector,
};
