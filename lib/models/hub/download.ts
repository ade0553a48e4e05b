/**
 * Downloads one file into the cache: resumes, hashes while writing, compares with the hub's record, and
 * only then renames. The hub's own client does none of these. The partial file is `<blob>.incomplete`, as
 * for the hub's tools, so that either can resume what the other began.
 */
import { mkdir, open, rename, rm, stat, type FileHandle } from 'node:fs/promises';
import path from 'node:path';
import { codeOf, makeError } from '../../base/errors';
import { Digests, feedFile } from '../file-hash';
import { syncFolder } from '../../base/files/safe-file';
import { abortedError, diskError, hubError } from '../failures';
import { discard, isNetworkTrouble, pause, type Answer, type HubHttp } from './http';
import type { HubFile } from '../store/cache';

/** Most interrupted requests per file, even if each makes progress. */
const MAX_CUTS = 100;

export interface DownloadOptions {
  readonly signal?: AbortSignal | undefined;
  /** Bytes of the file on disk, including earlier runs; falls if the download restarts. */
  readonly onBytes?: (bytes: number) => void;
}

/** Bytes that an earlier attempt left. */
export async function partialBytes(blob: string): Promise<number> {
  return stat(`${blob}.incomplete`).then(
    (info) => (info.isFile() ? info.size : 0),
    () => 0,
  );
}

/** SHA-256 of a blob that matches the hub's record; otherwise undefined. Cost: reads it. */
export async function checkBlob(blob: string, file: HubFile): Promise<string | undefined> {
  const info = await stat(blob).catch(() => undefined);
  if (info?.isFile() !== true || info.size !== file.size) return undefined;
  const sums = (await feedFile(blob, new Digests(file.size))).end();
  return isRecorded(sums, file) ? sums.sha256 : undefined;
}

/**
 * @param blob target file; replaced if it exists
 * @returns SHA-256 of the file
 * @throws ERR_MODEL_HASH if the content differs from the hub's record; ERR_MODEL_MISSING with
 *   `details.trouble`; ERR_DISK_FULL | ERR_IO | ERR_ABORTED. The partial file is kept, except after
 *   ERR_MODEL_HASH.
 */
export async function downloadFile(
  http: HubHttp,
  url: string,
  file: HubFile,
  blob: string,
  options: DownloadOptions = {},
): Promise<string> {
  const partial = `${blob}.incomplete`;
  try {
    await mkdir(path.dirname(blob), { recursive: true });
    const isResumed = (await partialBytes(blob)) > 0;
    try {
      return await fill(http, url, file, partial, blob, options);
    } catch (error) {
      await forgetIfWrong(error, partial);
      // The bytes of an earlier run may be wrong: restart once from the first byte.
      if (!isResumed || !isWrong(error)) throw error;
      return await fill(http, url, file, partial, blob, options);
    }
  } catch (error) {
    await forgetIfWrong(error, partial);
    throw diskError(partial, error);
  }
}

const isWrong = (error: unknown): boolean => codeOf(error) === 'ERR_MODEL_HASH';

async function forgetIfWrong(error: unknown, partial: string): Promise<void> {
  if (isWrong(error)) await rm(partial, { force: true });
}

async function fill(
  http: HubHttp,
  url: string,
  file: HubFile,
  partial: string,
  blob: string,
  options: DownloadOptions,
): Promise<string> {
  // 'a' ignores positions; 'r+' fails if the file does not exist.
  const handle = await open(partial, 'r+').catch(() => open(partial, 'w+'));
  let sums: Digests;
  try {
    const target = await Target.resume(handle, partial, file, options.onBytes);
    await receive(http, url, target, options.signal);
    sums = target.digests;
    await handle.sync();
  } finally {
    await handle.close();
  }
  const found = sums.end();
  if (!isRecorded(found, file)) {
    const [received, recorded] = file.sha256
      ? [`SHA-256 ${found.sha256}`, file.sha256]
      : [`git SHA-1 ${found.gitSha1}`, file.gitSha1];
    throw makeError(
      'ERR_MODEL_HASH',
      `${file.path} arrived with ${received}, the hub records ${recorded}: refused and deleted. ` +
        'A proxy or mirror on the way may change files',
      { details: { path: file.path, received, recorded } },
    );
  }
  await rename(partial, blob);
  await syncFolder(path.dirname(blob));
  return found.sha256;
}

