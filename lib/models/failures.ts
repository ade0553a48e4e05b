/** Errors of the hub and their remedies, shared by pull, load and list. */
import { isDiskFull } from '../base/files/system-errors';
import { isError, isLibraryError, makeError, type LibraryError } from '../base/errors';

/** Why a request to the hub failed. */
export type HubTrouble =
  /** No connection, or an unstable one. */
  | 'unreachable'
  /** `HF_HUB_OFFLINE` is set. */
  | 'offline'
  /** 401 or 403: private, gated, or a wrong token. */
  | 'refused'
  /** 404: no such repository, revision or file. */
  | 'absent'
  /** 429 or 5xx, after retries. */
  | 'unwell'
  /** An answer that no hub would give. */
  | 'strange';

/** Without a remedy; see `withRemedy`. */
export function hubError(
  trouble: HubTrouble,
  message: string,
  details: Readonly<Record<string, unknown>> = {},
  cause?: unknown,
): LibraryError {
  return makeError('ERR_MODEL_MISSING', message, { details: { ...details, trouble }, cause });
}

export interface RemedyContext {
  /** As typed. */
  readonly name: string;
  readonly endpoint: string;
  readonly repository: string;
  /** Folder of the repository in the cache. */
  readonly folder: string;
  /** What became of HF_TOKEN. */
  readonly token: 'none' | 'sent' | 'kept';
}

const REFUSED: Readonly<Record<RemedyContext['token'], string>> = {
  none: 'If the model is private or gated',
  sent: 'HF_TOKEN was sent and did not help: check what it may read',
  kept: 'HF_TOKEN was not sent, because HF_ENDPOINT is no https:// address; with one',
};

/** Adds commands to copy to errors of the hub; returns others unchanged. */
export function withRemedy(error: unknown, context: RemedyContext): unknown {
  if (!isLibraryError(error)) return error;
  const trouble = error.details['trouble'] as HubTrouble | undefined;
  if (error.code !== 'ERR_MODEL_MISSING' || trouble === undefined) return error;
  return makeError(error.code, `${error.message}. ${remedyOf(trouble, context)}`, {
    details: { ...error.details, model: context.name },
    cause: error,
  });
}

function remedyOf(trouble: HubTrouble, context: RemedyContext): string {
  const { name, endpoint, repository, folder, token } = context;
  const pull = `sightline models pull ${name}`;
  const elsewhere =
    `copy ${folder} from a machine that has it; or use --model builtin, ` +
    'which needs no download';
  switch (trouble) {
    case 'refused':
      return (
        `${REFUSED[token]}: accept its conditions at ${endpoint}/${repository}, ` +
        `then run: HF_TOKEN=hf_... ${pull}`
      );
    case 'absent':
      return `Look at ${endpoint}/${repository} for the right name; a private one needs: HF_TOKEN=hf_... ${pull}`;
    case 'offline':
      return `HF_HUB_OFFLINE is set: run HF_HUB_OFFLINE=0 ${pull}; or ${elsewhere}`;
    case 'unwell':
    case 'strange':
      return `Try again later, it resumes: ${pull}; or from a mirror: HF_ENDPOINT=https://MIRROR ${pull}; or ${elsewhere}`;
    case 'unreachable':
      return (
        `Try again, it resumes: ${pull}; behind a proxy: HTTPS_PROXY=http://HOST:PORT ${pull}; ` +
        `from a mirror: HF_ENDPOINT=https://MIRROR ${pull}; or ${elsewhere}`
      );
  }
}

export function abortedError(signal: AbortSignal): LibraryError {
  return makeError('ERR_ABORTED', 'the download was stopped; the next pull resumes it', {
    cause: signal.reason as unknown,
  });
}

/** Converts errors of the file system; returns others unchanged. */
export function diskError(file: string, cause: unknown): unknown {
  if (isLibraryError(cause) || !isError(cause) || !('code' in cause)) return cause;
  if (isDiskFull(cause)) {
    return makeError(
      'ERR_DISK_FULL',
      `no space left while writing ${file}: free some, then pull again, which resumes`,
      { details: { file }, cause },
    );
  }
  const remedy = 'let HF_HUB_CACHE name a folder that you may write';
  return makeError('ERR_IO', `${file} could not be written: ${cause.message}; ${remedy}`, {
    details: { file, errno: cause.code },
    cause,
  });
}
