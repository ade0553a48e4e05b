/** What a repository holds at a revision, asked through the hub's own client, and checked. */
import { listFiles, modelInfo } from '@huggingface/hub';
import { isLibraryError, makeError, messageOf } from '../../base/errors';
import { hubError } from '../failures';
import type { HubFile } from '../store/cache';
import type { HubHttp } from './http';
import { isCommit, isSafeRelativePath, type ModelName } from '../names';

export interface Repository {
  readonly repository: string;
  /** 40 hexadecimal digits. */
  readonly commit: string;
  readonly files: readonly HubFile[];
}

/** Repositories of models have tens of files, folders counted. */
const MAX_ENTRIES = 10_000;
/** Pages have 1,000 entries; some mirrors send smaller ones. */
const MAX_REQUESTS = 1000;

/**
 * @throws ERR_MODEL_MISSING with `details.trouble`; ERR_MODEL_INVALID for a file name that could
 *   leave its folder; ERR_ABORTED
 */
export async function listRepository(
  name: ModelName,
  endpoint: string,
  http: HubHttp,
  signal?: AbortSignal,
): Promise<Repository> {
  const { repository, revision } = name;
  const shared = { hubUrl: endpoint, fetch: bounded(http, signal) };
  try {
    const info = await modelInfo({
      name: repository,
      revision,
      additionalFields: ['sha'],
      ...shared,
    });
    if (typeof info.sha !== 'string' || !isCommit(info.sha)) {
      throw hubError('strange', `the hub names no commit for ${repository} at ${revision}`);
    }
    const files: HubFile[] = [];
    let seen = 0;
    const entries = listFiles({
      repo: repository,
      revision: info.sha,
      recursive: true,
      ...shared,
    });
    for await (const entry of entries) {
      if (++seen > MAX_ENTRIES) {
        throw hubError('strange', `${repository} has more than ${MAX_ENTRIES} files`);
      }
      if (entry.type === 'file') files.push(checkEntry(entry, repository));
    }
    return { repository, commit: info.sha, files };
  } catch (cause) {
    if (isLibraryError(cause)) throw cause;
    // What is left are answers that are no JSON, or JSON of another shape.
    const why = `the hub's answer about ${repository} cannot be read: ${messageOf(cause)}`;
    throw hubError('strange', why, {}, cause);
  }
}

/** Ends with the signal, and when page leads to page without end. */
function bounded(http: HubHttp, signal: AbortSignal | undefined): typeof fetch {
  let requests = 0;
  return async (input, init) => {
    if (++requests > MAX_REQUESTS) {
      throw hubError('strange', `the hub's listing goes on after ${MAX_REQUESTS} pages`);
    }
    return http.fetch(input, { ...init, signal: signal ?? null });
  };
}

function checkEntry(
  entry: { path: string; size: number; oid?: string; lfs?: { oid: string; size: number } },
  repository: string,
): HubFile {
  const { path, lfs } = entry;
  if (typeof path !== 'string' || !isSafeRelativePath(path)) {
    throw makeError(
      'ERR_MODEL_INVALID',
      `${repository} lists a file called ${JSON.stringify(path)}, which could leave its folder: refused`,
      { details: { repository, path } },
    );
  }
  const size = lfs?.size ?? entry.size;
  const isWhole =
    Number.isSafeInteger(size) &&
    size >= 0 &&
    /^[0-9a-f]{40}$/.test(entry.oid ?? '') &&
    (lfs === undefined || /^[0-9a-f]{64}$/.test(lfs.oid));
  if (!isWhole) {
    throw hubError('strange', `the hub's record of ${path} in ${repository} has no size or sum`);
  }
  return { path, size, sha256: lfs?.oid, gitSha1: entry.oid as string };
}
