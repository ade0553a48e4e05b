/**
 * Hashes of files. SHA-256 sums are cached in the process by path, size and change time, so that the check
 * against a lock entry and the model's identity read the weights once.
 */
import { createHash } from 'node:crypto';
import { createReadStream, type Stats } from 'node:fs';
import { stat } from 'node:fs/promises';
import { LRUCache } from 'lru-cache';

export interface FileSum {
  /** Changes when the file does. */
  readonly stamp: string;
  readonly size: number;
  /** Lower-case hexadecimal. */
  readonly sha256: string;
}

/** More than the files of all models that one process opens. */
const remembered = new LRUCache<string, FileSum>({ max: 1024 });

/** Follows links. Cost: about a second per gigabyte, once. */
export async function sumOfFile(file: string): Promise<FileSum> {
  const info = await stat(file);
  const stamp = stampOf(info);
  const known = remembered.get(file);
  if (known !== undefined && known.stamp === stamp) return known;
  const hash = createHash('sha256');
  for await (const chunk of piecesOf(file)) hash.update(chunk as Buffer);
  const sum: FileSum = { stamp, size: info.size, sha256: hash.digest('hex') };
  remembered.set(file, sum);
  return sum;
}

const stampOf = ({ dev, ino, size, mtimeMs }: Stats): string => `${dev}:${ino}:${size}:${mtimeMs}`;

/** Whether a file has the bytes of a sum, also of another process: hashed only where its stamp is another. */
export async function isAsSummed(
  file: string,
  sum: Pick<FileSum, 'stamp' | 'sha256'>,
): Promise<boolean> {
  return stampOf(await stat(file)) === sum.stamp || (await sumOfFile(file)).sha256 === sum.sha256;
}

const piecesOf = (file: string): NodeJS.ReadableStream =>
  createReadStream(file, { highWaterMark: 1 << 20 });

/** Both sums by which the hub records files, fed piece by piece. */
export class Digests {
  private readonly sha256 = createHash('sha256');
  private readonly git = createHash('sha1');

  /** @param size bytes of the whole file: git hashes it in front of the content */
  constructor(size: number) {
    this.git.update(`blob ${size}\0`);
  }

  update(bytes: Uint8Array): void {
    this.sha256.update(bytes);
    this.git.update(bytes);
  }

  /** Ends the sums; call once. */
  end(): { readonly sha256: string; readonly gitSha1: string } {
    return { sha256: this.sha256.digest('hex'), gitSha1: this.git.digest('hex') };
  }
}

/**
 * Hashes without caching.
 *
 * @param size bytes that the whole file has, or will have when it is still being written
 */
export async function digestsOfFile(
  file: string,
  size: number,
): Promise<{ sha256: string; gitSha1: string }> {
  return (await feedFile(file, new Digests(size))).end();
}

/** Feeds what is in the file; returns the same sums for more. */
export async function feedFile(file: string, digests: Digests): Promise<Digests> {
  for await (const chunk of piecesOf(file)) digests.update(chunk as Buffer);
  return digests;
}
