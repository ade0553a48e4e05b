/**
 * What clients may see of an error: code, status, and a message without paths, SQL or stacks. Every error
 * of the server passes through here.
 */
import os from 'node:os';
import { suggest } from '../../base/options';
import { ERROR_CODES, isLibraryError, type ErrorCode } from '../../base/errors';

export interface PublicError {
  readonly status: number;
  readonly code: ErrorCode;
  readonly message: string;
  /** Seconds for a Retry-After header. */
  readonly retryAfter?: number;
}

/**
 * Messages for our own errors, whose real message may name files and goes only to the log. Codes that the
 * user of the page can remedy say how.
 */
const REMEDIES: Partial<Record<ErrorCode, string>> = {
  ERR_MODEL_MISSING:
    'The model of this library is not on the machine that serves it. Run `sightline doctor` there to see what to do.',
  ERR_MODEL_INVALID:
    'The model of this library cannot be used. Run `sightline doctor` on the machine that serves it.',
  ERR_MODEL_HASH:
    'The model is not the one this library was made with. Run `sightline doctor` on the machine that serves it.',
  ERR_MODEL_RUNTIME:
    'The machine that serves this library cannot run models. Run `sightline doctor` there to see what to do.',
  ERR_LIBRARY_MISSING: 'There is no library here yet. Run `sightline sync` in the folder.',
  ERR_POOL_FULL: 'Too many requests at once. Try again in a moment.',
  ERR_BUSY: 'The library is being changed. Try again when that is done.',
  ERR_CLOSED: 'The server is shutting down.',
  ERR_FILE_LOCKED: 'The library is being written by another program. Try again in a moment.',
  ERR_FILE_CORRUPT: 'A file of the library is damaged. Run `sightline verify --repair`.',
  ERR_CATALOG: 'The catalog of the library is damaged. Run `sightline verify --repair`.',
  ERR_STORE_UNAVAILABLE: 'The database with the vectors cannot be reached. Try again in a moment.',
  ERR_TIMEOUT: 'This took too long. Try again.',
  ERR_DISK_FULL: 'There is no space left on the machine that serves the library.',
};

const RETRY_AFTER: Partial<Record<ErrorCode, number>> = {
  ERR_POOL_FULL: 1,
  ERR_BUSY: 5,
  ERR_FILE_LOCKED: 2,
  ERR_CLOSED: 5,
  ERR_STORE_UNAVAILABLE: 5,
  ERR_RATE_LIMIT: 60,
};

interface FrameworkError {
  readonly code?: unknown;
  readonly statusCode?: unknown;
  readonly message?: unknown;
  readonly validation?: readonly ValidationProblem[];
  readonly validationContext?: string;
}

export interface ValidationProblem {
  readonly keyword: string;
  readonly instancePath: string;
  readonly message?: string;
  readonly params: Readonly<Record<string, unknown>>;
  /** The value of the keyword in the schema. */
  readonly schema?: unknown;
  readonly parentSchema?: { readonly properties?: Readonly<Record<string, unknown>> };
}

export function toPublicError(error: unknown): PublicError {
  if (isLibraryError(error)) {
    // A full pool estimates when it will have capacity.
    const seconds = error.details['retryAfterSeconds'];
    const known = describe(error.code, error.message);
    return known.status === 503 && typeof seconds === 'number'
      ? { ...known, retryAfter: seconds }
      : known;
  }
  const framework = (typeof error === 'object' && error !== null ? error : {}) as FrameworkError;
  if (framework.validation !== undefined) return describeValidation(framework);
  const code = typeof framework.code === 'string' ? framework.code : '';
  const status = typeof framework.statusCode === 'number' ? framework.statusCode : 500;
  if (status === 413 || /_LIMIT$|_TOO_LARGE$/.test(code))
    return describe('ERR_REQUEST_LIMIT', 'the request is too large');
  if (status === 415)
    return describe('ERR_REQUEST_TYPE', 'the body must be application/json or multipart/form-data');
  if (status >= 400 && status < 500) {
    // Only messages about bodies: other messages of the framework repeat the URL.
    const isBody = code.startsWith('FST_ERR_CTP_');
    return describe('ERR_REQUEST_INVALID', isBody ? framework.message : 'the request is malformed');
  }
  return describe('ERR_INTERNAL', '');
}

