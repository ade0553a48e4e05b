/** Errors about arguments: what was expected and what was received. */
import { makeError, type LibraryError } from '../errors';

/** A value in a message. */
function describe(value: unknown): string {
  if (value === null) return 'null';
  if (typeof value === 'string') return JSON.stringify(value.slice(0, 64));
  if (typeof value === 'number' || typeof value === 'boolean') return String(value);
  if (typeof value === 'bigint') return `${value}n`;
  if (typeof value !== 'object') return `a ${typeof value}`;
  const name: unknown = Object.prototype.toString.call(value).slice(8, -1);
  return `an object (${String(name)})`;
}

export function wrongType(name: string, expected: string, value: unknown): LibraryError {
  return makeError('ERR_ARG_TYPE', `${name} must be ${expected}, received ${describe(value)}`, {
    details: { name, expected },
  });
}

export function outOfRange(name: string, expected: string, value: unknown): LibraryError {
  return makeError('ERR_ARG_RANGE', `${name} must be ${expected}, received ${describe(value)}`, {
    details: { name, expected, value },
  });
}
