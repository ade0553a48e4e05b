/**
 * Converts errors of PostgreSQL and of the connection to our codes, each with a remedy. Messages name the
 * server and never the password; the driver's error is the cause.
 */
import {
  isError,
  isLibraryError,
  makeError,
  messageOf,
  type ErrorCode,
  type LibraryError,
} from '../../../base/errors';

interface DriverError extends Error {
  readonly code?: string;
  readonly detail?: string;
}

const CONNECTION_CODES = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'EPIPE',
  'ETIMEDOUT',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENOENT',
  // Shutting down, crashed, starting up; too many clients.
  '57P01',
  '57P02',
  '57P03',
  '53300',
]);

/** Driver errors without a code. */
const CONNECTION_MESSAGES =
  /^(Connection terminated|timeout exceeded when trying to connect|Client has encountered a connection error|Client was closed|The server closed the connection|This socket has been ended|write after end)/;

/** Whether the same work may succeed on a new connection. */
export function isConnectionError(error: unknown): boolean {
  if (!isError(error) || isLibraryError(error)) return false;
  const { code = '' } = error as DriverError;
  return (
    CONNECTION_CODES.has(code) || code.startsWith('08') || CONNECTION_MESSAGES.test(error.message)
  );
}

/** Two writers conflicted; the same work may succeed on retry. */
export function isConflict(error: unknown): boolean {
  const { code } = error as DriverError;
  return code === '40001' || code === '40P01';
}

/** The client timed out: the connection is in an unknown state. */
export function isClientTimeout(error: unknown): boolean {
  return isError(error) && error.message === 'Query read timeout';
}

interface Mapping {
  readonly code: ErrorCode;
  readonly say: (where: string, error: DriverError) => string;
}

const denied: Mapping = {
  code: 'ERR_STORE_DENIED',
  say: (where, { message }) =>
    `PostgreSQL at ${where} refused: ${message}. Check user and password, and give the user rights on ` +
    'the schema: GRANT USAGE, CREATE ON SCHEMA ... TO ...',
};

const EXTENSION_REMEDY =
  'install pgvector on the server (Debian/Ubuntu: apt install postgresql-NN-pgvector), then as a ' +
  'superuser in this database: CREATE EXTENSION vector;';

const badValue: Mapping = {
  code: 'ERR_ARG_RANGE',
  say: (_where, { message }) => `PostgreSQL cannot hold a value: ${message}`,
};

const BY_STATE: Readonly<Record<string, Mapping>> = {
  '28000': denied,
  '28P01': denied,
  '42501': denied,
  '3D000': {
    code: 'ERR_STORE_UNAVAILABLE',
    say: (where) => `there is no database ${where}: make it with createdb`,
  },
  '3F000': {
    code: 'ERR_STORE_UNAVAILABLE',
    say: (where, { message }) => `${where}: ${message}. Make it with CREATE SCHEMA, or use another`,
  },
  '42P01': {
    code: 'ERR_NOT_FOUND',
    say: (where, { message }) =>
      `${where}: ${message}. Open the store for writing once, which makes its tables`,
  },
  '53100': {
    code: 'ERR_DISK_FULL',
    say: (where) => `no space left on the server ${where}: free some and run again`,
  },
  '53200': { code: 'ERR_NO_MEMORY', say: (where) => `the server ${where} is out of memory` },
  '57014': {
    code: 'ERR_TIMEOUT',
    say: (where) =>
      `PostgreSQL at ${where} took longer than the statement timeout: build an index, or raise statementTimeoutMs`,
  },
  '55P03': {
    code: 'ERR_BUSY',
    say: (where) => `another process holds a lock on the table at ${where}: try again`,
  },
  '25006': {
    code: 'ERR_READ_ONLY',
    say: (where) => `the server ${where} takes no writes: it is a replica, or set to read only`,
  },
  '22007': badValue,
  '22008': badValue,
  '22021': badValue,
  '22P02': badValue,
  '22P05': badValue,
  // No such operator: values of this column type cannot be compared.
  '42883': badValue,
  '22003': {
    code: 'ERR_VECTOR_INVALID',
    say: (_where, { message }) => `a value does not fit the column: ${message}`,
  },
};

/**
 * @param where  host, port and database, for the message
 * @returns our own errors unchanged
 */
export function toLibraryError(error: unknown, where: string): LibraryError {
  if (isLibraryError(error)) return error;
  const driver = error as DriverError;
  const state = driver.code ?? '';
  const details = { where, ...(state === '' ? {} : { state }) };
  if (state === '23505') {
    const key = /\((?:"?key"?)\)=\((-?\d+)\)/.exec(driver.detail ?? '')?.[1];
    return makeError('ERR_KEY_EXISTS', `key ${key ?? '(unknown)'} is in the store already`, {
      details: { ...details, key: key === undefined ? undefined : Number(key) },
      cause: error,
    });
  }
  if (isClientTimeout(error)) {
    return makeError(
      'ERR_TIMEOUT',
      `PostgreSQL at ${where} gave no answer in time: is it overloaded, or the network gone?`,
      { details, cause: error },
    );
  }
  if (isConnectionError(error)) {
    return makeError(
      'ERR_STORE_UNAVAILABLE',
      `PostgreSQL at ${where} cannot be reached (${messageOf(error) || state}): is the server running, ` +
        'and are host, port and database right?',
      { details, cause: error },
    );
  }
  // A number too large for an integer column; the table below is about vectors.
  const isInteger = state === '22003' && /type (smallint|integer|bigint)/.test(driver.message);
  const known = isInteger ? badValue : BY_STATE[state];
  if (known !== undefined)
    return makeError(known.code, known.say(where, driver), { details, cause: error });
  return makeError('ERR_STORE', `PostgreSQL at ${where} failed: ${messageOf(error)}`, {
    details,
    cause: error,
  });
}

/** pgvector is missing or too old. */
export function extensionMissing(where: string, why: string, cause?: unknown): LibraryError {
  return makeError(
    'ERR_STORE_EXTENSION',
    `${where} has no usable pgvector (${why}): ${EXTENSION_REMEDY}`,
    {
      details: { where },
      cause,
    },
  );
}
