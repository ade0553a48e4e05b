/**
 * One file of a repository into the cache: resumed where an earlier try ended, hashed on the way,
 * compared with the hub's record, and only then put in its place.
 *
 * The hub's own client starts again after every cut, reports no progress and compares no sum, so it is
 * not used. The partial file has the name that the hub's tools use, `<blob>.incomplete`, so
 * that either can go on where the other stopped.
 */
import { mkdir, open, rename, rm, stat, type FileHandle } from 'node:fs/promises';
import path from 'node:path';
import { codeOf, makeError } from '../../base/errors';
import { Digests, digestsOfFile, feedFile } from '../file-hash';
import { syncFolder } from '../../base/files/safe-file';
import { abortedError, diskError, hubError } from '../failures';
import { discard, isNetworkTrouble, pause, type Answer, type HubHttp } from './http';
import type { HubFile } from '../store/cache';

/** Cuts that are forgiven as long as each try brings something. */
const MAX_CUTS = 100;

export interface DownloadOptions {
  readonly signal?: AbortSignal | undefined;
  /** Bytes of this file that are there, also those of earlier runs; falls when it starts again. */
  readonly onBytes?: (bytes: number) => void;
}

/** Bytes that an earlier try left behind. */
export async function partialBytes(blob: string): Promise<number> {
  return stat(`${blob}.incomplete`).then(
    (info) => (info.isFile() ? info.size : 0),
    () => 0,
  );
}

/**
 * SHA-256 of a blob that is there and is what the hub records; undefined otherwise.
 * Cost: reads it.
 */
export async function checkBlob(blob: string, file: HubFile): Promise<string | undefined> {
  const info = await stat(blob).catch(() => undefined);
  if (info?.isFile() !== true || info.size !== file.size) return undefined;
  const sums = await digestsOfFile(blob, file.size);
  return isRecorded(sums, file) ? sums.sha256 : undefined;
}

/**
 * Downloads one file.
 *
 * @param blob where it goes; replaced when something else is there
 * @returns its SHA-256
 * @throws ERR_MODEL_HASH when the content is not what the hub records; ERR_MODEL_MISSING with
 *   `details.trouble`; ERR_DISK_FULL | ERR_IO | ERR_ABORTED. What has arrived stays for the next
 *   try, except after ERR_MODEL_HASH.
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
      // What an earlier run left may be to blame: once more, from the first byte.
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
  // 'a' would ignore positions; 'r+' needs the file to exist.
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

/** The file being written: how far it is, and its sums up to there. */
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

  /** @throws ERR_MODEL_HASH when more arrives than the hub records */
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
      // Told apart here: to the caller a disk and a network that fail look alike.
      throw diskError(this.file.path, cause);
    }
    this.digests.update(bytes);
    this.done += bytes.length;
    this.onBytes?.(this.done);
  }
}

/** Asks until all bytes are there. Tries that bring nothing are counted, and so are all cuts. */
async function receive(
  http: HubHttp,
  url: string,
  target: Target,
  signal: AbortSignal | undefined,
): Promise<void> {
  const { file } = target;
  // Measured at the furthest byte: a hub that has only half of the file would otherwise be asked for
  // that half again and again.
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
      // The whole file comes although the rest was asked for.
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

/** False for another part of the file than the one asked for, or none (416). */
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