/** The partial file, its length and its digests so far. */
class Target {
  private constructor(
    private readonly handle: FileHandle,
    readonly file: HubFile,
    private readonly onBytes: ((bytes: number) => void) | undefined,
    public digests: Digests,
    public done: number,
  ) {}

  static async resume(
    handle: FileHandle,
    partial: string,
    file: HubFile,
    onBytes: ((bytes: number) => void) | undefined,
  ): Promise<Target> {
    const { size } = await handle.stat();
    const target = new Target(handle, file, onBytes, new Digests(file.size), 0);
    if (size > file.size) await target.restart();
    else if (size > 0) {
      target.digests = await feedFile(partial, target.digests);
      target.done = size;
    }
    onBytes?.(target.done);
    return target;
  }

  async restart(): Promise<void> {
    await this.handle.truncate(0);
    this.digests = new Digests(this.file.size);
    this.done = 0;
    this.onBytes?.(0);
  }

  /** @throws ERR_MODEL_HASH if the file is longer than the hub's record */
  async write(bytes: Buffer): Promise<void> {
    if (bytes.length > this.file.size - this.done) {
      throw makeError(
        'ERR_MODEL_HASH',
        `${this.file.path} is longer than the ${this.file.size} bytes that the hub records: refused and deleted`,
        { details: { path: this.file.path, recorded: this.file.size } },
      );
    }
    try {
      for (let at = 0; at < bytes.length;) {
        const left = bytes.length - at;
        const { bytesWritten } = await this.handle.write(bytes, at, left, this.done + at);
        at += bytesWritten;
      }
    } catch (cause) {
      // Converted here: the caller cannot tell errors of the disk from those of the network.
      throw diskError(this.file.path, cause);
    }
    this.digests.update(bytes);
    this.done += bytes.length;
    this.onBytes?.(this.done);
  }
}

/** Requests the rest until the file is complete. Bounds all interruptions, and those without progress. */
async function receive(
  http: HubHttp,
  url: string,
  target: Target,
  signal: AbortSignal | undefined,
): Promise<void> {
  const { file } = target;
  // Progress is measured at the furthest byte: a server that sends only the first half of a file, from
  // its start each time, makes none.
  let furthest = target.done;
  for (let cuts = 0, vain = 0; target.done < file.size;) {
    let cause: unknown;
    try {
      await receiveOnce(http, url, target, signal);
    } catch (error) {
      if (signal?.aborted === true) throw abortedError(signal);
      if (!isNetworkTrouble(error)) throw error;
      cause = error;
    }
    if (target.done >= file.size) return;
    cuts++;
    vain = target.done > furthest ? 0 : vain + 1;
    furthest = Math.max(furthest, target.done);
    if (vain >= http.retry.tries || cuts >= MAX_CUTS) {
      throw hubError(
        'unreachable',
        `${file.path} ended at byte ${target.done} of ${file.size} and does not go on`,
        { url, path: file.path },
        cause,
      );
    }
    await pause(http.retry.firstWaitMs * 2 ** vain, signal);
  }
}

async function receiveOnce(
  http: HubHttp,
  url: string,
  target: Target,
  signal: AbortSignal | undefined,
): Promise<void> {
  const headers: Record<string, string> = target.done > 0 ? { range: `bytes=${target.done}-` } : {};
  const answer = await http.get(url, { headers, signal });
  try {
    if (answer.status === 200) {
      // The server ignored the range and sends the whole file.
      if (target.done > 0) await target.restart();
    } else if (!continues(answer, target.done)) {
      await target.restart();
      return;
    }
    for await (const chunk of answer.body) await target.write(chunk as Buffer);
  } finally {
    discard(answer.body);
  }
}

/** False if the answer is another range, or none (416). */
function continues(answer: Answer, done: number): boolean {
  const range = answer.headers['content-range'];
  return answer.status === 206 && typeof range === 'string' && range.startsWith(`bytes ${done}-`);
}

function isRecorded(
  sums: { readonly sha256: string; readonly gitSha1: string },
  file: HubFile,
): boolean {
  return file.sha256 === undefined ? sums.gitSha1 === file.gitSha1 : sums.sha256 === file.sha256;
}
