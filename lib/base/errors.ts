/**
 * Error classes and the one way to make an error: `makeError(code, message, { details, cause })`. Uses
 * nothing else of the package. Callers branch on `error.code`, never on the message.
 */
import { types } from 'node:util';
import { ERROR_CODES, type ErrorClassName, type ErrorCode, type ErrorCodeRow } from './error-codes';

export { ERROR_CODES, type ErrorCode } from './error-codes';

export interface ErrorOptions {
  /** The values that explain the error, for machines. */
  readonly details?: Readonly<Record<string, unknown>>;
  readonly cause?: unknown;
}

/** Common shape of the package's errors. */
export interface LibraryError extends Error {
  readonly code: ErrorCode;
  readonly details: Readonly<Record<string, unknown>>;
}

function attach(error: Error, name: string, code: ErrorCode, options: ErrorOptions): void {
  Object.defineProperties(error, {
    name: { value: name, configurable: true, writable: true },
    code: { value: code, enumerable: true },
    details: { value: Object.freeze({ ...options.details }), enumerable: true },
  });
}

function causeOf(options: ErrorOptions): { cause?: unknown } {
  return options.cause === undefined ? {} : { cause: options.cause };
}

abstract class BaseError extends Error implements LibraryError {
  declare readonly code: ErrorCode;
  declare readonly details: Readonly<Record<string, unknown>>;
  constructor(code: ErrorCode, message: string, options: ErrorOptions = {}) {
    super(message, causeOf(options));
    attach(this, new.target.name, code, options);
  }
}

/** Wrong type or shape of an argument. */
export class ArgumentError extends TypeError implements LibraryError {
  declare readonly code: ErrorCode;
  declare readonly details: Readonly<Record<string, unknown>>;
  constructor(code: ErrorCode, message: string, options: ErrorOptions = {}) {
    super(message, causeOf(options));
    attach(this, 'ArgumentError', code, options);
  }
}

/** Right type, value out of range. */
export class ArgumentRangeError extends RangeError implements LibraryError {
  declare readonly code: ErrorCode;
  declare readonly details: Readonly<Record<string, unknown>>;
  constructor(code: ErrorCode, message: string, options: ErrorOptions = {}) {
    super(message, causeOf(options));
    attach(this, 'ArgumentRangeError', code, options);
  }
}

/** The call is not allowed in the current state (closed, read-only, busy, aborted). */
export class StateError extends BaseError {}
/** Files: damaged, locked, of another version, or the disk itself. */
export class StorageError extends BaseError {}
/** One picture or video. */
export class MediaError extends BaseError {}
/** Encoder and model files. */
export class ModelError extends BaseError {}
/** The machine: memory, processor, queues, time. */
export class ResourceError extends BaseError {}

const CLASSES: Record<
  ErrorClassName,
  new (code: ErrorCode, message: string, options?: ErrorOptions) => LibraryError
> = {
  ArgumentError,
  ArgumentRangeError,
  StateError,
  StorageError,
  MediaError,
  ModelError,
  ResourceError,
};

/** Makes an error of the class that the code table assigns to `code`. */
export function makeError(code: ErrorCode, message: string, options?: ErrorOptions): LibraryError {
  return new CLASSES[ERROR_CODES[code].class](code, message, options);
}

/**
 * True for errors of any realm: in a vm context, as test runners use, `Error` differs from the one of
 * Node's modules and of the addon. Also true for errors of old-style constructors such as better-sqlite3's,
 * which have message and stack but fail Node's own check.
 */
export function isError(value: unknown): value is Error {
  if (types.isNativeError(value)) return true;
  if (typeof value !== 'object' || value === null) return false;
  const { message, stack } = value as { message?: unknown; stack?: unknown };
  return typeof message === 'string' && typeof stack === 'string';
}

/** True for every error made by this package, or by another copy of it. */
export function isLibraryError(value: unknown): value is LibraryError {
  return (
    isError(value) &&
    'code' in value &&
    typeof value.code === 'string' &&
    Object.hasOwn(ERROR_CODES, value.code)
  );
}

/** Undefined for errors that this package did not make. */
export const codeOf = (error: unknown): ErrorCode | undefined =>
  isLibraryError(error) ? error.code : undefined;

/** The code for a native status number; an unknown number is ERR_INTERNAL. */
export function codeOfNativeStatus(status: number): ErrorCode {
  for (const [code, row] of Object.entries(ERROR_CODES) as [ErrorCode, ErrorCodeRow][]) {
    if (row.native === status) return code;
  }
  return 'ERR_INTERNAL';
}

/** The message of any thrown value. */
export function messageOf(error: unknown): string {
  return isError(error) ? error.message : String(error);
}
