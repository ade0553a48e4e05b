/** Messages between a library and the process that runs its SQL. */
import type { ErrorCode } from '../base/errors';

export type SqlValue = string | number | bigint | boolean | null | Uint8Array;

/** Rows of `__candidates` or of one call of nearest(). */
export interface NearRows {
  readonly ids: Float64Array;
  readonly distances: Float32Array;
}

export interface SqlRequest {
  readonly id: number;
  /** The catalog's file. */
  readonly file: string;
  /** As the user wrote it: what is checked. */
  readonly written: string;
  readonly sql: string;
  /** The same with references in place of vectors; undefined: none. */
  readonly fastSql: string | undefined;
  /** In the order of the question marks. */
  readonly params: readonly SqlValue[];
  /** Places of parameters that are vectors in calls of DISTANCE. */
  readonly vectorPlaces: readonly number[];
  /** Version of the embeddings. */
  readonly version: number;
  readonly limit: number;
  readonly candidates: Float64Array | undefined;
  readonly nearest: readonly NearRows[];
}

export interface SqlAnswer {
  readonly columns: readonly string[];
  readonly rows: readonly (readonly SqlValue[])[];
  /** There are more rows than `limit`. */
  readonly isTruncated: boolean;
}

export type SqlReply =
  | { readonly id: number; readonly answer: SqlAnswer }
  | { readonly id: number; readonly code: ErrorCode; readonly message: string };
