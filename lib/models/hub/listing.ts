/** Lists and checks the files of a repository at a revision. */
import { makeError } from '../../base/errors';
import { hubError } from '../failures';
import { isObject, type JsonObject } from '../json-file';
import type { HubFile } from '../store/cache';
import type { HubHttp } from './http';
import { isCommit, isSafeRelativePath, type ModelName } from '../names';

export interface Repository {
  readonly repository: string;
  /** 40 hexadecimal digits. */
  readonly commit: string;
  readonly files: readonly HubFile[];
}

/** Model repositories have tens of entries. */
const MAX_ENTRIES = 10_000;
/** Pages have 1,000 entries; some mirrors send smaller ones. */
const MAX_PAGES = 1000;

/**
 * @throws ERR_MODEL_MISSING with `details.trouble`; ERR_MODEL_INVALID for an unsafe file name;
 *   ERR_ABORTED
 */
export async function listRepository(
  name: ModelName,
  endpoint: string,
  http: HubHttp,
  signal?: AbortSignal,
): Promise<Repository> {
  const { repository, revision } = name;
  const model = `${endpoint}/api/models/${repository}`;
  const ref = `${model}/revision/${encodeURIComponent(revision)}?expand=sha`;
  const { value: info } = await http.getJson(ref, signal);
  const commit = isObject(info) ? info['sha'] : undefined;
  if (typeof commit !== 'string' || !isCommit(commit)) {
    throw hubError('strange', `the hub names no commit for ${repository} at ${revision}`);
  }
  const files: HubFile[] = [];
  let seen = 0;
  let next: string | undefined = `${model}/tree/${commit}?recursive=true`;
  for (let page = 1; next !== undefined; page++) {
    if (page > MAX_PAGES)
      throw hubError('strange', `the hub's listing goes on after ${MAX_PAGES} pages`);
    const answer = await http.getJson(next, signal);
    if (!Array.isArray(answer.value))
      throw hubError('strange', `the hub's listing of ${repository} cannot be read`);
    const entries: readonly unknown[] = answer.value;
    seen += entries.length;
    if (seen > MAX_ENTRIES)
      throw hubError('strange', `${repository} has more than ${MAX_ENTRIES} files`);
    for (const entry of entries) {
      if (isObject(entry) && entry['type'] === 'file') files.push(checkEntry(entry, repository));
    }
    next = answer.next;
  }
  return { repository, commit, files };
}

function checkEntry(entry: JsonObject, repository: string): HubFile {
  const { path, lfs, oid } = entry;
  if (typeof path !== 'string' || !isSafeRelativePath(path)) {
    throw makeError(
      'ERR_MODEL_INVALID',
      `${repository} lists a file called ${JSON.stringify(path)}, which could leave its folder: refused`,
      { details: { repository, path } },
    );
  }
  const large = isObject(lfs) ? lfs : undefined;
  const size = large?.['size'] ?? entry['size'];
  const sha256 = large?.['oid'];
  const isWhole =
    Number.isSafeInteger(size) &&
    (size as number) >= 0 &&
    isCommit(String(oid)) &&
    (large === undefined || /^[0-9a-f]{64}$/.test(String(sha256)));
  if (!isWhole) {
    throw hubError('strange', `the hub's record of ${path} in ${repository} has no size or sum`);
  }
  return {
    path,
    size: size as number,
    sha256: sha256 as string | undefined,
    gitSha1: oid as string,
  };
}
