/** Options and answers of `library.exr` and the parameters of `library.sql`, with the rules that check them. */
import {
  ANYTHING,
  BOOLEAN,
  FUNCTION,
  integer,
  number,
  oneOf,
  SIGNAL,
  type OptionRules,
  type Rule,
} from '../../base/options';
import { outOfRange } from '../../base/options';
import type { ExrEmbeddingVersion } from '../../exr';

export const EXR_BY = ['metadata', 'channels', 'look', 'mix'] as const;
export type ExrBy = (typeof EXR_BY)[number];

export interface ExrSimilarOptions {
  /** Number of files, 1 to 1000; default 20. */
  readonly k?: number;
  /**
   * `metadata`: the whole structure; `channels`: which channels there are; `look`: the pictures, in the library's space of frames;
   * `mix`: the mean of those that both files have. Default `metadata`.
   */
  readonly by?: ExrBy;
  /** Leaves out files farther away. */
  readonly maxDistance?: number;
  /** Compares with every file. Default false. */
  readonly exact?: boolean;
  /** Of the embeddings; default: the one in use. */
  readonly version?: ExrEmbeddingVersion;
}

export interface ExrPairsRequest {
  /** Default 0.2. */
  readonly maxDistance?: number;
  readonly by?: 'metadata' | 'channels';
  /** Most pairs, the closest; default 100,000. */
  readonly limit?: number;
  readonly signal?: AbortSignal;
}

export interface ExrMigrateOptions {
  /** Default 2. */
  readonly to?: ExrEmbeddingVersion;
  /** Drops the vectors of the other version. Default false: they stay, and can be asked for by their version. */
  readonly dropOther?: boolean;
  readonly signal?: AbortSignal;
  /** @param total  files of the library */
  readonly onProgress?: (done: number, total: number) => void;
}

const version: Rule<ExrEmbeddingVersion> = (name, value) => {
  if (value === 1 || value === 2) return value;
  throw outOfRange(name, '1 or 2', value);
};

export const EXR_SIMILAR: OptionRules<ExrSimilarOptions> = {
  k: integer(1, 1000),
  by: oneOf(EXR_BY),
  maxDistance: number(0, 2),
  exact: BOOLEAN,
  version,
};

export const EXR_PAIRS: OptionRules<ExrPairsRequest> = {
  maxDistance: number(0, 2),
  by: oneOf(['metadata', 'channels']),
  limit: integer(1, 1_000_000),
  signal: SIGNAL,
};

export const EXR_MIGRATE: OptionRules<ExrMigrateOptions> = {
  to: version,
  dropOther: BOOLEAN,
  signal: SIGNAL,
  onProgress: FUNCTION,
};

/** A vector of the library or of a file, as a parameter of SQL. */
export interface SqlVector {
  /** An `.exr` file, absolute or relative to the root; it need not be of the library. */
  readonly exr?: string;
  /** A file of the view `files`. */
  readonly file?: number;
  /** A frame: its picture's vector. */
  readonly frame?: number;
  /** For `exr` and `file`. Default: the vector of the column it is compared with, else `metadata`. */
  readonly by?: 'metadata' | 'channels';
}

export const SQL_VECTOR: OptionRules<SqlVector> = {
  exr: ANYTHING,
  file: integer(0, Number.MAX_SAFE_INTEGER),
  frame: integer(0, Number.MAX_SAFE_INTEGER),
  by: oneOf(['metadata', 'channels']),
} as OptionRules<SqlVector>;

/** Texts, numbers and vectors: a Float32Array, an array of numbers, or where one is to be taken from. */
export type SqlParam =
  | string
  | number
  | bigint
  | boolean
  | null
  | Uint8Array
  | Float32Array
  | readonly number[]
  | SqlVector;
