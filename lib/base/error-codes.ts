/**
 * The table of every error the package can report. One row per code. Codes are permanent, messages may
 * improve. A contract test checks `docs/reference/ERRORS.md` and `native/core/status_codes.def` against this table.
 */

export type ErrorClassName =
  | 'ArgumentError'
  | 'ArgumentRangeError'
  | 'StateError'
  | 'StorageError'
  | 'MediaError'
  | 'ModelError'
  | 'ResourceError';

export interface ErrorCodeRow {
  readonly class: ErrorClassName;
  /** HTTP status the server answers with when this code reaches it. */
  readonly http: number;
  /** Number shared with `native/core/status_codes.def`; absent where the native core never reports it. */
  readonly native?: number;
}

export const ERROR_CODES = {
  ERR_ARG_TYPE: { class: 'ArgumentError', http: 400, native: 1 },
  ERR_ARG_RANGE: { class: 'ArgumentRangeError', http: 400, native: 2 },
  ERR_DIM_MISMATCH: { class: 'ArgumentError', http: 400, native: 3 },
  ERR_VECTOR_INVALID: { class: 'ArgumentError', http: 400, native: 4 },
  ERR_KEY_EXISTS: { class: 'ArgumentError', http: 409, native: 5 },
  ERR_NOT_FOUND: { class: 'ArgumentError', http: 404, native: 6 },
  ERR_CLOSED: { class: 'StateError', http: 503, native: 10 },
  ERR_READ_ONLY: { class: 'StateError', http: 403, native: 11 },
  ERR_BUSY: { class: 'StateError', http: 503, native: 12 },
  ERR_FILTER_STALE: { class: 'StateError', http: 409 },
  ERR_ABORTED: { class: 'StateError', http: 499, native: 13 },
  ERR_LIBRARY_MISSING: { class: 'StateError', http: 503 },
  ERR_UNAUTHORIZED: { class: 'StateError', http: 403 },
  ERR_TOKEN: { class: 'StateError', http: 401 },
  ERR_RATE_LIMIT: { class: 'ResourceError', http: 429 },
  ERR_REQUEST_INVALID: { class: 'ArgumentError', http: 400 },
  ERR_REQUEST_METHOD: { class: 'ArgumentError', http: 405 },
  ERR_REQUEST_LIMIT: { class: 'ArgumentRangeError', http: 413 },
  ERR_REQUEST_TYPE: { class: 'ArgumentError', http: 415 },
  ERR_REQUEST_RANGE: { class: 'ArgumentRangeError', http: 416 },
  ERR_REQUEST_TIMEOUT: { class: 'StateError', http: 408 },
  ERR_PORT_IN_USE: { class: 'StateError', http: 503 },
  ERR_FILE_CORRUPT: { class: 'StorageError', http: 500, native: 20 },
  ERR_FILE_VERSION: { class: 'StorageError', http: 500, native: 21 },
  ERR_FILE_LOCKED: { class: 'StorageError', http: 503, native: 22 },
  ERR_FILE_EXISTS: { class: 'StorageError', http: 409, native: 23 },
  ERR_FILE_UNSUPPORTED: { class: 'StorageError', http: 415 },
  ERR_FILE_MISSING: { class: 'StorageError', http: 404, native: 24 },
  ERR_FILE_REPLACED: { class: 'StorageError', http: 503, native: 27 },
  ERR_IO: { class: 'StorageError', http: 500, native: 25 },
  ERR_DISK_FULL: { class: 'StorageError', http: 507, native: 26 },
  ERR_CATALOG: { class: 'StorageError', http: 500 },
  ERR_STORE: { class: 'StorageError', http: 500 },
  ERR_STORE_DENIED: { class: 'StorageError', http: 500 },
  ERR_STORE_EXTENSION: { class: 'StorageError', http: 503 },
  ERR_STORE_UNAVAILABLE: { class: 'StorageError', http: 503 },
  ERR_MEDIA_DECODE: { class: 'MediaError', http: 422 },
  ERR_MEDIA_UNSUPPORTED: { class: 'MediaError', http: 415 },
  ERR_MEDIA_LIMIT: { class: 'MediaError', http: 413 },
  ERR_MEDIA_CHANGED: { class: 'MediaError', http: 409 },
  ERR_MEDIA_MISSING: { class: 'MediaError', http: 404 },
  ERR_FFMPEG_MISSING: { class: 'MediaError', http: 503 },
  ERR_MODEL_MISSING: { class: 'ModelError', http: 503 },
  ERR_MODEL_HASH: { class: 'ModelError', http: 503 },
  ERR_MODEL_INVALID: { class: 'ModelError', http: 503 },
  ERR_MODEL_RUNTIME: { class: 'ModelError', http: 503 },
  ERR_MODEL_MISMATCH: { class: 'ModelError', http: 409 },
  ERR_ENCODE: { class: 'ModelError', http: 500 },
  ERR_TIMEOUT: { class: 'ResourceError', http: 504 },
  ERR_NO_MEMORY: { class: 'ResourceError', http: 507, native: 30 },
  ERR_POOL_FULL: { class: 'ResourceError', http: 503 },
  ERR_CPU_UNSUPPORTED: { class: 'ResourceError', http: 500, native: 31 },
  ERR_PORTABLE_ENGINE: { class: 'ResourceError', http: 501, native: 32 },
  ERR_ADDON_LOAD: { class: 'ResourceError', http: 500 },
  ERR_INTERNAL: { class: 'ResourceError', http: 500, native: 99 },
} as const satisfies Record<string, ErrorCodeRow>;

export type ErrorCode = keyof typeof ERROR_CODES;