function describe(code: ErrorCode, message: unknown): PublicError {
  const status = ERROR_CODES[code].http;
  const retryAfter = RETRY_AFTER[code];
  return {
    status,
    code,
    message:
      REMEDIES[code] ??
      (status >= 500 ? 'Internal error. See the log of the server.' : clean(message)),
    ...(retryAfter === undefined ? {} : { retryAfter }),
  };
}

/** Anything like an absolute path of this machine. Linear time: no nested repetition. */
const PATH_LIKE = /(?:^|[\s"'`(=:])(?:\/[\w.@-]+\/|[A-Za-z]:\\|\\\\|file:)/;

/** Addresses of this server, which messages may name. */
const OWN_ADDRESS =
  /(?<![\w.@/-])\/(?:v1\/(?:models|embeddings)|embed\/(?:text|image))(?![\w/.-])/g;

/** Client errors keep their message, unless it would reveal paths. */
function clean(message: unknown): string {
  const text = typeof message === 'string' ? message.slice(0, 300) : '';
  const leaks =
    PATH_LIKE.test(text.replace(OWN_ADDRESS, '')) ||
    text.includes(os.homedir()) ||
    text.includes(os.tmpdir());
  return text === '' || leaks ? 'The request cannot be answered.' : text;
}

function describeValidation(error: FrameworkError): PublicError {
  const problem = mainProblem(error.validation ?? []);
  const where = error.validationContext === 'querystring' ? 'query' : error.validationContext;
  const field = problem?.instancePath.split('/').filter(Boolean).join('.') ?? '';
  const name = field === '' ? (where ?? 'request') : field;
  const isType = ['type', 'required', 'additionalProperties', 'oneOf'].includes(
    problem?.keyword ?? '',
  );
  return describe(isType ? 'ERR_ARG_TYPE' : 'ERR_ARG_RANGE', `${name} ${sayProblem(problem)}`);
}

/**
 * The problem to report. Of alternatives (`anyOf`, `oneOf`) the validator reports what keeps each from
 * matching: what counts is the one whose type fits the value.
 */
function mainProblem(problems: readonly ValidationProblem[]): ValidationProblem | undefined {
  const last = problems.at(-1);
  if (last === undefined || !/^(any|one)Of$/.test(last.keyword)) return problems[0];
  const depth = (problem: ValidationProblem): number => problem.instancePath.split('/').length;
  const isFitting = (problem: ValidationProblem): boolean =>
    problem.keyword !== 'type' || depth(problem) > depth(last);
  const fields = fieldsOf(last.schema);
  if (fields.length > 1)
    return { ...last, message: `must have exactly one of ${fields.join(', ')}` };
  return problems.slice(0, -1).find(isFitting) ?? last;
}

/** The names of `oneOf: [{ required: ['a'] }, { required: ['b'] }]`. */
function fieldsOf(alternatives: unknown): string[] {
  if (!Array.isArray(alternatives)) return [];
  return alternatives.flatMap((one: { readonly required?: readonly string[] }) =>
    one.required === undefined ? [] : [...one.required],
  );
}

function sayUnknown(name: string, schema: ValidationProblem['parentSchema']): string {
  const known = Object.keys(schema?.properties ?? {});
  const meant = suggest(name, known);
  const remedy =
    meant === undefined ? `it takes ${known.join(', ') || 'none'}` : `did you mean "${meant}"?`;
  return `has no field ${JSON.stringify(name.slice(0, 40))}: ${remedy}`;
}

function sayProblem(problem: ValidationProblem | undefined): string {
  const extra = problem?.params['additionalProperty'];
  if (typeof extra === 'string') return sayUnknown(extra, problem?.parentSchema);
  const allowed = problem?.params['allowedValues'];
  if (Array.isArray(allowed)) return `must be one of ${allowed.join(', ')}`;
  return problem?.message ?? 'is not valid';
}
